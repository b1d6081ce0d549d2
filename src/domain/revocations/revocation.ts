/** What an entry names: one access token, one sign-in, or what a person or a client was given until a moment. */
export type RevocationKind = 'jti' | 'sid' | 'sub' | 'client_id'

/**
 * One entry of the revocation feed. Times are seconds since 1970. Whether it ends a token is judged in SQL, by
 * store/revocations/revocations.ts, and for the tokens of status lists by store/revocations/status-entries.ts.
 */
export type Revocation = Readonly<{
  kind: RevocationKind
  value: string
  /** When the last token that it ends expires by itself. */
  expires_at: number
  /** Of `sub` and `client_id`: a token with an `iat` up to this one is ended. Null for the others, which end every token. */
  issued_until: number | null
}>

/**
 * An entry with its place in the feed, which it shares with those that were numbered together. Given in SQL, by
 * store/revocations/number-revocations.ts.
 */
export type NumberedRevocation = Revocation & Readonly<{ number: number }>

/**
 * Ours: entries without a number, at most. Beside those that have one they must go into one answer, of which followers take 4 MB.
 * Carried out by store/revocations/revocation-feed.ts.
 */
export const UNNUMBERED_MOST = 50_000

/** What stands for these sign-ins on the blocklist. */
export const signInEntries = (families: readonly string[]) =>
  families.map(value => ({ kind: 'sid' as const, value }))
