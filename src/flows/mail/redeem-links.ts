import { parseLinkToken } from '../../domain/account/email-link.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { fieldInvalid, Problem } from '../../domain/base/problem.ts'
import { signInEntries } from '../../domain/revocations/revocation.ts'
import type { Passwords } from '../../ports/effects.ts'
import type { EmailLinks } from '../../ports/mail.ts'
import type { Blocklist } from '../../ports/revocations.ts'
import type { JudgeNewPassword } from '../account/judge-new-password.ts'
import type { Notices } from './notices.ts'

type Needs = Readonly<{
  links: EmailLinks
  passwords: Passwords
  judgeNewPassword: JudgeNewPassword
  blocklist: Blocklist
  notices: Notices
  access_token_seconds: number
}>

/** Whose link it was, for the log. */
type Redeemed = Promise<Readonly<{ account_id: string }>>

/**
 * Ours (docs/decisions/0013) – Does what a mailed link stands for, once. Unknown, spent, replaced, expired, of another purpose, or overtaken by a
 * change of password or e-mail: one refusal, LINK_INVALID.
 */
export const createRedeemLinks = ({ links, passwords, judgeNewPassword, ...needs }: Needs) => {
  const find = async (text: string) => {
    const token = parseLinkToken(text)
    const link = token === null ? null : await links.find(digestOf(token))
    if (token === null || link === null) throw new Problem('LINK_INVALID')
    return { ...link, digest: digestOf(token) }
  }

  return {
    /** The address of a new account, or the new one of an old account, whose old address is told. */
    confirmEmail: async (token: string): Redeemed => {
      const { purpose, digest } = await find(token)
      if (purpose === 'reset_password') throw new Problem('LINK_INVALID', 'link_of_another_purpose')
      if (purpose === 'verify_email') {
        const verified = await links.redeemVerification(digest)
        if (verified === null) throw new Problem('LINK_INVALID', 'link_spent_meanwhile')
        return verified
      }
      const before = await links.redeemChange(digest)
      if (before === null) throw new Problem('LINK_INVALID', 'link_spent_meanwhile')
      // No oracle: whoever holds the link reads what is sent to that address.
      if (before === 'taken') throw new Problem('EMAIL_TAKEN')
      needs.notices.emailChanged(before)
      return before
    },

    /** Ends every sign-in. Opens none: whoever has a second factor is asked for it at the next. */
    resetPassword: async (given: Readonly<{ token: string; new_password: string }>): Redeemed => {
      const { purpose, digest, email } = await find(given.token)
      if (purpose !== 'reset_password') throw new Problem('LINK_INVALID', 'link_of_another_purpose')
      // Judged, and hashed, for whoever holds a link alone; one that is refused can be tried again.
      const { password, fault } = await judgeNewPassword(given.new_password, email)
      if (fault !== null) throw fieldInvalid({ pointer: '#/new_password', detail: fault })
      const password_digest = await passwords.hash(password)
      const reset = await links.redeemReset({ digest, password_digest })
      if (reset === null) throw new Problem('LINK_INVALID', 'link_spent_meanwhile')
      await needs.blocklist.add(signInEntries(reset.families), needs.access_token_seconds)
      needs.notices.passwordChanged(reset)
      return reset
    },
  }
}

export type RedeemLinks = ReturnType<typeof createRedeemLinks>
