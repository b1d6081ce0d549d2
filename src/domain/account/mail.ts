import type { Language } from '../base/language.ts'
import type { LinkPurpose } from './email-link.ts'

/** Every mail, and what its text is filled with beside the issuer's name. templates/mail has each in every language. */
export const MAILS = {
  'verify-email': ['link', 'minutes'],
  'reset-password': ['link', 'minutes'],
  'change-email': ['link', 'minutes'],
  'email-changed': ['at'],
  'password-changed': ['at'],
  'factors-changed': ['at'],
  'totp-failed': ['at'],
  'totp-closed': ['at'],
  'new-device': ['at', 'device', 'ip'],
  'refresh-reused': ['at'],
} as const satisfies Record<string, readonly string[]>

export type MailName = keyof typeof MAILS

/** One mail to one person, still without its words. */
export type Mail = {
  readonly [N in MailName]: Readonly<{
    name: N
    language: Language
    /** An address as accounts have it. */
    to: string
    /** For the log, where no address belongs. */
    account_id: string
    values: Readonly<Record<(typeof MAILS)[N][number], string>>
  }>
}[MailName]

/** What becomes of a mail: how it is counted, and why. Written once here; the metric and the log are derived from it. */
export const MAIL_OUTCOMES = {
  sent: ['sent', ''],
  /** The server will never take it. */
  refused: ['failed', 'refused'],
  /** Tried for as long as its link lives. */
  given_up: ['failed', 'given_up'],
  queue_full: ['dropped', 'queue_full'],
  too_many_late: ['dropped', 'too_many_late'],
  closing: ['dropped', 'closing'],
} as const satisfies Record<string, readonly [outcome: string, reason: string]>

export type MailOutcome = keyof typeof MAIL_OUTCOMES

/** The mail that carries a link. */
export const MAIL_OF_LINK = {
  verify_email: 'verify-email',
  reset_password: 'reset-password',
  change_email: 'change-email',
} as const satisfies Record<LinkPurpose, MailName>

/** To whom a mail goes. The language is that of their last sign-in; null when there was none. */
export type Addressee = Readonly<{ account_id: string; email: string; language: string | null }>
