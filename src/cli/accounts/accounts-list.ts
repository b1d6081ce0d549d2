import { type Command, InvalidArgumentError, Option } from 'commander'
import { normalizeEmail } from '../../domain/account/account.ts'
import { type AccountLine, presentAccountLine } from '../../domain/account/account-line.ts'
import type { AccountAdministration, AccountFilter } from '../../ports/accounts.ts'
import type { Io } from '../terminal/io.ts'
import { type Options, withAccounts } from './with-accounts.ts'

type ListOptions = Options &
  Readonly<{ role?: string; disabled?: true; enabled?: true; email?: string; limit?: number }>
type ExportOptions = Options & Readonly<{ withDigests?: boolean }>

const EVERYBODY: AccountFilter = { role: null, disabled: null, email_prefix: null }

/** Adds `accounts list` and `accounts export`. Both hand on a page at a time: memory does not grow with the accounts. */
export const addAccountsListCommands = (accounts: Command, io: Io): void => {
  accounts
    .command('list')
    .description('the accounts, in the order in which they were made; with --json a line of JSON each')
    .option('--role <role>', 'only those with this role')
    .addOption(new Option('--disabled', 'only those that are disabled').conflicts('enabled'))
    .option('--enabled', 'only those that are not')
    .option('--email <prefix>', 'only those whose e-mail begins so')
    .option('--limit <count>', 'so many at most', parseLimit)
    .option('--json', 'for machines')
    .action((options: ListOptions) => withAccounts(io, options, store => list(io, options, store)))
  accounts
    .command('export')
    .description('every account as a line of JSON on standard output, as `accounts import` reads it')
    .option('--with-digests', 'with the password digests: whoever gets the file can try passwords on them')
    .option('--json', 'the summary on standard error for machines')
    .action((options: ExportOptions) =>
      withAccounts(io, options, store => exportAccounts(io, options, store)),
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
  for await (const account of readAccounts(store, EVERYBODY)) {
    io.out(lineOf(account, withDigests))
    accounts += 1
  }
  io.err(json ? JSON.stringify({ accounts }) : `exported accounts: ${accounts}`)
}

/** Who is made or deleted while this goes on may be there or not; everybody else is, once. */
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

const row = ({ id, email, roles, disabled, created_at }: AccountLine) =>
  [id, created_at.slice(0, 10), disabled ? 'disabled' : 'enabled ', email, roles.join(' ')]
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
