import { StartFault } from '../domain/base/start-fault.ts'
import type { Client } from '../domain/oauth/client.ts'
import { type ClientPolicy, parseClients } from '../domain/oauth/parse-clients.ts'
import { openConfiguredFile, readJsonFile } from './config-files/configured-file.ts'

type Source = Readonly<{
  file: string
  policy: ClientPolicy
  /** Gets the clients of each reading. */
  onRead: (clients: readonly Client[]) => void
  /** The time limit of reading the file in a reload; by default ten seconds. */
  read_milliseconds?: number
}>

/** Reads CLIENTS_FILE, and returns how it is read again. Rejects with a StartFault when the file has faults. */
export const openClientsFile = ({ policy, ...source }: Source) =>
  openConfiguredFile({
    ...source,
    setting: 'CLIENTS_FILE',
    read: () => readClientsFile(source.file, policy),
  })

/** The clients of the file. Rejects with a StartFault that has a line for each fault: the client, the line of the file and what to do. */
export const readClientsFile = async (file: string, policy: ClientPolicy): Promise<readonly Client[]> => {
  const { json, lineOf } = await readJsonFile({ setting: 'CLIENTS_FILE', file })
  const result = parseClients(json, policy)
  if ('clients' in result) return result.clients
  throw new StartFault(
    result.faults.map(({ path, message }) => `CLIENTS_FILE ${file}, line ${lineOf(path)}: ${message}`),
  )
}
