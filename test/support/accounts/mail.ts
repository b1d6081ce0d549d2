import type { Deployment, Given, Instance } from '../deployment.ts'
import { linkIn, type Mailbox, openMailbox } from '../services/mailbox.ts'
import { outcome, send } from './account-api.ts'

export const FROM = 'Signet <no-reply@id.example>'
export const NEW_PASSWORD = 'another lantern for the harbour'

/** What the subjects are told apart by. */
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

type Headers = Readonly<Record<string, string>>

export const forgot = (signet: Instance, email: string, headers: Headers = {}) =>
  send(signet, 'POST', '/auth/password/forgot', { email }, headers)

export const reset = (signet: Instance, token: string, new_password = NEW_PASSWORD) =>
  outcome(send(signet, 'POST', '/auth/password/reset', { token, new_password }))

export const verify = (signet: Instance, token: string) =>
  outcome(send(signet, 'POST', '/auth/email/verify', { token }))

export const changeEmail = (
  signet: Instance,
  bearer: Headers,
  fields: Readonly<{ current_password: string; new_email: string }>,
) => outcome(send(signet, 'POST', '/auth/email', fields, bearer))

/** Asks for a new password and takes the token out of the mail, the newest of so many. */
export const resetToken = async ({ signet, mailbox }: Post, email: string, count = 1): Promise<string> => {
  await forgot(signet, email)
  return linkIn(await mailbox.mailTo(email, SUBJECTS.reset, count)).token
}

export const me = async (signet: Instance, bearer: Headers): Promise<unknown> =>
  (await send(signet, 'GET', '/auth/me', undefined, bearer)).json()
