/** What ends everything of one party, and what tells other services of all that was ended. */
import type { AccessTokenClaims } from '../domain/access-token.ts'
import type { Snapshot } from '../domain/feed-cursor.ts'
import type { Revocation } from '../domain/revocation.ts'
import type { Revocable } from '../ports.ts'

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

/** The revocations in the order in which they become visible. Both reject with Unavailable when the database is away. */
export type RevocationFeed = {
  /** Every unexpired entry that `known` did not see, and what was seen now. One statement: misses nothing, whatever committed when. */
  readSince(known: Snapshot): Promise<Readonly<{ snapshot: Snapshot; revocations: readonly Revocation[] }>>
  /**
   * Hands over everything in portions, each when the promise of the one before is fulfilled; rejects with it. What is returned was seen
   * before the first of them: go on from there.
   */
  readAll(take: (revocations: readonly Revocation[]) => unknown): Promise<Snapshot>
}

/** What of a token a status list must know. */
export type Listable = Revocable & Pick<AccessTokenClaims, 'exp'>

/** The places of access tokens in the status lists, counted over all lists. All reject with Unavailable when the database is away. */
export type StatusEntries = {
  /** Atomic: a place that no other token has, durable before the token is issued. */
  reserve(token: Listable): Promise<number>
  /** The first and the last place that may be that of a living token; null when there is none. */
  bounds(): Promise<Readonly<{ first: number; last: number }> | null>
  /** Which of `size` places from `first` on are those of ended tokens, by `isLive`'s rules: each byte that is not 0, from its lowest bit on. */
  findEnded(range: {
    first: number
    size: number
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
