import { type AccountLine, type LineFault, parseAccountLine } from '../../domain/account/account-line.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'

type Numbered = Readonly<{ number: number; account: AccountLine }>
type Refusal = Readonly<{ line: number }> & LineFault
type Batch = ReturnType<typeof createBatch>

/** Faults reported of one line: a line of sixteen kilobytes may have thousands, and no reader needs them all. */
const FAULTS_AT_MOST = 8

/** A batch of lines of an import: the accounts that can be stored, and the lines that were refused before the database is asked. */
export const createBatch = () => {
  const accounts: Numbered[] = []
  const refusals: Refusal[] = []
  const emails = new Set<string>()
  const ids = new Set<string>()
  const external_ids = new Set<string>()
  const refuseLine = (line: number, faults: readonly LineFault[]) =>
    refusals.push(...faults.slice(0, FAULTS_AT_MOST).map(fault => ({ line, ...fault })))

  return {
    accounts,
    refusals,
    add: (number: number, bytes: Buffer | null, standard: Readonly<{ id: string; created_at: string }>) => {
      const text = bytes && decode(bytes)
      if (bytes === null) return refuseLine(number, [{ code: 'line_too_long', field: null }])
      if (text === null) return refuseLine(number, [{ code: 'utf8_invalid', field: null }])
      if (text.trim() === '') return 0
      const reading = parseAccountLine(text, standard)
      if ('faults' in reading) return refuseLine(number, reading.faults)
      const { account } = reading
      if (emails.has(account.email)) return refuseLine(number, [{ code: 'email_repeated', field: 'email' }])
      if (ids.has(account.id)) return refuseLine(number, [{ code: 'id_repeated', field: 'id' }])
      const { external_id } = account
      if (external_id !== null && external_ids.has(external_id))
        return refuseLine(number, [{ code: 'external_id_repeated', field: 'external_id' }])
      emails.add(account.email)
      ids.add(account.id)
      if (external_id !== null) external_ids.add(external_id)
      return accounts.push({ number, account })
    },
  }
}

/** Stores the accounts of a batch, once for each digest, and returns every refusal in the order of the lines. */
export const storeBatch = async (
  store: AccountAdministration,
  { accounts, refusals }: Batch,
  digest: Uint8Array,
) => {
  const nothing = { is_new: true, created: 0, email_taken: [], id_taken: [], external_id_taken: [] }
  const outcome = accounts.length === 0 ? nothing : await store.importBatch({ digest, accounts })
  const { email_taken, id_taken, external_id_taken } = outcome
  const all = [
    ...refusals,
    ...email_taken.map((line): Refusal => ({ line, code: 'email_taken', field: 'email' })),
    ...id_taken.map((line): Refusal => ({ line, code: 'id_taken', field: 'id' })),
    ...external_id_taken.map((line): Refusal => ({ line, code: 'external_id_taken', field: 'external_id' })),
  ]
  return { ...outcome, refusals: all.toSorted((a, b) => a.line - b.line) }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

const decode = (bytes: Buffer): string | null => {
  try {
    return decoder.decode(bytes)
  } catch {
    return null
  }
}
