import { readFile } from 'node:fs/promises'
import type { AudiencePolicy } from '../domain/audience.ts'
import { type Client, FIRST_PARTY } from '../domain/client.ts'
import { parseClients } from '../domain/client-metadata.ts'
import { StartFault } from '../domain/start-fault.ts'
import type { Clients } from '../ports.ts'

type Source = Readonly<{ file: string | null; more: readonly Client[]; policy: AudiencePolicy }>

/** The registered clients of CLIENTS_FILE, in memory: no request reads anything for a client. */
export const openClients = async (source: Source) => {
  let registry = await read(source)
  const clients: Clients = {
    find: async client_id => registry.byId.get(client_id) ?? null,
    hasOrigin: origin => registry.origins.has(origin),
    hasFirstPartyOrigin: origin => registry.firstPartyOrigins.has(origin),
  }
  return {
    clients,
    /** Reads the file again. Throws StartFault and keeps what it had when the file has faults. */
    reload: async () => {
      registry = await read(source)
    },
  }
}

const read = async ({ file, more, policy }: Source) => {
  const clients = [FIRST_PARTY, ...more, ...(file === null ? [] : await readClientsFile(file, policy))]
  return {
    byId: new Map(clients.map(client => [client.client_id, client])),
    origins: originsOf(clients),
    firstPartyOrigins: originsOf(clients.filter(client => client.first_party)),
  }
}

const originsOf = (clients: readonly Client[]): ReadonlySet<string> => {
  const origins = clients.flatMap(client => client.redirect_uris).map(uri => new URL(uri).origin)
  return new Set(origins.filter(origin => origin !== 'null'))
}

export const readClientsFile = async (file: string, policy: AudiencePolicy): Promise<readonly Client[]> => {
  const result = parseClients(await readJson(file), policy)
  if ('faults' in result) throw new StartFault(result.faults.map(fault => `CLIENTS_FILE ${file}: ${fault}`))
  return result.clients
}

const readJson = async (file: string): Promise<unknown> => {
  try {
    return JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    const cause = error instanceof SyntaxError ? `is not JSON` : 'cannot be read'
    throw new StartFault([`CLIENTS_FILE ${file}: ${cause}`])
  }
}
