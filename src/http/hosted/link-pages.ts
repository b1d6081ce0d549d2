import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { RedeemLinks } from '../../flows/mail/redeem-links.ts'
import type { Limit } from '../../ports/limits.ts'
import { confirmEmailPage, emailAlreadyConfirmedPage, emailConfirmedPage } from '../pages/confirm-email.ts'
import { passwordResetPage, resetPasswordPage } from '../pages/reset-password.ts'
import { readPageForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { pageReply } from '../server/page-reply.ts'
import type { Call, Handle, Reply, Route } from '../server/route.ts'

type Needs = Readonly<{
  redeemLinks: RedeemLinks
  csrf: Csrf
  limits: Readonly<{ accounts: Limit }>
  /** Characters of a new password, at least. */
  min_characters: number
}>

/**
 * Ours – Where a mailed link leads when the applications have no page of their own. GET judges the link and shows a form, with the
 * address to the holder of a good link alone. It spends nothing, so that a scanner which fetches every link does no harm. POST does what
 * the link stands for.
 */
export const linkPages = (needs: Needs): readonly Route[] => [
  { ...page, method: 'GET', path: '/confirm-email', handle: showing(needs, showConfirmation(needs)) },
  { ...page, method: 'POST', path: '/confirm-email', handle: posting(needs, confirmEmail(needs)) },
  { ...page, method: 'GET', path: '/reset-password', handle: showing(needs, showReset(needs)) },
  { ...page, method: 'POST', path: '/reset-password', handle: posting(needs, resetPassword(needs)) },
]

const page = { cors: 'none', errors: 'page' } as const

type Show = (call: Call, token: string) => Promise<Reply>

const showConfirmation =
  ({ redeemLinks }: Needs): Show =>
  async (call, token) => {
    const link = await redeemLinks.offerConfirmation(token)
    switch (link.outcome) {
      case 'offered':
        return pageReply(call, 200, confirmEmailPage({ token, email: link.email }))
      case 'already_confirmed':
        return pageReply(call, 200, emailAlreadyConfirmedPage)
    }
  }

const showReset =
  ({ redeemLinks, min_characters }: Needs): Show =>
  async (call, token) => {
    const email = await redeemLinks.offerReset(token)
    return pageReply(call, 200, resetPasswordPage({ token, email, min_characters, fault: null }))
  }

type Posted = Readonly<{ token: string; new_password: string }>
type Do = (call: Call, posted: Posted) => Promise<Reply>

const confirmEmail =
  ({ redeemLinks }: Needs): Do =>
  async (call, { token }) => {
    const confirmation = await redeemLinks.confirmEmail({ token, request_id: call.request_id })
    switch (confirmation.outcome) {
      case 'confirmed':
        return { ...pageReply(call, 200, emailConfirmedPage), log: { sub: confirmation.account_id } }
      case 'already_confirmed':
        return pageReply(call, 200, emailAlreadyConfirmedPage)
    }
  }

const resetPassword =
  ({ redeemLinks, min_characters }: Needs): Do =>
  async (call, { token, new_password }) => {
    const redeemed = await redeemLinks.resetPassword({ token, new_password, request_id: call.request_id })
    switch (redeemed.outcome) {
      case 'reset':
        return { ...pageReply(call, 200, passwordResetPage), log: { sub: redeemed.account_id } }
      case 'password_refused': {
        const { email, fault } = redeemed
        return pageReply(call, 422, resetPasswordPage({ token, email, min_characters, fault }))
      }
    }
  }

/** A link that a browser opened. A look costs a query, and is counted as the account API is. */
const showing =
  ({ limits }: Needs, show: Show): Handle =>
  async call => {
    const token = call.context.req.query('token')
    if (token === undefined || token === '') throw new Problem('LINK_INVALID')
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    return show(call, token)
  }

/** A form that a browser sent, counted as the account API is. */
const posting = ({ csrf, limits }: Needs, handle: Do): Handle =>
  csrf.refuseForeign(async call => {
    await requireAllowance(limits.accounts, limitKeyOf(call.ip))
    const form = await readPageForm(call)
    const [token = '', new_password = ''] = [form.get('token'), form.get('new_password')]
    return handle(call, { token, new_password })
  })
