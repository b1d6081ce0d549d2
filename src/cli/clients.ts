import { type Command, CommanderError } from 'commander'
import { audiencePolicyOf, readSettings } from '../config.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import { readClientsFile } from '../platform/clients-file.ts'
import { readScopesFile } from '../platform/config-files/scopes-file.ts'
import type { Io } from './terminal/io.ts'

/** Adds `clients check`: every fault of CLIENTS_FILE and SCOPES_FILE before a server is told to reload it. */
export const addClientsCommand = (program: Command, io: Io): void => {
  program
    .command('clients')
    .description('check the file of registered clients')
    .command('check')
    .description(
      'read CLIENTS_FILE and SCOPES_FILE as the server does, and print the clients, or each fault with its line and what to do',
    )
    .option('--json', 'print JSON for programs')
    .action(async ({ json = false }: { json?: boolean }) => {
      const { lines, client_ids } = await check(io)
      if (json) io.out(JSON.stringify(lines.length > 0 ? { faults: lines } : { client_ids }))
      else
        for (const line of lines.length > 0 ? lines : client_ids) (lines.length > 0 ? io.err : io.out)(line)
      if (lines.length > 0) throw new CommanderError(2, 'signetd.faults', lines.join('; '))
    })
}

const UNSET = 'CLIENTS_FILE is unset: set it to the path of the file that lists the clients'

type Checked = Readonly<{ lines: readonly string[]; client_ids: readonly string[] }>

const check = async ({ environment }: Io): Promise<Checked> => {
  const names = ['CLIENTS_FILE', 'SCOPES_FILE', 'ISSUER', 'DEFAULT_AUDIENCE', 'PORT'] as const
  const reading = readSettings(names, environment)
  if ('faults' in reading) return { lines: reading.faults, client_ids: [] }
  const { CLIENTS_FILE, SCOPES_FILE } = reading.settings
  if (CLIENTS_FILE === null) return { lines: [UNSET], client_ids: [] }
  const policy = audiencePolicyOf(reading.settings)
  const clients = await faultsOr(readClientsFile(CLIENTS_FILE, policy), [])
  const scopes = SCOPES_FILE === null ? NO_FAULTS : await faultsOr(readScopesFile(SCOPES_FILE), new Map())
  return {
    lines: [...clients.faults, ...scopes.faults],
    client_ids: clients.content.map(client => client.client_id),
  }
}

const NO_FAULTS: Readonly<{ faults: readonly string[] }> = { faults: [] }

/** What a file says, or its faults and what stands for it then. */
const faultsOr = async <T>(
  reading: Promise<T>,
  absent: T,
): Promise<Readonly<{ faults: readonly string[]; content: T }>> => {
  try {
    return { faults: [], content: await reading }
  } catch (error) {
    if (error instanceof StartFault) return { faults: error.lines, content: absent }
    throw error
  }
}
