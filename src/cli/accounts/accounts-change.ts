import type { Command } from 'commander'
import { type AccountLine, presentAccountLine } from '../../domain/account/account-line.ts'
import { judgeRoles } from '../../domain/oauth/roles.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { getAccount } from './get-account.ts'
import { answer, type Options, refuseCommand, withAccounts } from './with-accounts.ts'

/** What a change has done, for people and for machines; null when the account was deleted meanwhile. */
type Told = Readonly<{ line: string; result: object }>
type Change = (accounts: AccountAdministration, account: AccountLine) => Promise<Told | null>

const disable: Change = async (accounts, account) => {
  const ended = await accounts.changeAndSignOut(account.id, { reason: 'disabled', isDisabled: true })
  return tellEnded('disabled', account, ended)
}

const enable: Change = async (accounts, { id, email }) =>
  (await accounts.enable(id)) ? { line: `enabled: ${email}`, result: { id, enabled: true } } : null

const endSignIns: Change = async (accounts, account) => {
  const ended = await accounts.changeAndSignOut(account.id, { reason: 'ended_by_operator' })
  return tellEnded('signed out', account, ended)
}

const removeFactors: Change = async (accounts, account) => {
  const change = { reason: 'factors_changed', withoutFactors: true } as const
  return tellEnded('factors removed', account, await accounts.changeAndSignOut(account.id, change))
}

const remove: Change = async (accounts, account) =>
  tellEnded('deleted', account, await accounts.delete(account.id))

const setRoles =
  (roles: readonly string[], { isAtOnce }: { isAtOnce: boolean }): Change =>
  async (accounts, { id, email }) => {
    const isDone = isAtOnce
      ? (await accounts.changeAndSignOut(id, { reason: 'roles_changed', roles })) !== null
      : await accounts.setRoles(id, roles)
    const line = `roles of ${email}: ${roles.join(' ') || 'none'}`
    return isDone ? { line, result: { id, roles } } : null
  }

const tellEnded = (what: string, { id, email }: AccountLine, sign_ins_ended: number | null): Told | null =>
  sign_ins_ended === null
    ? null
    : {
        line: `${what}: ${email}; sign-ins ended: ${sign_ins_ended}`,
        result: { id, [what.replace(' ', '_')]: true, sign_ins_ended },
      }

/** Those that need nothing but the account. */
const CHANGES: Readonly<Record<string, readonly [description: string, change: Change]>> = {
  disable: ['refuse every sign-in from now on, and end those that there are', disable],
  enable: ['let a disabled account sign in again', enable],
  'remove-factors': [
    'take every second factor and recovery code from somebody who has lost them, and end every sign-in',
    removeFactors,
  ],
  'end-sessions': ['end every sign-in, and every access token with it', endSignIns],
}

type DeleteOptions = Options & Readonly<{ now?: boolean }>
type RoleOptions = Options & Readonly<{ none?: boolean; endSessions?: boolean }>

/** Adds what looks at one account, or changes it. */
export const addAccountsChangeCommands = (group: Command, io: Io): void => {
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument('<account>', 'its e-mail or its id')
      .option('--json', 'for machines')
  command('show', 'one account, and how many sign-ins it has').action((given: string, options: Options) =>
    show(io, given, options),
  )
  for (const [name, [description, change]] of Object.entries(CHANGES))
    command(name, description).action((given: string, options: Options) => apply(io, given, options, change))
  command('delete', 'delete an account and all that is kept of the person; there is no way back')
    .option('--now', 'do it; without this, only say what would happen')
    .action((given: string, options: DeleteOptions) =>
      apply(io, given, options, async (accounts, account) =>
        options.now
          ? remove(accounts, account)
          : refuseCommand(io, options, `would delete ${account.email}: say --now, and it is done`),
      ),
    )
  command('set-roles', 'give an account these roles, instead of those that it has')
    .alias('set-role')
    .argument('[role...]', 'the roles')
    .option('--none', 'no role at all')
    .option('--end-sessions', 'at once: without this, tokens carry them from the next refresh on')
    .action((given: string, listed: readonly string[], options: RoleOptions) => {
      const roles = [...new Set(listed)]
      if ((roles.length === 0) !== (options.none === true))
        return refuseCommand(io, options, 'name the roles, or say --none')
      const fault = judgeRoles(roles)
      if (fault !== null) return refuseCommand(io, options, `roles ${fault}`)
      return apply(io, given, options, setRoles(roles, { isAtOnce: options.endSessions === true }))
    })
}

const apply = (io: Io, given: string, options: Options, change: Change): Promise<void> =>
  withAccounts(io, options, async accounts => {
    const account = await getAccount(io, given, options, accounts)
    const told = await change(accounts, account)
    if (told === null) return refuseCommand(io, options, `${account.email} was deleted meanwhile`)
    answer(io, options, told.line, told.result)
  })

const show = (io: Io, given: string, options: Options): Promise<void> =>
  withAccounts(io, options, async accounts => {
    const account = await getAccount(io, given, options, accounts)
    const shown = {
      ...presentAccountLine(account, { withDigest: false }),
      has_password: account.password_digest !== null,
      sign_ins: await accounts.countSignIns(account.id),
    }
    const lines = Object.entries(shown).map(([name, value]) => `${name.padEnd(15)} ${String(value)}`)
    answer(io, options, lines.join('\n'), shown)
  })
