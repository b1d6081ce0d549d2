import type { AccountLine, LineFault } from '../../domain/account/account-line.ts'
import type { SealedSecret } from '../../domain/factors/sealed-secret.ts'
import { areAdministrative } from '../../domain/oauth/roles.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { RawRecord } from '../terminal/records.ts'
import type { ImportFormat } from './import-formats.ts'

type Numbered = Readonly<{ number: number; account: AccountLine; totp_secret: SealedSecret | null }>
/** `record` numbers the records of a provider's export, several of which may stand on one line. */
type Place = Readonly<{ line: number; record?: number }>
type Refusal = Place & LineFault
/** A field of a record that was imported without it. */
type LeftOut = Place & Readonly<{ code: 'left_out'; field: string }>
type Batch = ReturnType<typeof createBatch>

/** Faults reported of one line: a line of sixteen kilobytes may have thousands, and no reader needs them all. */
const FAULTS_AT_MOST = 8

/** `sealTotp` is null without the pepper of the servers: then secrets of authenticator applications are left out. */
export type BatchReading = Readonly<{
  format: ImportFormat
  sealTotp: ((secret: Uint8Array, owner: string) => SealedSecret) | null
  /** Whether a line may give the roles that administer this server. */
  mayAdminister: boolean
}>

/** A batch of an import: the accounts that can be stored, and the records that were refused before the database is asked. */
export const createBatch = ({ format, sealTotp, mayAdminister }: BatchReading) => {
  const accounts: Numbered[] = []
  const refusals: Refusal[] = []
  const left_out: LeftOut[] = []
  const places = new Map<number, Place>()
  const emails = new Set<string>()
  const ids = new Set<string>()
  const external_ids = new Set<string>()
  const refuse = (place: Place, faults: readonly LineFault[]) =>
    refusals.push(...faults.slice(0, FAULTS_AT_MOST).map(fault => ({ ...place, ...fault })))

  return {
    accounts,
    refusals,
    left_out,
    placeOf: (number: number): Place => places.get(number) ?? { line: number },
    add: (
      number: number,
      { bytes, line }: RawRecord,
      standard: Readonly<{ id: string; created_at: string }>,
    ) => {
      const place = format.label === '' ? { line } : { line, record: number }
      places.set(number, place)
      const text = bytes && decode(bytes)
      if (bytes === null) return refuse(place, [{ code: 'line_too_long', field: null }])
      if (text === null) return refuse(place, [{ code: 'utf8_invalid', field: null }])
      const reading = format.read(text, standard)
      if (reading === null) return 0
      if ('faults' in reading) return refuse(place, reading.faults)
      const { account } = reading
      if (!mayAdminister && areAdministrative(account.roles))
        return refuse(place, [{ code: 'role_administrative', field: 'roles' }])
      if (emails.has(account.email)) return refuse(place, [{ code: 'email_repeated', field: 'email' }])
      if (ids.has(account.id)) return refuse(place, [{ code: 'id_repeated', field: 'id' }])
      const { external_id } = account
      if (external_id !== null && external_ids.has(external_id))
        return refuse(place, [{ code: 'external_id_repeated', field: 'external_id' }])
      emails.add(account.email)
      ids.add(account.id)
      if (external_id !== null) external_ids.add(external_id)
      const { totp } = reading
      const isTotpLost = totp !== null && sealTotp === null
      const lost = isTotpLost ? [...reading.left_out, totp.field] : reading.left_out
      left_out.push(...lost.map(field => ({ ...place, code: 'left_out' as const, field })))
      const totp_secret = totp === null || sealTotp === null ? null : sealTotp(totp.secret, account.id)
      return accounts.push({ number, account, totp_secret })
    },
  }
}

/** Stores the accounts of a batch, once for each digest, and returns every refusal in the order of the lines. */
export const storeBatch = async (
  store: Pick<AccountAdministration, 'importBatch'>,
  { accounts, refusals, placeOf }: Batch,
  digest: Uint8Array,
) => {
  const nothing = { is_new: true, created: 0, email_taken: [], id_taken: [], external_id_taken: [] }
  const outcome = accounts.length === 0 ? nothing : await store.importBatch({ digest, accounts })
  const { email_taken, id_taken, external_id_taken } = outcome
  const all = [
    ...refusals,
    ...email_taken.map((number): Refusal => ({ ...placeOf(number), code: 'email_taken', field: 'email' })),
    ...id_taken.map((number): Refusal => ({ ...placeOf(number), code: 'id_taken', field: 'id' })),
    ...external_id_taken.map(
      (number): Refusal => ({ ...placeOf(number), code: 'external_id_taken', field: 'external_id' }),
    ),
  ]
  return { ...outcome, refusals: all.toSorted(byPlace) }
}

const byPlace = (one: Place, other: Place): number =>
  one.line - other.line || (one.record ?? 0) - (other.record ?? 0)

const decoder = new TextDecoder('utf-8', { fatal: true })

const decode = (bytes: Buffer): string | null => {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}
