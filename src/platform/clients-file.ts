import { StartFault } from '../domain/base/start-fault.ts'
import type { AudiencePolicy } from '../domain/oauth/audience.ts'
import { type Client, FIRST_PARTY } from '../domain/oauth/client.ts'
import { parseClients } from '../domain/oauth/parse-clients.ts'
import type { Clients } from '../ports/clients.ts'
import { openConfiguredFile, readJsonFile } from './config-files/configured-file.ts'

type Source = Readonly<{
  file: string | null
  more: readonly Client[]
  policy: AudiencePolicy
  /** The time limit of reading the file in a reload; by default ten seconds. */
  read_milliseconds?: number
}>

/** The registered clients of CLIENTS_FILE, in memory: no request reads anything for a client. */
export const openClients = async (source: Source) => {
  const { file, read_milliseconds } = source
  const { current, reload } = await openConfiguredFile({
    setting: 'CLIENTS_FILE',
    file,
    read: () => read(source),
    read_milliseconds,
  })
  const clients: Clients = {
    find: async client_id => current().byId.get(client_id) ?? null,
    all: async () => [...current().byId.values()],
    hasOrigin: origin => current().origins.has(origin),
    hasFirstPartyOrigin: origin => current().firstPartyOrigins.has(origin),
  }
  return { clients, reload }
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

/** The clients of the file. Rejects with a StartFault that has a line for each fault: the client, the line of the file and what to do. */
export const readClientsFile = async (file: string, policy: AudiencePolicy): Promise<readonly Client[]> => {
  const { json, lineOf } = await readJsonFile({ setting: 'CLIENTS_FILE', file })
  const result = parseClients(json, policy)
  if ('clients' in result) return result.clients
  throw new StartFault(
    result.faults.map(({ path, message }) => `CLIENTS_FILE ${file}, line ${lineOf(path)}: ${message}`),
  )
}
