import { type Command, CommanderError } from 'commander'
import { audiencePolicyOf, readSettings } from '../../config.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { readClientsFile } from '../../platform/clients-file.ts'
import type { Io } from '../terminal/io.ts'
import { examineStoredClients } from './stored-clients.ts'

/** Adds `clients check`: every fault of CLIENTS_FILE before a server is told to reload it, and of the clients of the database. */
export const addClientsCheckCommand = (clients: Command, io: Io): void => {
  clients
    .command('check')
    .description(
      'read CLIENTS_FILE and the clients of DATABASE_URL as the server does, and print the clients of the file, or each fault with its line and what to do',
    )
    .option('--json', 'print JSON for programs')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { lines, notes, ...found } = await check(io)
      if (json) io.out(JSON.stringify(lines.length > 0 ? { faults: lines } : found))
      else
        for (const line of lines.length > 0 ? lines : found.client_ids)
          (lines.length > 0 ? io.err : io.out)(line)
      for (const note of notes) io.err(note)
      if (lines.length > 0) throw new CommanderError(2, 'signetd.faults', lines.join('; '))
    })
}

type Checked = Readonly<{
  lines: readonly string[]
  notes: readonly string[]
  client_ids: readonly string[]
  database?: Readonly<{ clients: number | null; in_file_too: readonly string[] }>
}>

const UNSET = 'CLIENTS_FILE is unset: set it to the path of the file that lists the clients'

const check = async ({ environment }: Io): Promise<Checked> => {
  const nothing = { notes: [], client_ids: [] }
  const reading = readSettings(
    ['CLIENTS_FILE', 'ISSUER', 'DEFAULT_AUDIENCE', 'PORT', 'DATABASE_URL', 'DATABASE_SCHEMA', 'DATA_DIR'],
    environment,
  )
  if ('faults' in reading) return { ...nothing, lines: reading.faults }
  const { CLIENTS_FILE, ...place } = reading.settings
  if (CLIENTS_FILE === null && place.DATABASE_URL === null) return { ...nothing, lines: [UNSET] }
  const policy = audiencePolicyOf(reading.settings)
  try {
    const clients = CLIENTS_FILE === null ? [] : await readClientsFile(CLIENTS_FILE, policy)
    const client_ids = clients.map(client => client.client_id)
    const stored = await examineStoredClients(place, { policy, listed: new Set(client_ids) })
    if (stored === null) return { ...nothing, lines: [], client_ids }
    const { faults, notes, clients: count, in_file_too } = stored
    return { lines: faults, notes, client_ids, database: { clients: count, in_file_too } }
  } catch (error) {
    if (error instanceof StartFault) return { ...nothing, lines: error.lines }
    throw error
  }
}
