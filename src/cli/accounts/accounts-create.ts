import { type Command, Option } from 'commander'
import { readSettings } from '../../config.ts'
import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { judgeExternalId } from '../../domain/account/external-id.ts'
import type { PasswordDigest } from '../../domain/account/password-digest.ts'
import { EMPTY_PROFILE, type GivenProfile, judgeProfile } from '../../domain/account/profile.ts'
import { FIRST_ROLES, judgeRoles } from '../../domain/oauth/roles.ts'
import { createJudgeNewPassword } from '../../flows/account/judge-new-password.ts'
import { openPasswords } from '../../platform/passwords.ts'
import { systemRandom } from '../../platform/random.ts'
import type { Io } from '../terminal/io.ts'
import { readPassword } from '../terminal/password-input.ts'
import { answer, type Options, refuseCommand, withAccounts } from './with-accounts.ts'

type CreateOptions = Options &
  Readonly<{
    role?: readonly string[]
    emailVerified?: true
    passwordFile?: string
    password?: false
    externalId?: string
    name?: string
    givenName?: string
    familyName?: string
    preferredUsername?: string
    picture?: string
    locale?: string
    zoneinfo?: string
  }>

/** Adds `accounts create`. The password is never an argument: every process of the machine can read the arguments of a command. */
export const addAccountsCreateCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('create')
    .description('create an account; the password is asked for at the terminal, or read from standard input')
    .argument('<email>', 'the e-mail of the account')
    .option('--role <role...>', `the roles of the account; default: ${FIRST_ROLES.join(', ')}`)
    .option('--email-verified', 'record that the e-mail is known to belong to the person')
    .option('--external-id <id>', 'the id of the account in another system')
    .option('--name <name>', 'the full name of the person')
    .option('--given-name <name>', 'the first name of the person')
    .option('--family-name <name>', 'the last name of the person')
    .option('--preferred-username <name>', 'the name that the person goes by')
    .option('--picture <url>', 'the https URL of a picture')
    .option('--locale <tag>', 'the language of the person, such as de-CH')
    .option('--zoneinfo <zone>', 'the time zone of the person, such as Europe/Berlin')
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
  const external_id = options.externalId ?? null
  const judged = judgeProfile(profileOf(options))
  const faults = {
    'the argument': judgeEmail(email),
    'the roles': judgeRoles(roles),
    'the external id': external_id === null ? null : judgeExternalId(external_id),
  }
  for (const [what, fault] of Object.entries(faults))
    if (fault !== null) return refuseCommand(io, options, `${what} ${fault}`)
  if ('errors' in judged)
    return refuseCommand(
      io,
      options,
      judged.errors.map(({ pointer, detail }) => `${pointer.slice(2)} ${detail}`).join('; '),
    )
  const password_digest = options.password === false ? null : await digestPassword(io, options, email)
  await withAccounts(io, options, async accounts => {
    const id = systemRandom.uuid()
    const isCreated = await accounts.create({
      ...EMPTY_PROFILE,
      ...judged.change,
      id,
      email,
      password_digest,
      roles,
      email_verified: options.emailVerified === true,
      disabled: false,
      created_at: new Date().toISOString(),
      external_id,
    })
    if (!isCreated) {
      const holder = external_id === null ? null : await accounts.find({ external_id })
      return refuseCommand(
        io,
        options,
        holder === null || holder.email === email
          ? `there is an account ${email} already: change it with signetd accounts, or name another e-mail`
          : `the account ${holder.email} has the external id ${external_id} already`,
      )
    }
    const shown = external_id === null ? {} : { external_id }
    answer(io, options, `created ${email}: ${id}`, { id, email, roles, ...shown })
  })
}

const profileOf = (options: CreateOptions): GivenProfile => ({
  name: options.name,
  given_name: options.givenName,
  family_name: options.familyName,
  preferred_username: options.preferredUsername,
  picture: options.picture,
  locale: options.locale,
  zoneinfo: options.zoneinfo,
})

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
