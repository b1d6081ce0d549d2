import type { Answer } from '../answer.ts'
import type { Askable, Asking } from '../ask.ts'
import type { Deployment, Given, Instance } from '../deployment.ts'
import { linkIn, type Mailbox, openMailbox } from '../services/mailbox.ts'
import { outcomeOf, type Tokens } from './account-api.ts'

export const FROM = 'Signet <no-reply@id.example>'
export const NEW_PASSWORD = 'another lantern for the harbour'

/** A pattern for the subject of each mail. */
export const SUBJECTS = {
  verify: /Confirm your e-mail address/,
  reset: /Choose a new password/,
  change: /Confirm your new e-mail/,
  emailChanged: /e-mail address was changed/,
  passwordChanged: /password was changed/,
  factorsChanged: /second factors were changed/,
  newDevice: /new device/,
  reused: /ended for your safety/,
}

export type Post = Readonly<{ signet: Instance; mailbox: Mailbox; close: () => Promise<void> }>

/** An instance that sends mail to a mailbox of its own. */
export const startWithMail = async (
  deployment: Deployment,
  { environment = {}, ...parts }: Given = {},
): Promise<Post> => {
  const mailbox = await openMailbox()
  const mail = { SMTP_URL: mailbox.url, MAIL_FROM: FROM, ...environment }
  const signet = await deployment.start({ ...parts, environment: mail })
  const close = async () => {
    await signet.close()
    await mailbox.close()
  }
  return { signet, mailbox, close }
}

export const forgot = (server: Askable, email: string, headers: Asking['headers'] = {}) =>
  server.ask('/auth/password/forgot', { body: { email }, headers })

export const reset = async (server: Askable, token: string, new_password = NEW_PASSWORD) =>
  outcomeOf(await server.ask('/auth/password/reset', { body: { token, new_password } }))

export const verify = async (server: Askable, token: string) =>
  outcomeOf(await server.ask('/auth/email/verify', { body: { token } }))

export const changeEmail = async (
  server: Askable,
  { access_token }: Pick<Tokens, 'access_token'>,
  fields: Readonly<{ current_password: string; new_email: string }>,
) => outcomeOf(await server.ask('/auth/email', { body: fields, token: access_token }))

/** Requests a password reset and returns the token of its mail, which is the newest of `count` such mails. */
export const resetToken = async ({ signet, mailbox }: Post, email: string, count = 1): Promise<string> => {
  await forgot(signet, email)
  return linkIn(await mailbox.mailTo(email, SUBJECTS.reset, count)).token
}

/** The account as `GET /auth/me` shows it. */
export const me = async (
  server: Askable,
  { access_token }: Pick<Tokens, 'access_token'>,
): Promise<Answer['body']> => (await server.ask('/auth/me', { token: access_token })).body
