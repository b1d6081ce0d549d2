import { parseLinkToken } from '../../domain/account/email-link.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Passwords } from '../../ports/effects.ts'
import type { EmailLinks } from '../../ports/mail.ts'
import type { JudgeNewPassword } from '../account/judge-new-password.ts'
import type { Notices } from './notices.ts'

type Needs = Readonly<{
  links: EmailLinks
  passwords: Passwords
  judgeNewPassword: JudgeNewPassword
  notices: Notices
}>

/** The token of a link, and the request that presents it. */
type Presented = Readonly<{ token: string; request_id: string }>

/** The account of the link, for the log. */
type Redeemed = Readonly<{ account_id: string }>

/** What a link offers before it is followed. The address is for the page that the holder of the link sees. */
export type OfferedLink =
  | Readonly<{ outcome: 'offered'; email: string }>
  | Readonly<{ outcome: 'already_confirmed' }>

type Confirmation =
  | (Redeemed & Readonly<{ outcome: 'confirmed' }>)
  | Readonly<{ outcome: 'already_confirmed' }>

const ALREADY_CONFIRMED = { outcome: 'already_confirmed' } as const

/** A refused password leaves the link unspent: the person can try another password. */
type Reset =
  | (Redeemed & Readonly<{ outcome: 'reset' }>)
  | Readonly<{ outcome: 'password_refused'; fault: string; email: string }>

/**
 * Ours (docs/decisions/0013) – Redeems mailed links, each once. A link that is unknown, spent, replaced, expired, of another purpose, or
 * older than a change of password or e-mail gets one refusal, LINK_INVALID. A link whose address has been confirmed is an outcome of its
 * own, because mail programs and people click twice.
 */
export const createRedeemLinks = (needs: Needs) => ({ ...createConfirmations(needs), ...createResets(needs) })

export type RedeemLinks = ReturnType<typeof createRedeemLinks>

const createConfirmations = ({ links, notices }: Needs) => {
  /** Null for a link that confirms nothing any more because its address has been confirmed. */
  const find = async (token: string) => {
    const digest = digestOfLink(token)
    const link = await links.find(digest)
    if (link === null && (await links.isConfirmed(digest))) return null
    if (link === null) throw new Problem('LINK_INVALID')
    if (link.purpose === 'reset_password')
      throw new Problem('LINK_INVALID', { reason: 'link_of_another_purpose' })
    return { ...link, digest }
  }

  return {
    /** What `confirmEmail` would do. Spends nothing. */
    offerConfirmation: async (token: string): Promise<OfferedLink> => {
      const link = await find(token)
      return link === null ? ALREADY_CONFIRMED : { outcome: 'offered', email: link.email }
    },

    /** Confirms the address of a new account, or changes the address of an account, whose owner is notified at the old address. */
    confirmEmail: async ({ token, request_id }: Presented): Promise<Confirmation> => {
      const link = await find(token)
      if (link === null) return ALREADY_CONFIRMED
      const { purpose, digest } = link
      const redeemed =
        purpose === 'verify_email' ? await links.redeemVerification(digest) : await links.redeemChange(digest)
      // Reveals no account to a stranger: the holder of the link reads the mail of that address.
      if (redeemed === 'taken') throw new Problem('EMAIL_TAKEN')
      if (redeemed === null && (await links.isConfirmed(digest))) return ALREADY_CONFIRMED
      if (redeemed === null) throw new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
      if (purpose === 'change_email') notices.emailChanged(redeemed, { sub: redeemed.account_id, request_id })
      return { outcome: 'confirmed', account_id: redeemed.account_id }
    },
  }
}

const createResets = ({ links, passwords, judgeNewPassword, notices }: Needs) => {
  const find = async (token: string) => {
    const digest = digestOfLink(token)
    const link = await links.find(digest)
    if (link === null) throw new Problem('LINK_INVALID')
    if (link.purpose !== 'reset_password')
      throw new Problem('LINK_INVALID', { reason: 'link_of_another_purpose' })
    return { ...link, digest }
  }

  return {
    /** The address of the account whose password `resetPassword` would set. Spends nothing. */
    offerReset: async (token: string): Promise<string> => (await find(token)).email,

    /** Sets the password and ends every sign-in. Opens none: the next sign-in asks for the second factor where there is one. */
    resetPassword: async (given: Presented & Readonly<{ new_password: string }>): Promise<Reset> => {
      const { digest, email } = await find(given.token)
      // Judged after the link was found: a stranger without a link causes no hashing.
      const { password, fault } = await judgeNewPassword(given.new_password, email)
      if (fault !== null) return { outcome: 'password_refused', fault, email }
      const password_digest = await passwords.hash(password)
      const reset = await links.redeemReset({ digest, password_digest })
      if (reset === null) throw new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
      notices.passwordChanged(reset, { sub: reset.account_id, request_id: given.request_id })
      return { outcome: 'reset', account_id: reset.account_id }
    },
  }
}

const digestOfLink = (text: string) => {
  const token = parseLinkToken(text)
  if (token === null) throw new Problem('LINK_INVALID')
  return digestOf(token)
}
