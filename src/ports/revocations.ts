/** What has been ended before it expired, and what tells other services of it. A comment states atomicity and failure. */
import type { Account } from '../domain/account/account.ts'
import type { AccessTokenClaims } from '../domain/oauth/access-token.ts'
import type { FeedPosition } from '../domain/revocations/feed-cursor.ts'
import type { NumberedRevocation, Revocation, RevocationKind } from '../domain/revocations/revocation.ts'

/** What of a token a revocation may name. */
export type Revocable = Pick<AccessTokenClaims, 'jti' | 'sid' | 'sub' | 'client_id' | 'iat'>

/** What has been ended before it expired. Durable in Postgres; entries live as long as the token would have. */
export type Revocations = {
  /**
   * Atomic and idempotent. A family of which many single tokens were revoked lately is ended instead, as one entry of the feed.
   * `ended` is its id, or null; `is_new` is false where nothing had to be written.
   */
  revokeAccessToken(token: {
    jti: string
    sid?: string | undefined
    expires_at: Date
  }): Promise<Readonly<{ ended: string | null; is_new: boolean }>>
  /** False when the token, its family or its account has been ended. */
  isLive(claims: Revocable): Promise<boolean>
  /** The account behind a live access token; null when the token, its family or its account has been ended. */
  findAccount(claims: Revocable): Promise<Account | null>
}

/** The revocations again, where looking one up costs microseconds. May forget; never says "live". Never rejects. */
export type Blocklist = {
  /** True: certainly revoked. False: ask Postgres. */
  has(claims: Revocable): Promise<boolean>
}

export type BlocklistEntry = Readonly<{ kind: RevocationKind; value: string; issued_until?: number }>

/** What the composition alone is given: every verb that ends something in Postgres adds the entries itself. Never rejects. */
export type WritableBlocklist = Blocklist & {
  add(entries: readonly BlocklistEntry[], seconds: number): Promise<void>
}

/** The last second whose tokens are ended, since 1970, and the seconds for which that must be remembered. */
export type Ended = Readonly<{ issued_until: number; seconds: number }>

/** Of a person: the sign-ins too. */
export type EndedPerson = Ended & Readonly<{ families: readonly string[] }>

/** Ends everything of one party: families, access tokens, and the entries of the feed. Idempotent. */
export type Endings = {
  /** Atomic. Returns the families that it ended; null when there is no such person. A sign-in under way gets no living family. */
  endPerson(sub: string): Promise<EndedPerson | null>
  /** Atomic up to ten thousand families; then ten thousand at a time, the access tokens first and all at once. */
  endClient(client_id: string): Promise<Ended>
}

/** What came after a position of the feed. */
export type FeedStep = Readonly<{
  /** Those after it, in their order: the answer reaches to the last one. Empty when nothing was numbered since. */
  positions: readonly FeedPosition[]
  /** True when more is numbered than this answer holds. */
  isUnfinished: boolean
  numbered: readonly NumberedRevocation[]
  /** Committed, and without a number yet: all of them. They come again with one. */
  unnumbered: readonly Revocation[]
}>

/**
 * The revocations in an order of their own: each is numbered after its commit, and numbers become visible in their order. What is
 * not numbered yet is part of every answer, so that no reader waits for the one that numbers. Both number what they can first, and
 * reject with Unavailable when the database is away.
 */
export type RevocationFeed = {
  /**
   * Every unexpired entry after `known`, in one statement. Null when the database has no such position: its past is another one.
   * Rejects with Unavailable when the database is away, or when more than UNNUMBERED_MOST entries wait for a number.
   */
  readSince(known: FeedPosition): Promise<FeedStep | null>
  /**
   * Hands over every numbered entry in portions, each when the promise of the one before is fulfilled; rejects with it. Returns the
   * positions that cursors may name, in their order: go on from the last one.
   */
  readAll(take: (revocations: readonly NumberedRevocation[]) => unknown): Promise<readonly FeedPosition[]>
}

/** What of a token a status list must know. */
export type Listable = Revocable & Pick<AccessTokenClaims, 'exp'>

/** The places of access tokens in the status lists, counted over all lists. All reject with Unavailable when the database is away. */
export type StatusEntries = {
  /** Atomic: a place that no other token has, durable before the token is issued. */
  reserve(token: Listable): Promise<number>
  /** The first and the last place that may be that of a living token; null when there is none. */
  bounds(): Promise<Readonly<{ first: number; last: number }> | null>
  /**
   * Which of `size` places from `first` on are those of ended tokens: each byte that is not 0, from its lowest bit on. Ended by `isLive`'s
   * rules, or because the client is not among the registered ones, or got the token for itself and may act for itself no more.
   */
  findEnded(range: {
    first: number
    size: number
    registered: readonly Readonly<{ client_id: string; mayActForItself: boolean }>[]
  }): Promise<readonly Readonly<{ byte: number; bits: number }>[]>
}

/** The blocklist as other services read it in Redis by themselves: complete, or not said to be. Rejects when Redis is away. */
export type BlocklistMirror = {
  /** Which connection this is; null while there is none. */
  connection(): number | null
  write(revocations: readonly Revocation[], now: Date): Promise<void>
  /** Before everything is written. A ticket that is lost with everything else when Redis is emptied. Rejects where Redis may evict. */
  begin(): Promise<string>
  /** Atomic. Complete, for some seconds. Rejects when the ticket is lost, or an entry may have been evicted since. */
  complete(ticket: string): Promise<void>
  /** Atomic. Complete for some seconds more. False when it was not any longer: emptied, evicted, restarted, or not renewed in time. */
  renew(): Promise<boolean>
}
