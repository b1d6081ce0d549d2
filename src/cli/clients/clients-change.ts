import type { Command } from 'commander'
import { presentClient } from '../../domain/clients/present-client.ts'
import { hasSealedForm, type SealedRegistration } from '../../domain/clients/sealed-client-id.ts'
import { answer, type Options, refuseCommand } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { withClients } from './with-clients.ts'

type RemoveOptions = Options & Readonly<{ now?: boolean }>

/** Adds the commands that show or remove one client of the database. */
export const addClientsChangeCommands = (group: Command, io: Io): void => {
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument('<client_id>', 'the id of a client of the database')
      .option('--json', 'print JSON for programs')
  command(
    'show',
    'print one client of the database, or what the id of a client tells that has registered itself; a secret is kept as a digest, and is not printed',
  ).action((client_id: string, options: Options) => show(io, client_id, options))
  command('remove', 'remove a client from the database, for good; add --now to do it')
    .option('--now', 'remove the client; without --now the command only says what it would remove')
    .action((client_id: string, options: RemoveOptions) => remove(io, client_id, options))
}

export const describeUnknownClient = (client_id: string) =>
  `there is no client ${client_id} in the database: signetd clients list prints them`

const show = (io: Io, client_id: string, options: Options): Promise<void> =>
  withClients(io, options, async (clients, { policy, openId, warnOfFile }) => {
    const record = await clients.find(client_id)
    const sealed = openId(client_id)
    if (record === null && sealed === null)
      return refuseCommand(
        io,
        options,
        hasSealedForm(client_id) ? NOT_OPENED : describeUnknownClient(client_id),
      )
    warnOfFile(client_id)
    const stored = record === null ? null : presentClient(record, policy)
    const told = sealed === null ? {} : presentSealed(sealed)
    const { client, faults = [], ...around } = stored ?? {}
    const lines = Object.entries({
      client_id,
      ...client,
      ...around,
      ...told,
      ...(faults.length > 0 ? { faults } : {}),
    }).map(([name, value]) =>
      printable(`${name.padEnd(26)} ${typeof value === 'string' ? value : JSON.stringify(value)}`),
    )
    answer(io, options, lines.join('\n'), { ...(stored ?? { client_id }), ...told })
  })

const NOT_OPENED =
  'this is no id that CLIENT_ID_KEYS opens: set it, and ISSUER, to what the server has; a row that disables the client would be shown all the same'

/** The metadata that an id carries. A row of the client takes precedence over them. */
const presentSealed = ({ issued_at, metadata }: SealedRegistration) => ({
  registered_at: new Date(issued_at * 1000).toISOString(),
  sealed_in_id: metadata === null ? 'nothing: a row of the database has the metadata' : parseSealed(metadata),
})

const parseSealed = (metadata: string): unknown => JSON.parse(metadata)

const remove = (io: Io, client_id: string, options: RemoveOptions): Promise<void> =>
  withClients(io, options, async (clients, { warnOfFile }) => {
    if (!options.now) {
      const isThere = (await clients.find(client_id)) !== null
      return refuseCommand(
        io,
        options,
        isThere ? `would remove ${client_id}: add --now to remove it` : describeUnknownClient(client_id),
      )
    }
    if (!(await clients.delete(client_id)))
      return refuseCommand(io, options, describeUnknownClient(client_id))
    warnOfFile(client_id)
    if (hasSealedForm(client_id)) io.err(REVIVED)
    answer(io, options, `removed ${client_id}`, { client_id, removed: true })
  })

const REVIVED =
  'the client has registered itself: without a row it is what its id tells, also where it was changed, disabled or deleted'
