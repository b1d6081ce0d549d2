import type { Account } from '../../domain/account/account.ts'
import type { Addressee, Mail } from '../../domain/account/mail.ts'
import { countingKeyOf } from '../../domain/base/digest.ts'
import { type Language, languageOr } from '../../domain/base/language.ts'
import { describeDevice } from '../../domain/base/user-agent.ts'
import type { RequestSource } from '../../domain/sign-in/refresh-family.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { About, Addressees, Errand, Mailer } from '../../ports/mail.ts'

type Needs = Readonly<{
  /** Null: this server sends no mail, and no notice. */
  mailer: Mailer | null
  addressees: Addressees
  /**
   * Mails of one kind to one address. An application that keeps no device token is a new device at each sign-in, and an account that
   * was registered with a stranger's address can cause notices at will: the owner of the address gets a few and no more.
   */
  recipients: Limit
  clock: Clock
}>

/** Ours – Security notices by mail, sent after the answer. They contain no link, so that no person learns to follow links in warnings. */
export type Notices = Readonly<{
  passwordChanged: (addressee: Addressee) => void
  /** A second factor came or went, or the recovery codes were made anew. */
  factorsChanged: (addressee: Addressee) => void
  /** Wrong codes, by a person who has the password or a sign-in. */
  totpFailed: (account_id: string) => void
  totpClosed: (account_id: string) => void
  /** To the old address. */
  emailChanged: (addressee: Addressee) => void
  /** A spent refresh token came back. Said once: the family is dead from then on. */
  refreshReused: (family_id: string) => void
  newDevice: (account: Account, seen: Readonly<{ source: RequestSource; language: Language }>) => void
  /** In which the next notices are written. */
  rememberLanguage: (account: Account, language: Language) => void
}>

/** The address is in the mail, and the errand that finds it costs little. */
const URGENT: About = { isUrgent: true, email: null }

/** The notices that tell a time alone. */
type TimedName =
  | 'password-changed'
  | 'factors-changed'
  | 'email-changed'
  | 'refresh-reused'
  | 'totp-failed'
  | 'totp-closed'

export const createNotices = (needs: Needs): Notices => {
  const { mailer, addressees, clock } = needs
  const post = createPost(needs)
  const now = () => `${clock().toISOString().slice(0, 16).replace('T', ' ')} UTC`
  const notify = (name: TimedName, find: () => Promise<Addressee | null>) => {
    const at = now()
    post(async () => {
      const addressee = await find()
      return addressee && timedMail(name, addressee, at)
    })
  }

  return {
    passwordChanged: addressee => notify('password-changed', async () => addressee),
    factorsChanged: addressee => notify('factors-changed', async () => addressee),
    emailChanged: addressee => notify('email-changed', async () => addressee),
    refreshReused: family_id => notify('refresh-reused', () => addressees.findByFamily(family_id)),
    totpFailed: account_id => notify('totp-failed', () => addressees.findByAccount(account_id)),
    totpClosed: account_id => notify('totp-closed', () => addressees.findByAccount(account_id)),

    newDevice: ({ id, email, email_verified_at }, { source, language }) => {
      const device = describeDevice(source.user_agent, language)
      const values = { at: now(), device, ip: source.ip }
      // Anyone can sign in to an account that they registered with another's address, as often as they like.
      const about = { isUrgent: email_verified_at !== null, email }
      post(async () => ({ name: 'new-device', language, to: email, account_id: id, values }), about)
    },

    rememberLanguage: ({ id, email, language: known }, language) => {
      if (known === language) return
      mailer?.post(
        async () => {
          await addressees.rememberLanguage({ id, language })
          return null
        },
        { isUrgent: false, email },
      )
    },
  }
}

/** Posts what `find` comes back with, unless its recipient has had enough mails of the kind. */
const createPost =
  ({ mailer, recipients }: Needs) =>
  (find: Errand, about = URGENT) =>
    mailer?.post(async () => {
      const mail = await find()
      if (mail === null) return null
      const allowance = await recipients.consume(`${mail.name}:${countingKeyOf(mail.to)}`)
      return allowance === null || allowance.isAllowed ? mail : null
    }, about)

const timedMail = (name: TimedName, { account_id, email, language }: Addressee, at: string): Mail => ({
  name,
  language: languageOr(language),
  to: email,
  account_id,
  values: { at },
})
