import { isSelfRegistered } from '../../domain/clients/self-registration.ts'
import { type Client, FIRST_PARTY } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock, Log } from '../../ports/effects.ts'

/**
 * The clients of the database, by id, and what its rows say of those that have registered themselves. Null for one that may not be used: it is
 * disabled or deleted, or this version does not understand it.
 */
export type StoredClients = ReadonlyMap<string, Client | null>

type Registry = Readonly<{
  byId: ReadonlyMap<string, Client>
  origins: ReadonlySet<string>
  firstPartyOrigins: ReadonlySet<string>
}>

/** `builtIn`: the clients that this server itself acts as. No page of theirs calls the account API. */
type Needs = Readonly<{ log: Log; clock: Clock; builtIn: readonly Client[] }>

/** Clients that one line of the log names, at most. */
const NAMED_MOST = 20

/**
 * Ours – All clients of this instance, in memory: no request reads anything for a client. A client of CLIENTS_FILE stands before one of the
 * database with the same id, and both before the built-in one of the account API. None stands before those of `builtIn`.
 */
export const createRegisteredClients = ({ log, clock, builtIn }: Needs) => {
  const originsOf = createOriginsOf()
  const atPresent = createAtPresent(clock)
  let listed: readonly Client[] = []
  let stored: StoredClients = new Map()
  let registry = merge({ listed, stored, builtIn }, originsOf)
  let twice = ''

  const rebuild = () => {
    registry = merge({ listed, stored, builtIn }, originsOf)
    const both = listed.map(({ client_id }) => client_id).filter(client_id => stored.has(client_id))
    if (both.length > 0 && both.join('\n') !== twice)
      log.warn({ event: 'clients_registered_twice', client_ids: both.slice(0, NAMED_MOST) }, TWICE)
    twice = both.join('\n')
  }

  const clients: Clients = {
    find: async client_id => {
      const client = registry.byId.get(client_id)
      return client === undefined ? null : atPresent(client)
    },
    findFor: async client_id => {
      const client = registry.byId.get(client_id)
      // The client_id is not logged: a caller who swaps id and secret has sent the secret there.
      return client === undefined
        ? { refusal: new OAuthError('client_unknown') }
        : { client: atPresent(client) }
    },
    all: async () => [...registry.byId.values()],
    hasOrigin: origin => registry.origins.has(origin),
    hasFirstPartyOrigin: origin => registry.firstPartyOrigins.has(origin),
  }
  return {
    clients,
    /** The clients of CLIENTS_FILE. */
    listed: (): readonly Client[] => listed,
    /** True for the id of a client that stands in the database and may not be used. */
    isWithheld: (client_id: string): boolean =>
      stored.get(client_id) === null && !registry.byId.has(client_id),
    /** The row of a client that has registered itself. Null: the client may not be used; undefined: there is no such row. */
    findRegistration: (client_id: string): Client | null | undefined => {
      const row = stored.get(client_id)
      return row && !isSelfRegistered(row) ? undefined : row
    },
    /** Replaces the clients of CLIENTS_FILE. */
    putListed: (next: readonly Client[]) => {
      listed = next
      rebuild()
    },
    /** Replaces the clients of the database. A client that did not change stays the same object, by which callers keep what they derive. */
    putStored: (next: StoredClients) => {
      stored = next
      rebuild()
    },
  }
}

const TWICE =
  'clients stand in CLIENTS_FILE and in the database: those of the file are used; remove one of the two'

type Sources = Readonly<{ listed: readonly Client[]; stored: StoredClients; builtIn: readonly Client[] }>

const merge = (
  { listed, stored, builtIn }: Sources,
  originsOf: (client: Client) => readonly string[],
): Registry => {
  const byId = new Map([[FIRST_PARTY.client_id, FIRST_PARTY]])
  for (const [client_id, client] of stored)
    if (client === null) byId.delete(client_id)
    else if (!isSelfRegistered(client)) byId.set(client_id, client)
  for (const client of listed) byId.set(client.client_id, client)
  const clients = [...byId.values()]
  for (const client of builtIn) byId.set(client.client_id, client)
  return {
    byId,
    origins: new Set(clients.flatMap(originsOf)),
    firstPartyOrigins: new Set(clients.filter(client => client.first_party).flatMap(originsOf)),
  }
}

/** A client without the former secret whose time is over: by the clock of this process, so that it ends without the database too. */
const createAtPresent = (clock: Clock) => {
  const without = new WeakMap<Client, Client>()
  return (client: Client): Client => {
    if (client.former_secret === undefined || clock() < client.former_secret.expires_at) return client
    const { former_secret: _, ...rest } = client
    const present = without.get(client) ?? rest
    without.set(client, present)
    return present
  }
}

/** The origins of redirect URIs, computed once a client: a change of one client must not parse the URIs of ten thousand. */
const createOriginsOf = () => {
  const known = new WeakMap<Client, readonly string[]>()
  return (client: Client): readonly string[] => {
    const kept = known.get(client)
    if (kept !== undefined) return kept
    const origins = client.redirect_uris.map(uri => new URL(uri).origin).filter(origin => origin !== 'null')
    known.set(client, origins)
    return origins
  }
}
