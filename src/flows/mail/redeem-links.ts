import { parseLinkToken } from '../../domain/account/email-link.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { Problem } from '../../domain/base/problem.ts'
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

/** The account of the link, for the log. */
type Redeemed = Readonly<{ account_id: string }>

/** A refused password spends no link: the person can try another password. */
type Reset =
  | (Redeemed & Readonly<{ outcome: 'reset' }>)
  | Readonly<{ outcome: 'password_refused'; fault: string }>

/**
 * Ours (docs/decisions/0013) – Redeems a mailed link, once. A link that is unknown, spent, replaced, expired, of another purpose, or void
 * because the password or the e-mail has changed gets one refusal, LINK_INVALID.
 */
export const createRedeemLinks = ({ links, passwords, judgeNewPassword, ...needs }: Needs) => {
  const find = async (text: string) => {
    const token = parseLinkToken(text)
    const link = token === null ? null : await links.find(digestOf(token))
    if (token === null || link === null) throw new Problem('LINK_INVALID')
    return { ...link, digest: digestOf(token) }
  }

  return {
    /** Verifies the address of an account, or gives an account its new address and mails a notice to the old one. */
    confirmEmail: async (token: string): Promise<Redeemed> => {
      const { purpose, digest } = await find(token)
      if (purpose === 'reset_password')
        throw new Problem('LINK_INVALID', { reason: 'link_of_another_purpose' })
      if (purpose === 'verify_email') {
        const verified = await links.redeemVerification(digest)
        if (verified === null) throw new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
        return verified
      }
      const before = await links.redeemChange(digest)
      if (before === null) throw new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
      // No oracle: the holder of the link reads the mail of that address.
      if (before === 'taken') throw new Problem('EMAIL_TAKEN')
      needs.notices.emailChanged(before)
      return before
    },

    /** Ends every sign-in and opens none: a person with a second factor is asked for it at the next sign-in. */
    resetPassword: async (given: Readonly<{ token: string; new_password: string }>): Promise<Reset> => {
      const { purpose, digest, email } = await find(given.token)
      if (purpose !== 'reset_password')
        throw new Problem('LINK_INVALID', { reason: 'link_of_another_purpose' })
      // Only once the link is found: a request without a valid link causes no hashing.
      const { password, fault } = await judgeNewPassword(given.new_password, email)
      if (fault !== null) return { outcome: 'password_refused', fault }
      const password_digest = await passwords.hash(password)
      const reset = await links.redeemReset({ digest, password_digest })
      if (reset === null) throw new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
      needs.notices.passwordChanged(reset)
      return { outcome: 'reset', account_id: reset.account_id }
    },
  }
}

export type RedeemLinks = ReturnType<typeof createRedeemLinks>
