/** Mails, and the links in them. A comment states atomicity and failure. */

import type { Account } from '../domain/account/account.ts'
import type { LinkPurpose } from '../domain/account/email-link.ts'
import type { Addressee, Mail } from '../domain/account/mail.ts'
import type { PasswordDigest } from '../domain/account/password-digest.ts'
import type { Digest } from '../domain/base/digest.ts'
import type { Language } from '../domain/base/language.ts'
import type { AboutRequest } from '../domain/base/log-fields.ts'
import type { NamedFamily } from '../domain/sign-in/refresh-family.ts'

/** Work after the answer: may read and write, and returns the mail to send, or null for none. */
export type Errand = () => Promise<Mail | null>

/** The properties of an errand that the queue orders by, before the mail is known. */
export type About = Readonly<{
  /** A password reset, or a notice that an account's owner must not miss: sent first and dropped last. */
  isUrgent: boolean
  /** For the turns of domains; null while unknown. */
  email: string | null
  /** The request that caused the mail, and its sign-in if there is one. The log lines about the mail have these fields. */
  about?: AboutRequest
}>

/** A bounded queue in this process, with retries. Its mails are lost when the process dies. */
export type Mailer = {
  /** Returns at once and never fails, so that a caller cannot tell whether the errand has an account. */
  post(errand: Errand, about: About): void
}

type LinkDigest = Digest<'email_link'>

/** A link to store. Its token is derived from the seed and the pepper with this id. */
export type NewLink = Readonly<{ digest: LinkDigest; seed: Uint8Array; pepper_id: number }>

/** The link to mail: the new one, or the former one, which stays valid. */
export type IssuedLink = Addressee & Readonly<{ seed: Uint8Array; pepper_id: number; minutes: number }>

/**
 * Mailed links. A recently issued link is mailed again if its pepper is one of `pepper_ids`; otherwise a new one is issued, and the former
 * one stays valid until it expires. A reset and a verification are bound to the address and the password of the account, a change of the
 * e-mail to the credential epoch too. All reject with Unavailable when the database is away.
 */
export type EmailLinks = {
  /** Atomic. Null when no enabled account has the address. */
  issueReset(link: {
    email: string
    link: NewLink
    pepper_ids: readonly number[]
  }): Promise<IssuedLink | null>
  /** Atomic. Null when the address is verified already, or no longer the account's, or the account is disabled. */
  issueVerification(link: {
    account_id: string
    email: string
    link: NewLink
    pepper_ids: readonly number[]
  }): Promise<IssuedLink | null>
  /** Atomic. Null when an account has the new address, this account is disabled, or its credentials changed since `credential_epoch`. */
  issueChange(link: {
    account_id: string
    credential_epoch: number
    new_email: string
    link: NewLink
    pepper_ids: readonly number[]
  }): Promise<IssuedLink | null>
  /** The purpose and the address of a link that may be followed; null otherwise. Spends nothing. */
  find(digest: LinkDigest): Promise<Readonly<{ purpose: LinkPurpose; email: string }> | null>
  /** True for a link, spent or expired too, whose address is the confirmed one of its account. Spends nothing. */
  isConfirmed(digest: LinkDigest): Promise<boolean>
  /** Atomic: spends the link and marks the address as verified. Null when the link is not valid. */
  redeemVerification(digest: LinkDigest): Promise<Addressee | null>
  /**
   * Atomic: spends the link and every other link of the account, sets the digest, marks the address as verified, raises the credential
   * epoch, and ends every family with its entry in the revocation feed. Removes the second factors if the address was not verified before.
   * Null when the link is not valid. A sign-in under way gets no living family.
   */
  redeemReset(link: {
    digest: LinkDigest
    password_digest: PasswordDigest
  }): Promise<(Addressee & Readonly<{ families: readonly string[] }>) | null>
  /**
   * Atomic: spends the link and every other link of the account, and gives the account its new, verified address. Returns the old address.
   * 'taken', without a change, when another account has the new address by now; null when the link is not valid. Ends no sign-in.
   */
  redeemChange(digest: LinkDigest): Promise<Addressee | 'taken' | null>
}

/** An account of an invited person, to be made. */
export type InvitedAccount = Readonly<{
  digest: LinkDigest
  /** The address that was invited, in the normalized form. */
  email: string
  id: string
  password_digest: PasswordDigest
  roles: readonly string[]
  /** The language of notices, until a later sign-in. */
  language: Language
}>

/** Invitations to open an account, one for each address. All reject with Unavailable when the database is away. */
export type Invitations = {
  /** Atomic: replaces the invitation of the address, whose former link is void from then on. Null when an account has the address. */
  invite(invitation: {
    email: string
    digest: LinkDigest
    valid_seconds: number
  }): Promise<Readonly<{ expires_at: Date }> | null>
  /** Atomic. False when the address has no invitation. */
  withdraw(email: string): Promise<boolean>
  /** The address of an invitation that may be redeemed; null otherwise. Spends nothing. */
  find(digest: LinkDigest): Promise<string | null>
  /**
   * Atomic: spends the invitation and makes the account, whose address is verified: the holder of the link reads its mail. Of two requests
   * at once, one makes the account. 'taken' when an account has the address by now; null when the invitation is not valid.
   */
  redeem(account: InvitedAccount): Promise<Account | 'taken' | null>
}

/** Recipients of mail. All reject with Unavailable when the database is away. */
export type Addressees = {
  /** Null when the account is unknown or disabled. */
  findByFamily(family: NamedFamily): Promise<Addressee | null>
  /** Null when the account is unknown or disabled. */
  findByAccount(account_id: string): Promise<Addressee | null>
  /** Atomic. Does nothing when there is no such account. */
  rememberLanguage(account: { id: string; language: Language }): Promise<void>
}
