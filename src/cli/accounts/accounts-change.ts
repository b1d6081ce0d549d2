import type { Command } from 'commander'
import { type AccountLine, presentAccountLine } from '../../domain/account/account-line.ts'
import { judgeExternalId } from '../../domain/account/external-id.ts'
import { judgeRoles } from '../../domain/oauth/roles.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { getAccount } from './get-account.ts'
import { answer, type Options, refuseCommand, withAccounts } from './with-accounts.ts'

/** The outcome of a change, as a line for people and as data for programs; null when the account was deleted meanwhile. */
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

const setExternalId =
  (io: Io, options: Options, external_id: string | null): Change =>
  async (accounts, { id, email }) => {
    const outcome = await accounts.setExternalId(id, external_id)
    if (outcome === 'taken')
      return refuseCommand(io, options, `another account has the external id ${external_id} already`)
    const line = `external id of ${email}: ${external_id ?? 'none'}`
    return outcome ? { line, result: { id, external_id } } : null
  }

const tellEnded = (what: string, { id, email }: AccountLine, sign_ins_ended: number | null): Told | null =>
  sign_ins_ended === null
    ? null
    : {
        line: `${what}: ${email}; sign-ins ended: ${sign_ins_ended}`,
        result: { id, [what.replace(' ', '_')]: true, sign_ins_ended },
      }

/** The commands whose only argument is the account. */
const CHANGES: Readonly<Record<string, readonly [description: string, change: Change]>> = {
  disable: ['end every sign-in of an account, and refuse new ones', disable],
  enable: ['let a disabled account sign in again', enable],
  'remove-factors': [
    'remove every second factor and recovery code of a person who has lost them, and end every sign-in',
    removeFactors,
  ],
  'end-sessions': ['end every sign-in of an account, with its access tokens', endSignIns],
}

type DeleteOptions = Options & Readonly<{ now?: boolean }>
type RoleOptions = Options & Readonly<{ none?: boolean; endSessions?: boolean }>

/** Adds the commands that show, change or delete one account. */
export const addAccountsChangeCommands = (group: Command, io: Io): void => {
  const command = (name: string, description: string) =>
    group
      .command(name)
      .description(description)
      .argument('<account>', 'the e-mail, the id or the external id of the account')
      .option('--json', 'print JSON for programs')
  command('show', 'print one account, and how many sign-ins it has').action(
    (given: string, options: Options) => show(io, given, options),
  )
  for (const [name, [description, change]] of Object.entries(CHANGES))
    command(name, description).action((given: string, options: Options) => apply(io, given, options, change))
  command('delete', 'delete an account with all data of the person, for good; add --now to do it')
    .option('--now', 'delete the account; without --now the command only says what it would delete')
    .action((given: string, options: DeleteOptions) =>
      apply(io, given, options, async (accounts, account) =>
        options.now
          ? remove(accounts, account)
          : refuseCommand(io, options, `would delete ${account.email}: add --now to delete it`),
      ),
    )
  command('set-roles', 'replace the roles of an account')
    .alias('set-role')
    .argument('[role...]', 'the new roles')
    .option('--none', 'leave the account without a role')
    .option(
      '--end-sessions',
      'end every sign-in, so that the roles count at once; without it, at the next refresh',
    )
    .action((given: string, listed: readonly string[], options: RoleOptions) => {
      const roles = [...new Set(listed)]
      if ((roles.length === 0) !== (options.none === true))
        return refuseCommand(io, options, 'name the new roles, or add --none')
      const fault = judgeRoles(roles)
      if (fault !== null) return refuseCommand(io, options, `roles ${fault}`)
      return apply(io, given, options, setRoles(roles, { isAtOnce: options.endSessions === true }))
    })
  addExternalIdCommand(command('set-external-id', 'replace the id that an account has in another system'), io)
}

const addExternalIdCommand = (command: Command, io: Io): void => {
  command
    .argument('[external-id]', 'the id of the account in another system')
    .option('--none', 'take the external id away')
    .action(
      (given: string, external_id: string | undefined, options: Options & Readonly<{ none?: boolean }>) => {
        if ((external_id === undefined) !== (options.none === true))
          return refuseCommand(io, options, 'name the external id, or add --none')
        const fault = external_id === undefined ? null : judgeExternalId(external_id)
        if (fault !== null) return refuseCommand(io, options, `the external id ${fault}`)
        return apply(io, given, options, setExternalId(io, options, external_id ?? null))
      },
    )
}

const apply = (io: Io, given: string, options: Options, change: Change): Promise<void> =>
  withAccounts(io, options, async accounts => {
    const account = await getAccount(io, given, options, accounts)
    const told = await change(accounts, account)
    if (told === null)
      return refuseCommand(io, options, `${account.email} was deleted meanwhile: nothing is left to change`)
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
    const lines = Object.entries(shown).map(([name, value]) => `${name.padEnd(18)} ${String(value ?? '-')}`)
    answer(io, options, lines.join('\n'), shown)
  })
