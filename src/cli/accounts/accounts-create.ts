import { type Command, Option } from 'commander'
import { readSettings } from '../../config.ts'
import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import type { PasswordDigest } from '../../domain/account/password-digest.ts'
import { FIRST_ROLES, judgeRoles } from '../../domain/oauth/roles.ts'
import { createJudgeNewPassword } from '../../flows/account/judge-new-password.ts'
import { openPasswords } from '../../platform/passwords.ts'
import { systemRandom } from '../../platform/random.ts'
import type { Io } from '../terminal/io.ts'
import { readPassword } from '../terminal/password-input.ts'
import { answer, type Options, refuseCommand, withAccounts } from './with-accounts.ts'

type CreateOptions = Options &
  Readonly<{ role?: readonly string[]; emailVerified?: true; passwordFile?: string; password?: false }>

/** Adds `accounts create`. The password is never an argument: every process of the machine can read the arguments of a command. */
export const addAccountsCreateCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('create')
    .description('create an account; the password is asked for at the terminal, or read from standard input')
    .argument('<email>', 'the e-mail of the account')
    .option('--role <role...>', `the roles of the account; default: ${FIRST_ROLES.join(', ')}`)
    .option('--email-verified', 'record that the e-mail is known to belong to the person')
    .option('--password-file <path>', 'read the password from this file')
    .addOption(
      new Option('--no-password', 'create no password: the person sets one by a mailed link').conflicts(
        'passwordFile',
      ),
    )
    .option('--json', 'print JSON for programs')
    .action((email: string, options: CreateOptions) => create(io, email, options))
}

const create = async (io: Io, given: string, options: CreateOptions): Promise<void> => {
  const email = normalizeEmail(given)
  const roles = [...new Set(options.role ?? FIRST_ROLES)]
  const faults = { 'the e-mail': judgeEmail(email), 'the roles': judgeRoles(roles) }
  for (const [what, fault] of Object.entries(faults))
    if (fault !== null) return refuseCommand(io, options, `${what} ${fault}`)
  const password_digest = options.password === false ? null : await digestPassword(io, options, email)
  await withAccounts(io, options, async accounts => {
    const id = systemRandom.uuid()
    const isCreated = await accounts.create({
      id,
      email,
      password_digest,
      roles,
      email_verified: options.emailVerified === true,
      disabled: false,
      created_at: new Date().toISOString(),
    })
    if (!isCreated)
      return refuseCommand(
        io,
        options,
        `there is an account ${email} already: change it with signetd accounts, or name another e-mail`,
      )
    answer(io, options, `created ${email}: ${id}`, { id, email, roles })
  })
}

const digestPassword = async (io: Io, options: CreateOptions, email: string): Promise<PasswordDigest> => {
  const reading = readSettings(['PASSWORD_COST', 'PASSWORD_MIN_CHARACTERS'], io.environment)
  if ('faults' in reading) return refuseCommand(io, options, reading.faults.join('; '))
  const { PASSWORD_COST: cost, PASSWORD_MIN_CHARACTERS: min_characters } = reading.settings
  const typed = await readPassword(io, options.passwordFile ?? null)
  if ('fault' in typed) return refuseCommand(io, options, typed.fault)
  const passwords = openPasswords({ cost, workers: 1 })
  try {
    const judge = createJudgeNewPassword({ passwords, min_characters })
    const { password, fault } = await judge(typed.password, email)
    return fault === null
      ? await passwords.hash(password)
      : refuseCommand(io, options, `the password ${fault}`)
  } finally {
    await passwords.close()
  }
}
