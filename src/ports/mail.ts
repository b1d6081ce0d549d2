/** Mail, and the links in it. */

import type { LinkPurpose } from '../domain/account/email-link.ts'
import type { Addressee, Mail } from '../domain/account/mail.ts'
import type { PasswordDigest } from '../domain/account/password-digest.ts'
import type { Digest } from '../domain/base/digest.ts'
import type { Language } from '../domain/base/language.ts'

/** What is done after the answer: it may read and write, and then says which mail is to go out; null: none. */
export type Errand = () => Promise<Mail | null>

/** What the queue goes by before the errand has told the mail. */
export type About = Readonly<{
  /** A reset, or a notice that an account's owner must not miss: before everything else, and dropped last. */
  isUrgent: boolean
  /** For the turns of domains; null where it is not known. */
  email: string | null
}>

/** A bounded queue in this process, with retries. What it holds when the process dies is lost. */
export type Mailer = {
  /** Takes no time and never fails: whether there is an account behind the errand, no caller can tell. */
  post(errand: Errand, about: About): void
}

type LinkDigest = Digest<'email_link'>

/** A link that may be mailed: what its token was derived from, with the pepper of this id. */
export type NewLink = Readonly<{ digest: LinkDigest; seed: Uint8Array; pepper_id: number }>

/** Which link is mailed: the new one, or the one before it, which goes on. */
export type IssuedLink = Addressee & Readonly<{ seed: Uint8Array; pepper_id: number; minutes: number }>

/**
 * Mailed links. One that was asked for lately is mailed again, if its pepper is one of `pepper_ids`; else a new one takes its turn, and
 * the one before it may be followed to its end. A reset and a verification are bound to the address and the password of the account,
 * a change of the e-mail to its credential epoch too. All reject with Unavailable when the database is away.
 */
export type EmailLinks = {
  /** Atomic. Null when nobody enabled has the address. */
  issueReset(link: {
    email: string
    link: NewLink
    pepper_ids: readonly number[]
  }): Promise<IssuedLink | null>
  /** Atomic. Null when the address is verified already or not the account's any more. */
  issueVerification(link: {
    account_id: string
    email: string
    link: NewLink
    pepper_ids: readonly number[]
  }): Promise<IssuedLink | null>
  /** Atomic. Null when somebody has the new address, or when the credentials changed since `credential_epoch`. */
  issueChange(link: {
    account_id: string
    credential_epoch: number
    new_email: string
    link: NewLink
    pepper_ids: readonly number[]
  }): Promise<IssuedLink | null>
  /** What a link stands for, as long as it may be followed. Spends nothing. */
  find(digest: LinkDigest): Promise<Readonly<{ purpose: LinkPurpose; email: string }> | null>
  /** True for a link, spent or expired too, whose address is the confirmed one of its account. Spends nothing. */
  isConfirmed(digest: LinkDigest): Promise<boolean>
  /** Atomic: spends the link and marks the address as verified. Null when the link is worthless. */
  redeemVerification(digest: LinkDigest): Promise<Addressee | null>
  /**
   * Atomic: spends the link and every other of the person, sets the digest, marks the address as verified, raises the credential
   * epoch, and ends every family with its entry in the revocation feed. Where the address was not verified before, the second
   * factors go too. Null when the link is worthless. A sign-in under way gets no living family.
   */
  redeemReset(link: {
    digest: LinkDigest
    password_digest: PasswordDigest
  }): Promise<(Addressee & Readonly<{ families: readonly string[] }>) | null>
  /**
   * Atomic: spends the link and every other of the person, and gives the account its new, verified address. Returns the old
   * one. 'taken', and nothing is done, when somebody has the new one by now; null when the link is worthless. Ends no sign-in.
   */
  redeemChange(digest: LinkDigest): Promise<Addressee | 'taken' | null>
}

/** People as one writes to them. */
export type Addressees = {
  /** Null when unknown, or disabled. */
  findByFamily(family_id: string): Promise<Addressee | null>
  /** Null when unknown, or disabled. */
  findByAccount(account_id: string): Promise<Addressee | null>
  rememberLanguage(account: { id: string; language: Language }): Promise<void>
}
