import { type Command, CommanderError } from 'commander'
import { clientPolicyOf, readSettings } from '../../config.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { readClientsFile } from '../../platform/clients-file.ts'
import { readScopesFile } from '../../platform/config-files/scopes-file.ts'
import type { Io } from '../terminal/io.ts'
import { examineStoredClients } from './stored-clients.ts'

/** Adds `clients check`: every fault of CLIENTS_FILE and SCOPES_FILE before a server is told to reload them, and of the clients of the database. */
export const addClientsCheckCommand = (clients: Command, io: Io): void => {
  clients
    .command('check')
    .description(
      'read CLIENTS_FILE, SCOPES_FILE and the clients of DATABASE_URL as the server does, and print the clients of the file, or each fault with its line and what to do',
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

const NAMES = [
  'CLIENTS_FILE',
  'SCOPES_FILE',
  'ISSUER',
  'DEFAULT_AUDIENCE',
  'OUTBOUND_ALLOW',
  'PORT',
  'DATABASE_URL',
  'DATABASE_SCHEMA',
  'DATA_DIR',
] as const

const check = async ({ environment }: Io): Promise<Checked> => {
  const nothing = { notes: [], client_ids: [] }
  const reading = readSettings(NAMES, environment)
  if ('faults' in reading) return { ...nothing, lines: reading.faults }
  const { CLIENTS_FILE, SCOPES_FILE, ...place } = reading.settings
  if (CLIENTS_FILE === null && place.DATABASE_URL === null) return { ...nothing, lines: [UNSET] }
  const policy = clientPolicyOf(reading.settings)
  const listed = await faultsOr(CLIENTS_FILE === null ? null : readClientsFile(CLIENTS_FILE, policy), [])
  const scopes = await faultsOr(SCOPES_FILE === null ? null : readScopesFile(SCOPES_FILE), new Map())
  const lines = [...listed.faults, ...scopes.faults]
  if (lines.length > 0) return { ...nothing, lines }
  const client_ids = listed.content.map(client => client.client_id)
  const stored = await examineStoredClients(place, { policy, listed: new Set(client_ids) })
  if (stored === null) return { ...nothing, lines: [], client_ids }
  const { faults, notes, clients: count, in_file_too } = stored
  return { lines: faults, notes, client_ids, database: { clients: count, in_file_too } }
}

/** What a file says, or its faults. Without the file, or with faults, `absent` stands for what it says. */
const faultsOr = async <T>(
  reading: Promise<T> | null,
  absent: T,
): Promise<Readonly<{ faults: readonly string[]; content: T }>> => {
  try {
    return { faults: [], content: (await reading) ?? absent }
  } catch (error) {
    if (error instanceof StartFault) return { faults: error.lines, content: absent }
    throw error
  }
}
