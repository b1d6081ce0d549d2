import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Language } from '../../domain/base/language.ts'
import { Problem } from '../../domain/base/problem.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { RedeemLinks } from '../../flows/mail/redeem-links.ts'
import type { Limit } from '../../ports/limits.ts'
import { confirmEmailPage, emailConfirmedPage } from '../pages/confirm-email.ts'
import type { Page } from '../pages/layout.ts'
import { passwordResetPage, resetPasswordPage } from '../pages/reset-password.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import type { Handle, Reply, Route } from '../server/route.ts'

type Needs = Readonly<{ redeemLinks: RedeemLinks; csrf: Csrf; limits: Readonly<{ accounts: Limit }> }>

/**
 * Ours – Where a mailed link leads when the applications have no page of their own. GET shows a form and touches nothing, so
 * that a scanner which fetches every link spends none; POST does what the link stands for.
 */
export const linkPages = ({ redeemLinks, csrf, limits }: Needs): readonly Route[] => {
  const posting = createPosting(csrf, limits.accounts)
  const confirm = posting(async ({ token, language }) => {
    const confirmation = await redeemLinks.confirmEmail(token)
    switch (confirmation.outcome) {
      case 'confirmed':
        return { ...pageReply(200, emailConfirmedPage(language)), log: { sub: confirmation.account_id } }
      case 'already_confirmed':
        return pageReply(200, emailConfirmedPage(language))
    }
  })
  const reset = posting(async ({ token, new_password, language }) => {
    const redeemed = await redeemLinks.resetPassword({ token, new_password })
    switch (redeemed.outcome) {
      case 'reset':
        return { ...pageReply(200, passwordResetPage(language)), log: { sub: redeemed.account_id } }
      case 'password_refused':
        return pageReply(422, resetPasswordPage({ token, language, fault: redeemed.fault }))
    }
  })
  return [
    { ...page, method: 'GET', path: '/confirm-email', handle: showing(confirmEmailPage) },
    { ...page, method: 'POST', path: '/confirm-email', handle: confirm },
    {
      ...page,
      method: 'GET',
      path: '/reset-password',
      handle: showing(link => resetPasswordPage({ ...link, fault: null })),
    },
    { ...page, method: 'POST', path: '/reset-password', handle: reset },
  ]
}

const page = { cors: 'nobody', errors: 'page' } as const

type Link = Readonly<{ token: string; language: Language }>

const showing =
  (form: (link: Link) => Page): Handle =>
  async call => {
    const token = call.context.req.query('token')
    if (token === undefined || token === '') throw new Problem('LINK_INVALID')
    return pageReply(200, form({ token, language: languageFor(call) }))
  }

type Posted = Link & Readonly<{ new_password: string }>

/** A form that a browser sent, counted as the account API is. */
const createPosting =
  (csrf: Csrf, limit: Limit) =>
  (handle: (posted: Posted) => Promise<Reply>): Handle =>
    csrf.refuseForeign(async call => {
      await requireAllowance(limit, limitKeyOf(call.ip))
      const form = await readForm(call)
      const [token = '', new_password = ''] = [form.get('token'), form.get('new_password')]
      return handle({ token, new_password, language: languageFor(call) })
    })
