import type { Command } from 'commander'
import type { ClientRegistrations } from '../../ports/clients.ts'
import { answer, type Options, refuseCommand } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { presentClient, printable, withClients } from './with-clients.ts'

type Change = Readonly<{
  description: string
  apply: (clients: ClientRegistrations, client_id: string) => Promise<boolean>
  done: string
}>

const CHANGES: Readonly<Record<string, Change>> = {
  disable: {
    description: 'refuse a client of the database everywhere within two seconds, and keep its registration',
    apply: (clients, client_id) => clients.disable(client_id),
    done: 'disabled',
  },
  enable: {
    description: 'let a disabled client be used again',
    apply: (clients, client_id) => clients.enable(client_id),
    done: 'enabled',
  },
}

type RemoveOptions = Options & Readonly<{ now?: boolean }>

/** Adds the commands that show, disable, enable or remove one client of the database. */
export const addClientsChangeCommands = (group: Command, io: Io): void => {
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument('<client_id>', 'the id of a client of the database')
      .option('--json', 'print JSON for programs')
  command(
    'show',
    'print one client of the database; its secret is kept as a digest, and is not printed',
  ).action((client_id: string, options: Options) => show(io, client_id, options))
  for (const [name, { description, apply, done }] of Object.entries(CHANGES))
    command(name, description).action((client_id: string, options: Options) =>
      withClients(io, options, async (clients, { warnOfFile }) => {
        if (!(await apply(clients, client_id))) return refuseCommand(io, options, unknown(client_id))
        warnOfFile(client_id)
        answer(io, options, `${done} ${client_id}`, { client_id, [done]: true })
      }),
    )
  command('remove', 'remove a client from the database, for good; add --now to do it')
    .option('--now', 'remove the client; without --now the command only says what it would remove')
    .action((client_id: string, options: RemoveOptions) => remove(io, client_id, options))
}

const unknown = (client_id: string) =>
  `there is no client ${client_id} in the database: signetd clients list prints them`

const show = (io: Io, client_id: string, options: Options): Promise<void> =>
  withClients(io, options, async (clients, { policy, warnOfFile }) => {
    const record = await clients.find(client_id)
    if (record === null) return refuseCommand(io, options, unknown(client_id))
    warnOfFile(client_id)
    const shown = presentClient(record, policy)
    const { client, faults, ...around } = shown
    const lines = Object.entries({ ...client, ...around, ...(faults.length > 0 ? { faults } : {}) }).map(
      ([name, value]) =>
        printable(`${name.padEnd(26)} ${typeof value === 'string' ? value : JSON.stringify(value)}`),
    )
    answer(io, options, lines.join('\n'), shown)
  })

const remove = (io: Io, client_id: string, options: RemoveOptions): Promise<void> =>
  withClients(io, options, async (clients, { warnOfFile }) => {
    if (!options.now) {
      const isThere = (await clients.find(client_id)) !== null
      return refuseCommand(
        io,
        options,
        isThere ? `would remove ${client_id}: add --now to remove it` : unknown(client_id),
      )
    }
    if (!(await clients.delete(client_id))) return refuseCommand(io, options, unknown(client_id))
    warnOfFile(client_id)
    answer(io, options, `removed ${client_id}`, { client_id, removed: true })
  })
