import { groupedBy } from '../base/grouped-by.ts'
import { isUuid } from '../base/uuid.ts'
import type { IdColumns } from './id-columns.ts'
import type { Revocation } from './revocation.ts'

/**
 * Ours – Entries in the form of the feed. `ids`: the ids of access tokens and sign-ins, grouped by the minute in which they may be
 * forgotten; 16 bytes each, one after another, in base64url. `named`: the other entries, as kind, value, expiry and issued_until.
 */
export type Portion = Readonly<{
  ids: Readonly<Record<string, string>>
  named: readonly (readonly [string, string, number, number | null])[]
}>

/** The content of a portion: rows of the log, and entries outside its rows. */
type Content = Readonly<{ rows: readonly number[]; entries: readonly Revocation[] }>

/** Ids are grouped by the minute of their expiry, so that they need no expiry each. Keeping an id for up to a minute longer is harmless. */
const EXPIRY_STEP_SECONDS = 60

/** True for an entry that the feed sends as the 16 bytes of its id alone. */
export const isBareId = ({ value, issued_until }: Revocation): boolean =>
  issued_until === null && isUuid(value)

export const hexOf = ({ value }: Revocation): string => value.replaceAll('-', '')

export const roundedExpiryOf = ({ expires_at }: Revocation): number =>
  Math.ceil(expires_at / EXPIRY_STEP_SECONDS) * EXPIRY_STEP_SECONDS

export const createPortion = (columns: IdColumns, { rows, entries }: Content): Portion => {
  const rowsByExpiry = groupedBy(rows, columns.expiryAt)
  const entriesByExpiry = groupedBy(entries.filter(isBareId), roundedExpiryOf)
  const encode = (expiry: number): string =>
    Buffer.concat([
      columns.idsOf(rowsByExpiry.get(expiry) ?? []),
      Buffer.from((entriesByExpiry.get(expiry) ?? []).map(hexOf).join(''), 'hex'),
    ]).toString('base64url')
  const expiries = [...new Set([...rowsByExpiry.keys(), ...entriesByExpiry.keys()])]
  return {
    ids: Object.fromEntries(expiries.map(expiry => [expiry, encode(expiry)])),
    named: entries
      .filter(entry => !isBareId(entry))
      .map(({ kind, value, expires_at, issued_until }) => [kind, value, expires_at, issued_until]),
  }
}
