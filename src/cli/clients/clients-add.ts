import { type Command, CommanderError } from 'commander'
import { type GivenClient, type RegisteredClient, register } from '../../domain/clients/given-client.ts'
import { CLIENTS_MOST } from '../../domain/oauth/client.ts'
import type { ClientRegistrations } from '../../ports/clients.ts'
import { answer, type Options } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { generateSecret, readGivenClients, refuseFaults } from './given-clients.ts'
import { withClients } from './with-clients.ts'

type AddOptions = Options & Readonly<{ generateSecret?: true }>
type Outcome = Readonly<{ version: number } | { refusal: string }>

/** Adds `clients add` and `clients replace`. Exit code 1 when a client was refused, 2 when the input has faults. */
export const addClientsAddCommands = (group: Command, io: Io): void => {
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument(
        '<file>',
        'the path of a JSON file, or - for standard input: one client, or an array of clients',
      )
      .option(
        '--generate-secret',
        'make a secret for a client that is given without one, and print it this once',
      )
      .option('--json', 'print JSON for programs, a line for each client')
  command(
    'add',
    'add clients to the database, in the form of CLIENTS_FILE; a secret is kept as a digest',
  ).action((path: string, options: AddOptions) => add(io, path, options))
  command(
    'replace',
    'give clients of the database another registration; a client that is given without a secret keeps its own',
  ).action((path: string, options: AddOptions) => replace(io, path, options))
}

const add = (io: Io, path: string, options: AddOptions): Promise<void> =>
  withClients(io, options, async (clients, { policy, warnOfFile }) => {
    const isSecretOptional = options.generateSecret === true
    const given = await readGivenClients(io, options, { path, policy, isSecretOptional })
    const prepared = given.map(client => prepare(client, options, null))
    refuseFaults(io, options, { registered: prepared.map(({ registered }) => registered), policy })
    let refused = 0
    for (const { registered, generated } of prepared) {
      const { client_id } = registered
      const outcome = judgeCreated(client_id, await clients.create(registered))
      tell(io, options, { client_id, done: 'added', generated, outcome })
      if ('refusal' in outcome) refused += 1
      else warnOfFile(client_id)
    }
    endRefused(refused)
  })

const replace = (io: Io, path: string, options: AddOptions): Promise<void> =>
  withClients(io, options, async (clients, { policy, warnOfFile }) => {
    const given = await readGivenClients(io, options, { path, policy, isSecretOptional: true })
    const prepared: (ReturnType<typeof prepare> & { version: number | null })[] = []
    for (const client of given) {
      const before = await clients.find(client.client_id)
      const kept = before?.client_secret_digest ?? null
      prepared.push({ ...prepare(client, options, kept), version: before?.version ?? null })
    }
    const known = prepared.filter(({ version }) => version !== null)
    refuseFaults(io, options, { registered: known.map(({ registered }) => registered), policy })
    let refused = 0
    for (const { registered, generated, version } of prepared) {
      const { client_id } = registered
      const replaced = version === null ? 'unknown' : await clients.replace({ ...registered, version })
      const outcome = judgeReplaced(client_id, replaced)
      tell(io, options, { client_id, done: 'replaced', generated, outcome })
      if ('refusal' in outcome) refused += 1
      else warnOfFile(client_id)
    }
    endRefused(refused)
  })

const prepare = (
  client: GivenClient,
  options: AddOptions,
  kept: RegisteredClient['client_secret_digest'],
) => {
  const isGenerated = options.generateSecret === true && client.usesSecret && client.client_secret === null
  const generated = isGenerated ? generateSecret() : null
  return { registered: register(client, { generated, kept }), generated }
}

const judgeCreated = (
  client_id: string,
  created: Awaited<ReturnType<ClientRegistrations['create']>>,
): Outcome => {
  if (created === 'taken')
    return {
      refusal: `there is a client ${client_id} in the database already: change it with signetd clients replace, or give the new one another client_id`,
    }
  if (created === 'full')
    return {
      refusal: `${client_id} is not added: the database has ${CLIENTS_MOST} clients, and no server keeps more`,
    }
  return created
}

const judgeReplaced = (
  client_id: string,
  replaced: Awaited<ReturnType<ClientRegistrations['replace']>>,
): Outcome => {
  if (replaced === 'unknown')
    return { refusal: `there is no client ${client_id} in the database: add it with signetd clients add` }
  if (replaced === 'changed')
    return { refusal: `${client_id} was changed meanwhile: look at it, and run the command again` }
  return replaced
}

type Told = Readonly<{ client_id: string; done: string; generated: string | null; outcome: Outcome }>

const tell = (io: Io, options: Options, { client_id, done, generated, outcome }: Told): void => {
  if ('refusal' in outcome) {
    if (options.json) io.out(JSON.stringify({ client_id, refusal: outcome.refusal }))
    else io.err(outcome.refusal)
    return
  }
  const lines = [`${done} ${client_id}`, ...(generated === null ? [] : [`client_secret ${generated}`])]
  const { version } = outcome
  answer(io, options, lines.join('\n'), {
    client_id,
    version,
    ...(generated === null ? {} : { client_secret: generated }),
  })
}

const endRefused = (refused: number): void => {
  if (refused > 0) throw new CommanderError(1, 'signetd.refused', `clients refused: ${refused}`)
}
