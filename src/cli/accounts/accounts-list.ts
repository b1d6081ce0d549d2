import { type Command, InvalidArgumentError, Option } from 'commander'
import { normalizeEmail } from '../../domain/account/account.ts'
import { type AccountLine, presentAccountLine } from '../../domain/account/account-line.ts'
import type { AccountAdministration, AccountFilter } from '../../ports/accounts.ts'
import { createAccountAdministration } from '../../store/accounts/account-administration.ts'
import { createEvents } from '../../store/events/events.ts'
import type { Io } from '../terminal/io.ts'
import { type Options, withAccounts, withDatabase } from './with-accounts.ts'

type ListOptions = Options &
  Readonly<{ role?: string; disabled?: true; enabled?: true; email?: string; limit?: number }>
type ExportOptions = Options & Readonly<{ withDigests?: boolean }>

const EVERY_ACCOUNT: AccountFilter = { role: null, disabled: null, email_prefix: null }

/** Adds `accounts list` and `accounts export`. Both read a page at a time: memory does not grow with the number of accounts. */
export const addAccountsListCommands = (accounts: Command, io: Io): void => {
  accounts
    .command('list')
    .description('print the accounts, in the order in which they were made; with --json a line of JSON each')
    .option('--role <role>', 'only accounts with this role')
    .addOption(new Option('--disabled', 'only disabled accounts').conflicts('enabled'))
    .option('--enabled', 'only accounts that are not disabled')
    .option('--email <prefix>', 'only accounts whose e-mail begins with this')
    .option('--limit <count>', 'print at most this many accounts', parseLimit)
    .option('--json', 'print JSON for programs')
    .action((options: ListOptions) => withAccounts(io, options, store => list(io, options, store)))
  accounts
    .command('export')
    .description('print every account as a line of JSON, in the form that `accounts import` reads')
    .option(
      '--with-digests',
      'include the password digests; keep the file secret, since its reader can try passwords on them',
    )
    .option('--json', 'print the summary on standard error as JSON')
    .action((options: ExportOptions) =>
      withDatabase(io, options, async (database, lifetimes) => {
        // Before the first line: an export that is cut off has an event too.
        const details = { with_digests: options.withDigests ?? false }
        await createEvents(database).write([{ kind: 'account.exported', details }])
        await exportAccounts(io, options, createAccountAdministration(database, lifetimes))
      }),
    )
}

const list = async (io: Io, options: ListOptions, store: AccountAdministration): Promise<void> => {
  let left = options.limit ?? Number.POSITIVE_INFINITY
  for await (const account of readAccounts(store, filterOf(options))) {
    if (left === 0) return
    left -= 1
    io.out(options.json ? lineOf(account, false) : row(account))
  }
}

const exportAccounts = async (
  io: Io,
  { json = false, withDigests = false }: ExportOptions,
  store: AccountAdministration,
): Promise<void> => {
  let accounts = 0
  for await (const account of readAccounts(store, EVERY_ACCOUNT)) {
    io.out(lineOf(account, withDigests))
    accounts += 1
  }
  io.err(json ? JSON.stringify({ accounts }) : `exported accounts: ${accounts}`)
}

/** Every account once; one that is created or deleted meanwhile may be among them or not. */
async function* readAccounts(store: AccountAdministration, filter: AccountFilter) {
  for (let after: string | null = null; ; ) {
    const { accounts, last } = await store.readPage(after, filter)
    yield* accounts
    if (last === null) return
    after = last
  }
}

const lineOf = (account: AccountLine, withDigest: boolean) =>
  JSON.stringify(presentAccountLine(account, { withDigest }))

const row = ({ id, email, roles, disabled, created_at, external_id }: AccountLine) =>
  [id, created_at.slice(0, 10), disabled ? 'disabled' : 'enabled ', email, roles.join(' '), external_id ?? '']
    .join('  ')
    .trimEnd()

const filterOf = ({ role, disabled, enabled, email }: ListOptions): AccountFilter => ({
  role: role ?? null,
  disabled: disabled ? true : enabled ? false : null,
  email_prefix: email === undefined ? null : normalizeEmail(email),
})

const parseLimit = (text: string): number => {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 on.')
  return Number(text)
}
