import type { Account } from '../../domain/account/account.ts'
import type { Addressee, Mail } from '../../domain/account/mail.ts'
import { countingKeyOf } from '../../domain/base/digest.ts'
import { type Language, languageOr } from '../../domain/base/language.ts'
import type { AboutRequest } from '../../domain/base/log-fields.ts'
import { describeDevice } from '../../domain/base/user-agent.ts'
import type { RequestSource, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import type { About, Addressees, Errand, Mailer } from '../../ports/mail.ts'
import { aboutOwner, type Owner } from '../access/actor.ts'

type Needs = Readonly<{
  /** Null: this server sends no mail. */
  mailer: Mailer | null
  addressees: Addressees
  /**
   * Mails of one kind to one address. An application that keeps no device token counts as a new device at each sign-in, and an account
   * that was registered with a stranger's address can cause notices at will. The owner of the address gets only a few.
   */
  recipients: Limit
  clock: Clock
}>

/** Ours – Security notices by mail, sent after the answer. They contain no link, so that no person learns to follow links in warnings. */
export type Notices = Readonly<{
  passwordChanged: (addressee: Addressee, about: AboutRequest) => void
  /** A second factor was added or removed, or the recovery codes were made anew. */
  factorsChanged: (addressee: Addressee, about: AboutRequest) => void
  /** Wrong codes were shown by a person who has the password or a sign-in. */
  totpFailed: (about: AboutAccount) => void
  totpClosed: (about: AboutAccount) => void
  /** An identity at another provider can sign in to the account from now on, or no longer. */
  identityLinked: (linked: AboutIdentity) => void
  identityUnlinked: (owner: Owner, label: string) => void
  /** Goes to the old address. */
  emailChanged: (addressee: Addressee, about: AboutRequest) => void
  /** A spent refresh token was presented. Sent once for a family: it has ended. */
  refreshReused: (about: AboutFamily) => void
  newDevice: (account: Account, seen: Seen) => void
  /** The account's owner has let a device in, whose own `source` it is. */
  deviceAllowed: (account: Account, allowed: Allowed) => void
  /** The language in which the next notices are written. */
  rememberLanguage: (account: Account, seen: Seen) => void
}>

type AboutAccount = AboutRequest & Readonly<{ sub: string }>
type AboutFamily = AboutRequest & Readonly<{ sid: string }>

/** `label`: the name of the provider. */
type AboutIdentity = Readonly<{ account: Account; label: string; language: Language; request_id: string }>

/** A request that signed a person in. */
type Seen = Readonly<{ source: TracedSource; language: Language; about: AboutRequest }>

/** A device that asked for a sign-in, and the language of the page on which it was allowed. */
type Allowed = Readonly<{ source: RequestSource; language: Language; about: AboutRequest }>

/** For a notice whose address is found when it is sent. */
const urgent = (about: AboutRequest): About => ({ isUrgent: true, email: null, about })

/** The notices whose only value is a time. */
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
  const notify = (name: TimedName, about: AboutRequest, find: () => Promise<Addressee | null>) => {
    const at = now()
    post(async () => {
      const addressee = await find()
      return addressee && timedMail(name, addressee, at)
    }, urgent(about))
  }

  return {
    passwordChanged: (addressee, about) => notify('password-changed', about, async () => addressee),
    factorsChanged: (addressee, about) => notify('factors-changed', about, async () => addressee),
    emailChanged: (addressee, about) => notify('email-changed', about, async () => addressee),
    refreshReused: about =>
      notify('refresh-reused', about, () =>
        addressees.findByFamily({ family_id: about.sid, user_id: about.sub ?? null }),
      ),
    totpFailed: about => notify('totp-failed', about, () => addressees.findByAccount(about.sub)),
    totpClosed: about => notify('totp-closed', about, () => addressees.findByAccount(about.sub)),

    ...createIdentityNotices(post, now),

    newDevice: ({ id, email, email_verified_at }, { source, language, about }) => {
      const device = describeDevice(source.user_agent, language)
      const values = { at: now(), device, ip: source.ip }
      // Not urgent for an unverified address: a person can register the address of another one, and sign in to that account again and again.
      const isUrgent = email_verified_at !== null
      post(async () => ({ name: 'new-device', language, to: email, account_id: id, values }), {
        isUrgent,
        email,
        about,
      })
    },

    deviceAllowed: ({ id, email, email_verified_at }, { source, language, about }) => {
      const device = describeDevice(source.user_agent, language)
      const values = { at: now(), device, ip: source.ip }
      const mail = { name: 'device-allowed', language, to: email, account_id: id, values } as const
      post(async () => mail, { isUrgent: email_verified_at !== null, email, about })
    },

    rememberLanguage: ({ id, email, language: known }, { language, about }) => {
      if (known === language) return
      mailer?.post(
        async () => {
          await addressees.rememberLanguage({ id, language })
          return null
        },
        { isUrgent: false, email, about },
      )
    },
  }
}

type Post = (find: Errand, about: About) => void

const createIdentityNotices = (
  post: Post,
  now: () => string,
): Pick<Notices, 'identityLinked' | 'identityUnlinked'> => ({
  identityLinked: ({ account: { id: account_id, email }, label: provider, language, request_id }) => {
    const mail = { name: 'identity-linked', language, to: email, account_id } as const
    const values = { at: now(), provider }
    post(async () => ({ ...mail, values }), {
      isUrgent: true,
      email,
      about: { sub: account_id, request_id },
    })
  },

  identityUnlinked: (owner, provider) => {
    const { id: account_id, email, language } = owner.account
    const mail = {
      name: 'identity-unlinked',
      language: languageOr(language),
      to: email,
      account_id,
    } as const
    const values = { at: now(), provider }
    post(async () => ({ ...mail, values }), { isUrgent: true, email, about: aboutOwner(owner) })
  },
})

/** Posts the mail that `find` returns, unless its recipient has had enough mails of the kind. */
const createPost =
  ({ mailer, recipients }: Needs) =>
  (find: Errand, about: About) =>
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
