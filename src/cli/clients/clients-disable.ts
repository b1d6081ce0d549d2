import type { Command } from 'commander'
import {
  type RegistrationRefusal,
  redirectHostRefusal,
  registeredAtRefusal,
} from '../../domain/clients/registration-refusals.ts'
import { hasSealedForm } from '../../domain/clients/sealed-client-id.ts'
import { rowMetadataOf } from '../../domain/clients/stored-registration.ts'
import { REGISTRATIONS_MOST } from '../../domain/oauth/client.ts'
import type { ClientRegistrations, RegistrationRows } from '../../ports/clients.ts'
import { answer, fail, type Options, refuseCommand } from '../accounts/with-accounts.ts'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'
import { describeUnknownClient } from './clients-change.ts'
import { withClients } from './with-clients.ts'

type DisableOptions = Options &
  Readonly<{ redirectHost?: string; registeredFrom?: string; registeredUntil?: string }>

/** What is to be disabled: one client, or what a refusal names. */
type Target = Readonly<{ client_id: string } | { refusal: RegistrationRefusal } | { fault: string }>

/** Adds `clients disable`, `clients enable` and `clients refused`. */
export const addClientsDisableCommands = (group: Command, io: Io): void => {
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument('[client_id]', 'the id of a client of the database, or of one that has registered itself')
      .option(
        '--redirect-host <host>',
        'instead of one client: all that registered themselves with a redirect URI at this host',
      )
      .option(
        '--registered-from <time>',
        'instead of one client: all that registered themselves from this time on',
      )
      .option('--registered-until <time>', 'until this time; default: now')
      .option('--json', 'print JSON for programs')
  command(
    'disable',
    'refuse a client everywhere within two seconds, and keep its registration; or many that registered themselves, by host or time',
  ).action((client_id: string | undefined, options: DisableOptions) => disable(io, client_id, options))
  command('enable', 'let a disabled client be used again, or take a refusal by host or time back').action(
    (client_id: string | undefined, options: DisableOptions) => enable(io, client_id, options),
  )
  group
    .command('refused')
    .description('print what is refused by redirect host or by time of registration')
    .option('--json', 'print JSON for programs')
    .action((options: Options) =>
      withClients(io, options, async (_, { refusals }) => {
        for (const refusal of await refusals.all())
          io.out(options.json ? JSON.stringify(presentRefusal(refusal)) : describeRefused(refusal))
      }),
    )
}

const disable = (io: Io, client_id: string | undefined, options: DisableOptions): Promise<void> =>
  withClients(io, options, async (clients, { registrations, refusals, warnOfFile }) => {
    const target = targetOf(client_id, options)
    if ('fault' in target) return fail(io, options, [target.fault])
    if ('refusal' in target) {
      await refusals.add(target.refusal)
      const refused = presentRefusal(target.refusal)
      return answer(io, options, `disabled ${describeRefused(target.refusal)}`, {
        ...refused,
        disabled: true,
      })
    }
    const disabled = await disableOne({ clients, registrations }, target.client_id)
    if (disabled === 'full') return refuseCommand(io, options, FULL)
    if (disabled === 'unknown') return refuseCommand(io, options, describeUnknownClient(target.client_id))
    warnOfFile(target.client_id)
    answer(io, options, `disabled ${target.client_id}`, { client_id: target.client_id, disabled: true })
  })

const enable = (io: Io, client_id: string | undefined, options: DisableOptions): Promise<void> =>
  withClients(io, options, async (clients, { refusals, warnOfFile }) => {
    const target = targetOf(client_id, options)
    if ('fault' in target) return fail(io, options, [target.fault])
    if ('refusal' in target) {
      if (!(await refusals.remove(target.refusal)))
        return refuseCommand(
          io,
          options,
          'nothing is refused by this: signetd clients refused prints what is',
        )
      const refused = presentRefusal(target.refusal)
      return answer(io, options, `enabled ${describeRefused(target.refusal)}`, { ...refused, enabled: true })
    }
    if (!(await clients.enable(target.client_id)))
      return refuseCommand(io, options, describeUnknownClient(target.client_id))
    warnOfFile(target.client_id)
    answer(io, options, `enabled ${target.client_id}`, { client_id: target.client_id, enabled: true })
  })

type Stores = Readonly<{ clients: ClientRegistrations; registrations: RegistrationRows }>

/** An id that holds its metadata itself gets a row to be disabled by, without the keys that open it. */
const disableOne = async (
  { clients, registrations }: Stores,
  client_id: string,
): Promise<'disabled' | 'unknown' | 'full'> => {
  if (await clients.disable(client_id)) return 'disabled'
  if (!hasSealedForm(client_id)) return 'unknown'
  const row = { client_id, metadata: rowMetadataOf('sealed'), client_secret_digest: null }
  const added = await registrations.add({ ...row, isDisabled: true, event: 'client.disabled' })
  if (added === 'full') return 'full'
  return added === 'added' || (await clients.disable(client_id)) ? 'disabled' : 'unknown'
}

const FULL = `the database has ${REGISTRATIONS_MOST} rows of clients that registered themselves, and no server keeps more: disable by --redirect-host or --registered-from, or remove rows`

const ONE_OF =
  'name one client by its client_id, or many by --redirect-host, or by --registered-from and --registered-until'

const targetOf = (
  client_id: string | undefined,
  { redirectHost, registeredFrom, registeredUntil }: DisableOptions,
): Target => {
  const given = [client_id, redirectHost, registeredFrom].filter(each => each !== undefined)
  if (given.length !== 1 || (registeredUntil !== undefined && registeredFrom === undefined))
    return { fault: ONE_OF }
  if (client_id !== undefined) return { client_id }
  if (redirectHost !== undefined) return refusalOfHost(redirectHost)
  const [from, until] = [new Date(registeredFrom ?? ''), new Date(registeredUntil ?? Date.now())]
  return Number.isNaN(from.getTime()) || Number.isNaN(until.getTime()) || from > until
    ? { fault: 'a time is written like 2026-11-30T04:00:00Z, and the second is not before the first' }
    : { refusal: registeredAtRefusal({ from, until }) }
}

const refusalOfHost = (host: string): Target =>
  URL.canParse(`https://${host}`) && new URL(`https://${host}`).hostname === host.toLowerCase()
    ? { refusal: redirectHostRefusal(host) }
    : { fault: '--redirect-host is a host alone, such as agent.example or localhost' }

const presentRefusal = ({ kind, value }: RegistrationRefusal) => {
  if (kind === 'redirect_host') return { redirect_host: value }
  const [registered_from, registered_until] = value
    .split('/')
    .map(seconds => new Date(Number(seconds) * 1000).toISOString())
  return { registered_from, registered_until }
}

const describeRefused = (refusal: RegistrationRefusal): string =>
  printable(
    Object.entries(presentRefusal(refusal))
      .map(([name, value]) => `${name.padEnd(16)} ${value}`)
      .join('  '),
  )
