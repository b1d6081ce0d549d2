import { StartFault } from '../../domain/base/start-fault.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { parseStoredClient } from '../../domain/clients/stored-registration.ts'
import type { Client } from '../../domain/oauth/client.ts'
import type { ClientPolicy } from '../../domain/oauth/parse-clients.ts'
import { createReadClients } from '../../store/clients/client-rows.ts'
import { openStore } from '../../store/open-store.ts'
import { printable } from '../terminal/printable.ts'
import { inFile, readClients } from './with-clients.ts'

type Place = Omit<Parameters<typeof openStore>[0], 'DATABASE_POOL_SIZE'>

type Examined = Readonly<{
  /** Null: the database could not be read. */
  clients: number | null
  /** A line for each client that a server of this version leaves out. */
  faults: readonly string[]
  notes: readonly string[]
  in_file_too: readonly string[]
  /** Those that a server of this version takes. */
  usable: readonly Client[]
}>

/** Looks at the clients of DATABASE_URL. Null without it: the embedded database is opened by its server alone. */
export const examineStoredClients = async (
  place: Place,
  { policy, listed }: Readonly<{ policy: ClientPolicy; listed: ReadonlySet<string> }>,
): Promise<Examined | null> => {
  if (place.DATABASE_URL === null) return null
  try {
    const database = await openStore({ ...place, DATABASE_POOL_SIZE: 1 })
    try {
      const faults: string[] = []
      const in_file_too: string[] = []
      const usable: Client[] = []
      let clients = 0
      for await (const record of readClients({ readPage: createReadClients(database) })) {
        const { client_id } = record
        const parsed = parseStoredClient(record, policy)
        clients += 1
        if ('faults' in parsed)
          faults.push(printable(`client ${client_id} of the database: ${parsed.faults.join('; ')}`))
        else if ('client' in parsed) usable.push(parsed.client)
        if (listed.has(client_id)) in_file_too.push(client_id)
      }
      return { clients, faults, notes: in_file_too.map(inFile), in_file_too, usable }
    } finally {
      await database.close()
    }
  } catch (error) {
    if (error instanceof StartFault) return notRead(error.lines.join('; '))
    if (error instanceof Unavailable) return notRead('the database stopped answering')
    throw error
  }
}

/** The file is checked without the database too. */
const notRead = (why: string): Examined => ({
  clients: null,
  faults: [],
  notes: [`the clients of the database are not checked: ${why}`],
  in_file_too: [],
  usable: [],
})
