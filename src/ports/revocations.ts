/** Endings before the expiry, and the feed that tells other services of them. A comment states atomicity and failure. */
import type { Account } from '../domain/account/account.ts'
import type { AccessTokenClaims } from '../domain/oauth/access-token.ts'
import type { FeedPosition } from '../domain/revocations/feed-cursor.ts'
import type { NumberedRevocation, Revocation, RevocationKind } from '../domain/revocations/revocation.ts'

/** The claims of a token that a revocation may name. */
export type Revocable = Pick<AccessTokenClaims, 'jti' | 'sid' | 'sub' | 'client_id' | 'iat'>

/**
 * Revocations, durable in Postgres. An entry is kept for as long as the ended token would have lived. All reject with Unavailable when the
 * database is away.
 */
export type Revocations = {
  /**
   * Atomic and idempotent. A family whose tokens were revoked singly too often is ended instead, with one entry of the feed. `ended` is the
   * id of that family, or null; `is_new` is false when nothing had to be written.
   */
  revokeAccessToken(token: {
    jti: string
    /** The sign-in that the token belongs to. */
    family?: Readonly<{ family_id: string; user_id: string }> | undefined
    /** The client that revokes its token, for the event. */
    client_id?: string
    expires_at: Date
  }): Promise<Readonly<{ ended: string | null; is_new: boolean }>>
  /** The database's time at which the token lived; null when the token, its family or its account has been ended. */
  livingAt(claims: Revocable): Promise<Date | null>
  /** The account behind a live access token; null when the token, its family or its account has been ended. */
  findAccount(claims: Revocable): Promise<Account | null>
}

/** A copy of the revocations whose look-up takes microseconds. It may forget entries. Never rejects. */
export type Blocklist = {
  /** True: certainly revoked. False: not known here, ask Postgres. */
  has(claims: Revocable): Promise<boolean>
}

export type BlocklistEntry = Readonly<{ kind: RevocationKind; value: string; issued_until?: number }>

/** The blocklist for the composition alone, which wraps each verb that ends something in Postgres. Never rejects. */
export type WritableBlocklist = Blocklist & {
  add(entries: readonly BlocklistEntry[], seconds: number): Promise<void>
}

/** The last second whose tokens are ended, since 1970, and the seconds for which the ending must be remembered. */
export type Ended = Readonly<{ issued_until: number; seconds: number }>

/** What ended of a person: also the ids of the ended sign-ins. */
export type EndedPerson = Ended & Readonly<{ families: readonly string[] }>

/** Ends all families and access tokens of a person or a client, with the entries of the feed. Idempotent. All reject with Unavailable. */
export type Endings = {
  /** Atomic. Returns the families that it ended; null when there is no such account. A sign-in under way gets no living family. */
  endPerson(sub: string): Promise<EndedPerson | null>
  /** Atomic for up to ten thousand families. Of more, the first statement ends all access tokens and each marks ten thousand families. */
  endClient(client_id: string): Promise<Ended>
}

/** The entries after a position of the feed. */
export type FeedStep = Readonly<{
  /** The following positions, in order; the entries reach to the last one. Empty when nothing was numbered since. */
  positions: readonly FeedPosition[]
  /** True when further numbered entries follow. */
  isUnfinished: boolean
  numbered: readonly NumberedRevocation[]
  /** All committed entries without a number. They follow again once they have one. */
  unnumbered: readonly Revocation[]
}>

/**
 * The revocations in the order of the feed: each entry is numbered after its commit, and numbers become visible in order. Entries without
 * a number are part of every answer, so that readers do not wait for numbering. Both verbs number what they can first, and reject with
 * Unavailable when the database is away.
 */
export type RevocationFeed = {
  /**
   * Every unexpired entry after `known`, from one statement. Null when the database does not have this position: it has expired, or is of
   * another past. Rejects with Unavailable when the database is away, or when more than UNNUMBERED_MOST entries wait for a number.
   */
  readSince(known: FeedPosition): Promise<FeedStep | null>
  /**
   * Passes every numbered entry to `take` in pages, each after the promise for the former page is fulfilled; rejects when that promise
   * does. Returns the positions that cursors may name, in order. Continue with `readSince` from the last one.
   */
  readAll(take: (revocations: readonly NumberedRevocation[]) => unknown): Promise<readonly FeedPosition[]>
}

/** The claims of a token that a status list needs. */
export type Listable = Revocable & Pick<AccessTokenClaims, 'exp'>

/** The places of access tokens in the status lists, counted across the lists. All reject with Unavailable when the database is away. */
export type StatusEntries = {
  /** Atomic and durable: reserves a place that no other token has, before the token is issued. */
  reserve(token: Listable): Promise<number>
  /** The first and the last place that a living token may have; null when there is none. */
  bounds(): Promise<Readonly<{ first: number; last: number }> | null>
  /**
   * The places of ended tokens among `size` places from `first` on: each byte that is not 0, lowest bit first. A token is ended by the
   * rules of `livingAt`, or when its client is not registered, or when the client got the token for itself and may no longer act for itself.
   */
  findEnded(range: {
    first: number
    size: number
    registered: readonly Readonly<{ client_id: string; mayActForItself: boolean }>[]
  }): Promise<readonly Readonly<{ byte: number; bits: number }>[]>
}

/** The blocklist that other services read in Redis. A key says whether it is complete. All reject when Redis is away. */
export type BlocklistMirror = {
  /** The number of the present connection; null while there is none. */
  connection(): number | null
  /** Writes unexpired entries. Idempotent. */
  write(revocations: readonly Revocation[], now: Date): Promise<void>
  /** Call before all entries are written. Stores a ticket, which is lost when Redis is emptied. Rejects when Redis may evict keys. */
  begin(): Promise<string>
  /** Atomic: marks the blocklist as complete for some seconds. Rejects when the ticket is lost, or an entry may have been evicted since. */
  complete(ticket: string): Promise<void>
  /** Atomic: prolongs the mark by some seconds. False when the mark is gone: Redis was emptied, evicted, restarted, or renewed too late. */
  renew(): Promise<boolean>
}
