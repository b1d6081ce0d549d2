import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Language } from '../../domain/base/language.ts'
import { PROBLEMS, Problem } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { RedeemLinks } from '../../flows/mail/redeem-links.ts'
import type { Limit } from '../../ports/limits.ts'
import { confirmEmailPage, emailConfirmedPage } from '../pages/confirm-email.ts'
import type { Page } from '../pages/layout.ts'
import { refusalPage } from '../pages/refusal.ts'
import { passwordResetPage, resetPasswordPage } from '../pages/reset-password.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
import { pageReply } from '../server/page-reply.ts'
import { reasonOf } from '../server/refusal.ts'
import type { Handle, Reply, Route } from '../server/route.ts'

type Needs = Readonly<{ redeemLinks: RedeemLinks; csrf: Csrf; limits: Readonly<{ accounts: Limit }> }>

/**
 * Ours – Where a mailed link leads when the applications have no page of their own. GET shows a form and touches nothing, so
 * that a scanner which fetches every link spends none; POST does what the link stands for.
 */
export const linkPages = ({ redeemLinks, csrf, limits }: Needs): readonly Route[] => {
  const posting = createPosting(csrf, limits.accounts)
  const confirm = posting(async ({ token, language }) => {
    const { account_id } = await redeemLinks.confirmEmail(token)
    return { ...pageReply(200, emailConfirmedPage(language)), log: { sub: account_id } }
  })
  const reset = posting(async ({ token, new_password, language }) => {
    try {
      const { account_id } = await redeemLinks.resetPassword({ token, new_password })
      return { ...pageReply(200, passwordResetPage(language)), log: { sub: account_id } }
    } catch (error) {
      if (!(error instanceof Problem && error.code === 'FIELDS_INVALID')) throw error
      return pageReply(422, resetPasswordPage({ token, language, fault: error.errors[0]?.detail ?? '' }))
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

const page = { cors: 'nobody', errors: 'problem' } as const

type Link = Readonly<{ token: string; language: Language }>

const showing =
  (form: (link: Link) => Page): Handle =>
  async call => {
    const token = call.context.req.query('token')
    const language = languageFor(call)
    return token === undefined || token === ''
      ? refusal(new Problem('LINK_INVALID'), language)
      : pageReply(200, form({ token, language }))
  }

type Posted = Link & Readonly<{ new_password: string }>

/** A form that somebody sent, counted as the account API is. What is refused is a page too. */
const createPosting =
  (csrf: Csrf, limit: Limit) =>
  (handle: (posted: Posted) => Promise<Reply>): Handle => {
    const carryOut = csrf.refuseForeign(async call => {
      await requireAllowance(limit, limitKeyOf(call.ip))
      const form = await readForm(call)
      const [token = '', new_password = ''] = [form.get('token'), form.get('new_password')]
      return handle({ token, new_password, language: languageFor(call) })
    })
    return async call => {
      const language = languageFor(call)
      try {
        return await carryOut(call)
      } catch (error) {
        if (error instanceof Problem) return refusal(error, language)
        if (error instanceof OAuthError)
          return refusal(new Problem('LINK_INVALID', { cause: error }), language)
        if (error instanceof Unavailable)
          return {
            ...refusal(
              new Problem('UNAVAILABLE', { retry_after_seconds: error.retry_after_seconds }),
              language,
            ),
            log: { error: 'UNAVAILABLE', reason: error.what },
          }
        throw error
      }
    }
  }

const refusal = (problem: Problem, language: Language): Reply => {
  const { code, retry_after_seconds } = problem
  const headers = retry_after_seconds === null ? {} : { 'Retry-After': String(retry_after_seconds) }
  const reply = pageReply(PROBLEMS[code][0], refusalPage(code, language), headers)
  return { ...reply, log: { error: code, reason: reasonOf(problem) } }
}
