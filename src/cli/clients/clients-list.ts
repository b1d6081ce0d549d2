import { type Command, Option } from 'commander'
import { presentClient } from '../../domain/clients/present-client.ts'
import type { Options } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { readClients, withClients } from './with-clients.ts'

type ListOptions = Options & Readonly<{ disabled?: true; enabled?: true }>

/** Adds `clients list`, which reads a page at a time. */
export const addClientsListCommand = (clients: Command, io: Io): void => {
  clients
    .command('list')
    .description('print the clients of the database, by their ids; with --json a line of JSON each')
    .addOption(new Option('--disabled', 'only disabled clients').conflicts('enabled'))
    .option('--enabled', 'only clients that are not disabled')
    .option('--json', 'print JSON for programs')
    .action((options: ListOptions) =>
      withClients(io, options, async (store, { policy }) => {
        for await (const record of readClients(store)) {
          const isDisabled = record.disabled_at !== null
          if ((options.disabled && !isDisabled) || (options.enabled && isDisabled)) continue
          const shown = presentClient(record, policy)
          io.out(options.json ? JSON.stringify(shown) : row(shown))
        }
      }),
    )
}

const row = ({ client, state, updated_at }: ReturnType<typeof presentClient>) => {
  const name = 'client_name' in client ? String(client.client_name) : ''
  return printable([updated_at.slice(0, 10), state.padEnd(14), client.client_id, name].join('  ').trimEnd())
}
