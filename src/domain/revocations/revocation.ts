/** The subject of an entry: one access token, one sign-in, or every token that a person or a client was issued until a moment. */
export type RevocationKind = 'jti' | 'sid' | 'sub' | 'client_id'

/**
 * One entry of the revocation feed. Times are seconds since 1970. Whether an entry ends a token is judged in SQL, by
 * store/revocations/revocations.ts, and for the tokens of status lists by store/revocations/status-entries.ts.
 */
export type Revocation = Readonly<{
  kind: RevocationKind
  value: string
  /** The expiry of the last token that the entry ends. */
  expires_at: number
  /** For `sub` and `client_id`: the last `iat` whose tokens are ended. Null for the others, which end tokens of any `iat`. */
  issued_until: number | null
}>

/**
 * An entry with its number in the feed. Entries that were numbered together share one. Numbers are given in SQL, by
 * store/revocations/number-revocations.ts.
 */
export type NumberedRevocation = Revocation & Readonly<{ number: number }>

/**
 * Ours: entries without a number, at most. They must fit into one answer beside the numbered ones, and followers accept 4 MB. Enforced by
 * store/revocations/revocation-feed.ts.
 */
export const UNNUMBERED_MOST = 50_000

/** The entries of these sign-ins on the blocklist. */
export const signInEntries = (families: readonly string[]) =>
  families.map(value => ({ kind: 'sid' as const, value }))
