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

/** The token of a link, and the request that presents it. */
type Presented = Readonly<{ token: string; request_id: string }>

/** The account of the link, for the log. */
type Redeemed = Readonly<{ account_id: string }>

/** A refused password leaves the link unspent: the person can try another password. */
type Reset =
  | (Redeemed & Readonly<{ outcome: 'reset' }>)
  | Readonly<{ outcome: 'password_refused'; fault: string }>

/**
 * Ours (docs/decisions/0013) – Redeems mailed links, each once. A link that is unknown, spent, replaced, expired, of another purpose, or
 * older than a change of password or e-mail gets one refusal, LINK_INVALID.
 */
export const createRedeemLinks = ({ links, passwords, judgeNewPassword, ...needs }: Needs) => {
  const find = async (text: string) => {
    const token = parseLinkToken(text)
    const link = token === null ? null : await links.find(digestOf(token))
    if (token === null || link === null) throw new Problem('LINK_INVALID')
    return { ...link, digest: digestOf(token) }
  }

  return {
    /** Confirms the address of a new account, or changes the address of an account, whose owner is notified at the old address. */
    confirmEmail: async ({ token, request_id }: Presented): Promise<Redeemed> => {
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
      // Reveals no account to a stranger: the holder of the link reads the mail of that address.
      if (before === 'taken') throw new Problem('EMAIL_TAKEN')
      needs.notices.emailChanged(before, { sub: before.account_id, request_id })
      return before
    },

    /** Sets the password and ends every sign-in. Opens none: the next sign-in asks for the second factor where there is one. */
    resetPassword: async (given: Presented & Readonly<{ new_password: string }>): Promise<Reset> => {
      const { purpose, digest, email } = await find(given.token)
      if (purpose !== 'reset_password')
        throw new Problem('LINK_INVALID', { reason: 'link_of_another_purpose' })
      // Judged after the link was found: a stranger without a link causes no hashing.
      const { password, fault } = await judgeNewPassword(given.new_password, email)
      if (fault !== null) return { outcome: 'password_refused', fault }
      const password_digest = await passwords.hash(password)
      const reset = await links.redeemReset({ digest, password_digest })
      if (reset === null) throw new Problem('LINK_INVALID', { reason: 'link_spent_meanwhile' })
      needs.notices.passwordChanged(reset, { sub: reset.account_id, request_id: given.request_id })
      return { outcome: 'reset', account_id: reset.account_id }
    },
  }
}

export type RedeemLinks = ReturnType<typeof createRedeemLinks>
