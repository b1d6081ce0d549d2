/** The registered clients, and the assertions and proofs that they have spent. A comment states atomicity and failure. */
import type { Digest } from '../domain/base/digest.ts'
import type { RegistrationRefusal } from '../domain/clients/registration-refusals.ts'
import type { EventKind } from '../domain/events/event-kinds.ts'
import type { Client, ClientRecord } from '../domain/oauth/client.ts'
import type { OAuthError } from '../domain/oauth/oauth-error.ts'

/** A client, or why there is none that could be used. */
export type FoundClient = Readonly<{ client: Client } | { refusal: OAuthError }>

export type Clients = {
  /**
   * Null when no client has this id. Fetches nothing: of a client that a document describes it tells what was last known here, and nothing
   * that it may decide on.
   */
  find(client_id: string): Promise<Client | null>
  /**
   * The client of a request. Fetches the document of a client that has one, at most once in its lifetime. `limit_key`: under which a fetch
   * is counted; null where a credential of this server proves that the client was known. Without a document it costs what `find` costs.
   */
  findFor(client_id: string, limit_key: string | null): Promise<FoundClient>
  /** Every registered client. */
  all(): Promise<readonly Client[]>
  /** True for an origin of any registered redirect URI. */
  hasOrigin(origin: string): boolean
  /** True for an origin of a first-party client's redirect URI. */
  hasFirstPartyOrigin(origin: string): boolean
}

/**
 * RFC 7523 §3, WebAuthn §13.4.3 – Remembers assertions until they expire, across restarts and instances: of clients, and of the passkeys
 * that sign people in on the pages.
 */
export type SpentAssertions = {
  /** Atomic. False when the assertion has been spent before. Rejects with Unavailable when the database is away. */
  redeem(assertion: { client_id: string; jti: string; expires_at: Date }): Promise<boolean>
}

/** RFC 9449 §11.1 – Remembers DPoP proofs until they are too old to be taken, across restarts and instances. */
export type SpentProofs = {
  /** Atomic. False when the proof has been shown before. Rejects with Unavailable when the database is away. */
  redeem(proof: { digest: Digest<'dpop_proof'>; expires_at: Date }): Promise<boolean>
}

type Registered = Pick<ClientRecord, 'client_id' | 'metadata' | 'client_secret_digest'>

/**
 * The clients of the database, for registration and administration: every instance follows the changes within two seconds. All verbs reject
 * with Unavailable when the database is away.
 */
export type ClientRegistrations = {
  /** Atomic. 'full' when there are CLIENTS_MOST clients. */
  create(client: Registered): Promise<Readonly<{ version: number }> | 'taken' | 'full'>
  /** Atomic. 'changed' when the client has another version by now. */
  replace(
    client: Registered & Pick<ClientRecord, 'version'>,
  ): Promise<Readonly<{ version: number }> | 'changed' | 'unknown'>
  /** Atomic, and done again without harm. False when the client is unknown. */
  disable(client_id: string): Promise<boolean>
  /** Likewise. */
  enable(client_id: string): Promise<boolean>
  /** Atomic. False when the client is unknown, or has none of the versions, where some are given. */
  delete(client_id: string, versions?: readonly number[] | null): Promise<boolean>
  find(client_id: string): Promise<ClientRecord | null>
  /** The clients in the order of their ids, from the one that follows `after`; null: from the first. An empty page is the end. */
  readPage(after: string | null): Promise<readonly ClientRecord[]>
}

/** What administrators see and change of the clients of the database beside ClientRegistrations. All reject with Unavailable. */
export type AdministeredClients = {
  /** The clients in the order of their ids, `limit` at most. Takes the same time for every page. */
  list(page: Readonly<{ after: string | null; limit: number }>): Promise<readonly ClientRecord[]>
  /**
   * Atomic: the given secret takes the place of the present one, which goes on for these seconds as the former one; 0: it ends. A present
   * secret that no client has used ends in any case, and leaves the former one its place. Null, without a change, when there is no such
   * client with a secret, or it has another version by now.
   */
  addSecret(
    secret: Readonly<{
      client_id: string
      /** Null where the version does not matter. */
      versions: readonly number[] | null
      digest: Digest<'client_secret'>
      overlap_seconds: number
    }>,
  ): Promise<Readonly<{ former_expires_at: Date | null }> | null>
  /** Atomic. Notes to the hour that the secrets were used; one that is no secret of its client any more is left out. */
  noteUses(uses: readonly SecretUse[]): Promise<void>
}

export type SecretUse = Readonly<{ client_id: string; digest: Digest<'client_secret'> }>

/** Notes the use of a secret, in a microsecond: what is noted is written some time later, or lost with the process. Never fails. */
export type SecretUses = { note(client_id: string, digest: Digest<'client_secret'>): void }

/**
 * The rows of clients that have registered themselves: what was changed, disabled or deleted, and what no id can hold. Followed as the other
 * clients are. All verbs reject with Unavailable when the database is away.
 */
export type RegistrationRows = Pick<ClientRegistrations, 'find' | 'delete' | 'enable' | 'disable'> & {
  /**
   * Atomic. 'full' when there are REGISTRATIONS_MOST rows; 'taken' when the id has a row. `event`: what happened to the client, which may
   * have had no row because its id told everything.
   */
  add(
    row: Registered & Readonly<{ isDisabled: boolean; event: EventKind }>,
  ): Promise<'added' | 'taken' | 'full'>
  /** Atomic. False when the id has no row, or one that says that the client was deleted, which is final. */
  change(row: Registered): Promise<boolean>
}

/** What is refused by redirect host or by time of registration. Atomic; they reject with Unavailable when the database is away. */
export type RegistrationRefusals = {
  /** Done again without harm. */
  add(refusal: RegistrationRefusal): Promise<void>
  /** False when there is no such refusal. */
  remove(refusal: RegistrationRefusal): Promise<boolean>
  all(): Promise<readonly RegistrationRefusal[]>
}

export type InitialAccessTokenDigest = Digest<'initial_access_token'>

/** RFC 7591 §1.2 – Initial access tokens, by their digests. They reject with Unavailable when the database is away. */
export type RegistrationTokens = {
  create(token: { digest: InitialAccessTokenDigest; uses: number; seconds: number }): Promise<Date>
  /** Atomic: each use is given once. False for a token that is unknown, expired or used up. */
  spend(digest: InitialAccessTokenDigest): Promise<boolean>
}

/** Where an instance stands that follows the clients of the database. */
export type ClientPosition = Readonly<{ number: number; tag: string }>

/** How an instance follows the clients of the database. All verbs reject with Unavailable when the database is away. */
export type ClientChanges = Pick<ClientRegistrations, 'readPage'> & {
  /** The position of all changes that are committed. */
  readPosition(): Promise<ClientPosition>
  /**
   * The clients that have changed since a position, some at a time, and the position after them. Null when the changes are not known any
   * more, or are those of another past of the database: all clients have to be read again.
   */
  readSince(
    position: ClientPosition,
  ): Promise<Readonly<{ position: ClientPosition; client_ids: readonly string[] }> | null>
  /** Those of the clients that are there. */
  findMany(client_ids: readonly string[]): Promise<readonly ClientRecord[]>
  /** Those of RegistrationRefusals. A change of them is noted under the client_id REFUSALS_CHANGED. */
  readRefusals(): Promise<readonly RegistrationRefusal[]>
}
