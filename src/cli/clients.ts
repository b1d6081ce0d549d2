import { type Command, CommanderError } from 'commander'
import { clientPolicyOf, readSettings } from '../config.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import { readClientsFile } from '../platform/clients-file.ts'
import type { Io } from './terminal/io.ts'

/** Adds `clients check`: every fault of CLIENTS_FILE before a server is told to reload it. */
export const addClientsCommand = (program: Command, io: Io): void => {
  program
    .command('clients')
    .description('check the file of registered clients')
    .command('check')
    .description(
      'read CLIENTS_FILE as the server does, and print the clients, or each fault with its line and what to do',
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

const check = async ({
  environment,
}: Io): Promise<{ lines: readonly string[]; client_ids: readonly string[] }> => {
  const reading = readSettings(
    ['CLIENTS_FILE', 'ISSUER', 'DEFAULT_AUDIENCE', 'PORT', 'OUTBOUND_ALLOW'],
    environment,
  )
  if ('faults' in reading) return { lines: reading.faults, client_ids: [] }
  const { CLIENTS_FILE } = reading.settings
  if (CLIENTS_FILE === null) return { lines: [UNSET], client_ids: [] }
  try {
    const clients = await readClientsFile(CLIENTS_FILE, clientPolicyOf(reading.settings))
    return { lines: [], client_ids: clients.map(client => client.client_id) }
  } catch (error) {
    if (error instanceof StartFault) return { lines: error.lines, client_ids: [] }
    throw error
  }
}
