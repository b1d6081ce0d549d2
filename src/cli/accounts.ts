import type { Command } from 'commander'
import { normalizeEmail } from '../domain/account.ts'
import { type AccountLine, presentAccountLine } from '../domain/account-line.ts'
import { judgeRoles } from '../domain/roles.ts'
import { isSessionId as isUuid } from '../domain/session.ts'
import type { AccountAdministration } from '../ports/account-administration.ts'
import { addAccountsCreateCommand } from './accounts-create.ts'
import { addAccountsImportCommand } from './accounts-import.ts'
import { addAccountsListCommands } from './accounts-list.ts'
import { answer, type Options, refuse, withAccounts } from './accounts-store.ts'
import type { Io } from './io.ts'

const ACCOUNT = '<account>'
const ACCOUNT_HELP = 'its e-mail or its id'

type Work = (accounts: AccountAdministration, account: AccountLine) => Promise<void>

/** Adds `accounts …`. Exit code 1 when there is no such account or something was refused, 2 when the database cannot be used. */
export const addAccountsCommands = (program: Command, io: Io): void => {
  const group = program.command('accounts').description('The accounts of people, whoever is signed in')
  addAccountsCreateCommand(group, io)
  addAccountsListCommands(group, io)
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument(ACCOUNT, ACCOUNT_HELP)
      .option('--json', 'for machines')
  const on = async (given: string, options: Options, work: Work) =>
    withAccounts(io, options, async accounts => {
      const account = await findAccount(accounts, given)
      if (account === null) return refuse(io, options, `there is no account ${given}`)
      await work(accounts, account)
    })

  command('show', 'one account, and how many sign-ins it has').action((given: string, options: Options) =>
    on(given, options, async (accounts, account) => {
      const sign_ins = await accounts.countSignIns(account.id)
      const has_password = account.password_digest !== null
      const shown = { ...presentAccountLine(account, { withDigest: false }), has_password, sign_ins }
      if (options.json) io.out(JSON.stringify(shown))
      else for (const [name, value] of Object.entries(shown)) io.out(`${name.padEnd(15)} ${String(value)}`)
    }),
  )
  command('disable', 'refuse every sign-in from now on, and end those that there are').action(
    (given: string, options: Options) =>
      on(given, options, async (accounts, account) => {
        const ended = await accounts.endEverySignIn(account.id, { reason: 'disabled', isDisabled: true })
        tellEnded(io, options, account, ended, 'disabled')
      }),
  )
  command('enable', 'let a disabled account sign in again').action((given: string, options: Options) =>
    on(given, options, async (accounts, account) => {
      if (!(await accounts.enable(account.id))) return gone(io, options, account)
      answer(io, options, `enabled ${account.email}`, { id: account.id, enabled: true })
    }),
  )
  command('end-sessions', 'end every sign-in, and every access token with it').action(
    (given: string, options: Options) =>
      on(given, options, async (accounts, account) => {
        const ended = await accounts.endEverySignIn(account.id, { reason: 'ended_by_operator' })
        tellEnded(io, options, account, ended, 'signed out')
      }),
  )
  command('delete', 'delete an account and all that is kept of the person; there is no way back')
    .option('--now', 'do it; without this, only say what would happen')
    .action((given: string, options: Options & { now?: true }) =>
      on(given, options, async (accounts, account) => {
        if (!options.now)
          return refuse(io, options, `would delete ${account.email}: say --now, and it is done`)
        tellEnded(io, options, account, await accounts.delete(account.id), 'deleted')
      }),
    )
  command('set-roles', 'give an account these roles, instead of those that it has')
    .alias('set-role')
    .argument('[role...]', 'the roles')
    .option('--none', 'no role at all')
    .option('--end-sessions', 'at once: without this, tokens carry them from the next refresh on')
    .action((given: string, roles: readonly string[], options: RoleOptions) =>
      setRoles(io, on, given, roles, options),
    )
  addAccountsImportCommand(group, io)
}

type RoleOptions = Options & Readonly<{ none?: true; endSessions?: true }>
type On = (given: string, options: Options, work: Work) => Promise<void>

const setRoles = (io: Io, on: On, given: string, listed: readonly string[], options: RoleOptions) => {
  const roles = [...new Set(listed)]
  if ((roles.length === 0) !== (options.none === true))
    return refuse(io, options, 'name the roles, or say --none')
  const fault = judgeRoles(roles)
  if (fault !== null) return refuse(io, options, `roles ${fault}`)
  return on(given, options, async (accounts, { id, email }) => {
    const change = { reason: 'roles_changed', roles } as const
    const isDone = options.endSessions
      ? (await accounts.endEverySignIn(id, change)) !== null
      : await accounts.setRoles(id, roles)
    if (!isDone) return gone(io, options, { email })
    answer(io, options, `${email} has the roles ${roles.join(', ') || 'none'}`, { id, roles })
  })
}

/** An e-mail in any of its forms, or an id. */
const findAccount = (accounts: AccountAdministration, given: string): Promise<AccountLine | null> => {
  const id = given.toLowerCase()
  return accounts.find(isUuid(id) ? { id } : { email: normalizeEmail(given) })
}

const tellEnded = (
  io: Io,
  options: Options,
  { id, email }: AccountLine,
  ended: number | null,
  what: string,
) => {
  if (ended === null) return gone(io, options, { email })
  answer(io, options, `${what}: ${email}; sign-ins ended: ${ended}`, {
    id,
    [what.replace(' ', '_')]: true,
    sign_ins_ended: ended,
  })
}

const gone = (io: Io, options: Options, { email }: Pick<AccountLine, 'email'>): never =>
  refuse(io, options, `${email} was deleted meanwhile`)
