import type { Language } from '../base/language.ts'
import type { LinkPurpose } from './email-link.ts'

/** Every mail, with the values that its template takes beside the issuer's name. templates/mail has each in every language. */
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
  'device-allowed': ['at', 'device', 'ip'],
  'identity-linked': ['at', 'provider'],
  'identity-unlinked': ['at', 'provider'],
  'refresh-reused': ['at'],
  invitation: ['link', 'until'],
} as const satisfies Record<string, readonly string[]>

export type MailName = keyof typeof MAILS

/** One mail to one person, before its template is filled in. */
export type Mail = {
  readonly [N in MailName]: Readonly<{
    name: N
    language: Language
    /** The address, in the normalized form. */
    to: string
    /** For the log, which has no addresses. Null: the recipient has no account yet. */
    account_id: string | null
    values: Readonly<Record<(typeof MAILS)[N][number], string>>
  }>
}[MailName]

/** What can become of a mail: its outcome and the reason. The metric and the log are derived from this table. */
export const MAIL_OUTCOMES = {
  sent: ['sent', ''],
  /** The mail server refuses the mail for good. */
  refused: ['failed', 'refused'],
  /** Every attempt failed for as long as the mail's link lives. */
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

/** The recipient of a mail. `language` is that of the last sign-in; null when there was none. */
export type Addressee = Readonly<{ account_id: string; email: string; language: string | null }>
