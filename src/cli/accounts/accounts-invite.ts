import type { Command } from 'commander'
import { composeLetters } from '../../compose/mail.ts'
import { composeBrand, composeTemplates } from '../../compose/pages.ts'
import { audiencePolicyOf, readSettings } from '../../config.ts'
import { judgeEmail, normalizeEmail } from '../../domain/account/account.ts'
import { LINK_SEED_BYTES, linkTokenOf } from '../../domain/account/email-link.ts'
import { invitationLink } from '../../domain/account/invitation.ts'
import type { Mail } from '../../domain/account/mail.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { STANDARD_LANGUAGE } from '../../domain/base/language.ts'
import { systemRandom } from '../../platform/random.ts'
import { openSmtp } from '../../platform/smtp.ts'
import { describeSmtpFault } from '../../platform/smtp-causes.ts'
import { createInvitations } from '../../store/mail/invitations.ts'
import { type Io, QUIET_LOG } from '../terminal/io.ts'
import { answer, fail, type Options, refuseCommand, withDatabase } from './with-accounts.ts'

const SETTINGS = [
  'DATABASE_URL',
  'ISSUER',
  'PORT',
  'DEFAULT_AUDIENCE',
  'SIGN_UP',
  'INVITATION_SECONDS',
  'SMTP_URL',
  'MAIL_FROM',
  'MAIL_LINK_URL',
  'BRAND_NAME',
  'BRAND_LOGO_FILE',
  'BRAND_COLOR',
  'TERMS_URL',
  'PRIVACY_URL',
  'SUPPORT_URL',
  'TEMPLATES_DIR',
] as const

type InviteOptions = Options & Readonly<{ language?: string; withdraw?: true }>

/** Adds `accounts invite`, which mails a person the link by which they open an account, or takes the invitation back. */
export const addAccountsInviteCommand = (accounts: Command, io: Io): void => {
  accounts
    .command('invite')
    .description(
      'mail a person the link by which they open an account; a second invitation of an address voids the first link',
    )
    .argument('<email>', 'the address to invite')
    .option('--language <tag>', 'the language of the mail', STANDARD_LANGUAGE)
    .option('--withdraw', 'take the invitation of the address back, and send no mail')
    .option('--json', 'print JSON for programs')
    .action((email: string, options: InviteOptions) =>
      options.withdraw ? withdraw(io, email, options) : invite(io, email, options),
    )
}

const invite = async (io: Io, given: string, options: InviteOptions): Promise<void> => {
  const email = normalizeEmail(given)
  const fault = judgeEmail(email)
  if (fault !== null) return refuseCommand(io, options, `the argument ${fault}`)
  const settings = settingsOf(io, options)
  if (settings.SIGN_UP === 'closed')
    return refuseCommand(
      io,
      options,
      'SIGN_UP is closed, and takes no invitation: set SIGN_UP=invited on the servers and here, or use signetd accounts create',
    )
  await withDatabase(io, options, async database => {
    const token = linkTokenOf(systemRandom.bytes(LINK_SEED_BYTES))
    const valid_seconds = settings.INVITATION_SECONDS
    const invited = await createInvitations(database).invite({
      email,
      digest: digestOf(token),
      valid_seconds,
    })
    if (invited === null)
      return refuseCommand(
        io,
        options,
        `there is an account ${email} already: its owner can ask for a new password on the sign-in page`,
      )
    const until = invited.expires_at.toISOString()
    const { issuer } = audiencePolicyOf(settings)
    const link = invitationLink({ issuer, link_page: settings.MAIL_LINK_URL }, token)
    const values = { link, until: `${until.slice(0, 16).replace('T', ' ')} UTC` }
    const language = (options.language ?? STANDARD_LANGUAGE).toLowerCase()
    await deliver(io, options, settings, {
      name: 'invitation',
      language,
      to: email,
      account_id: null,
      values,
    })
    answer(io, options, `invited ${email}, until ${values.until}`, { email, expires_at: until })
  })
}

const withdraw = async (io: Io, given: string, options: InviteOptions): Promise<void> => {
  const email = normalizeEmail(given)
  await withDatabase(io, options, async database =>
    (await createInvitations(database).withdraw(email))
      ? answer(io, options, `invitation of ${email} withdrawn`, { email, withdrawn: true })
      : refuseCommand(io, options, `${email} has no invitation`),
  )
}

type Given = ReturnType<typeof settingsOf>

const settingsOf = (io: Io, options: Options) => {
  const reading = readSettings(SETTINGS, io.environment)
  if ('faults' in reading) return fail(io, options, reading.faults)
  const { settings } = reading
  // The link must lead to the servers, not to the machine of the operator.
  if (settings.DATABASE_URL !== null && settings.ISSUER === undefined)
    return fail(io, options, ['ISSUER is unset: set it as on the servers, since the link leads there'])
  if (settings.DATABASE_URL !== null && settings.SMTP_URL === null)
    return fail(io, options, ['SMTP_URL is unset: set SMTP_URL and MAIL_FROM, for an invitation is a mail'])
  if (settings.SMTP_URL !== null && settings.MAIL_FROM === null)
    return fail(io, options, ['MAIL_FROM is required with SMTP_URL'])
  return settings
}

/** Sends the mail while the command waits. On the embedded database without SMTP_URL it is printed, as a server there does. */
const deliver = async (io: Io, options: Options, settings: Given, mail: Mail): Promise<void> => {
  const { SMTP_URL: url, MAIL_FROM: from } = settings
  const { mails } = composeTemplates(settings, QUIET_LOG)
  const letterOf = composeLetters(audiencePolicyOf(settings).issuer, { mails, brand: composeBrand(settings) })
  const letter = letterOf(mail)
  if (url === null || from === null) return io.err(`Mail to ${mail.to}: ${letter.subject}\n\n${letter.text}`)
  const smtp = openSmtp({ url, from })
  try {
    await smtp.send(letter, mail.to)
  } catch (error) {
    return fail(io, options, [
      `SMTP_URL: the invitation was not mailed, because ${describeSmtpFault(error)}; then run the command again`,
    ])
  } finally {
    smtp.close()
  }
}
