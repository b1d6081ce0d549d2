import { limitKeyOf } from '../../domain/base/ip-address.ts'
import type { Language } from '../../domain/base/language.ts'
import { PROBLEMS, Problem } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { requireAllowance } from '../../flows/access/require-allowance.ts'
import type { RedeemLinks } from '../../flows/mail/redeem-links.ts'
import type { Limit } from '../../ports/limits.ts'
import { type Html, html, pageReply } from '../pages/layout.ts'
import { TEXTS } from '../pages/texts.ts'
import { readForm } from '../server/body.ts'
import type { Csrf } from '../server/csrf.ts'
import { languageFor } from '../server/language.ts'
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
    return { ...done(language, 'confirmed'), log: { sub: account_id } }
  })
  const reset = posting(async ({ token, new_password, language }) => {
    try {
      const { account_id } = await redeemLinks.resetPassword({ token, new_password })
      return { ...done(language, 'resetDone'), log: { sub: account_id } }
    } catch (error) {
      if (!(error instanceof Problem && error.code === 'FIELDS_INVALID')) throw error
      return resetForm(422, { token, language, fault: error.errors[0]?.detail ?? '' })
    }
  })
  return [
    { ...page, method: 'GET', path: '/confirm-email', handle: showing(confirmForm) },
    { ...page, method: 'POST', path: '/confirm-email', handle: confirm },
    {
      ...page,
      method: 'GET',
      path: '/reset-password',
      handle: showing((token, language) => resetForm(200, { token, language, fault: null })),
    },
    { ...page, method: 'POST', path: '/reset-password', handle: reset },
  ]
}

const page = { cors: 'nobody', errors: 'problem' } as const

const showing =
  (form: (token: string, language: Language) => Reply): Handle =>
  async call => {
    const token = call.context.req.query('token')
    const language = languageFor(call)
    return token === undefined || token === ''
      ? refusal(new Problem('LINK_INVALID'), language)
      : form(token, language)
  }

type Posted = Readonly<{ token: string; new_password: string; language: Language }>

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

const confirmForm = (token: string, language: Language): Reply => {
  const texts = TEXTS[language]
  const content = html`<p>${texts.confirmHelp}</p>
<form method="post" action="/confirm-email">
<input type="hidden" name="token" value="${token}">
<button>${texts.confirmButton}</button>
</form>`
  return pageReply(200, { language, title: texts.confirm, content })
}

type ResetForm = Readonly<{
  token: string
  language: Language
  /** What the account API says of the password; null when nothing was tried yet. */
  fault: string | null
}>

const resetForm = (status: number, { token, language, fault }: ResetForm): Reply => {
  const texts = TEXTS[language]
  const said: Html =
    fault === null
      ? html``
      : html`<p class="fault" role="alert" id="fault">${texts.refused}: ${texts.sayFault(fault)}.</p>`
  const content = html`<p>${texts.resetHelp}</p>
${said}
<form method="post" action="/reset-password">
<input type="hidden" name="token" value="${token}">
<label for="new_password">${texts.newPassword}</label>
<input id="new_password" name="new_password" type="password" autocomplete="new-password" aria-describedby="fault" required autofocus>
<button>${texts.resetButton}</button>
</form>`
  return pageReply(status, { language, title: texts.reset, content })
}

const done = (language: Language, title: 'confirmed' | 'resetDone'): Reply => {
  const texts = TEXTS[language]
  return pageReply(200, { language, title: texts[title], content: html`<p>${texts.closeHelp}</p>` })
}

const refusal = (problem: Problem, language: Language): Reply => {
  const { code, retry_after_seconds } = problem
  const [title, help] = WORDS[isWorded(code) ? code : 'LATER']
  const texts = TEXTS[language]
  const headers = retry_after_seconds === null ? {} : { 'Retry-After': String(retry_after_seconds) }
  const content = html`<p>${texts[help]}</p>`
  const reply = pageReply(PROBLEMS[code][0], { language, title: texts[title], content }, headers)
  return { ...reply, log: { error: code, reason: reasonOf(problem) } }
}

const isWorded = (code: Problem['code']): code is Problem['code'] & keyof typeof WORDS => code in WORDS

const WORDS = {
  LINK_INVALID: ['gone', 'goneHelp'],
  EMAIL_TAKEN: ['taken', 'takenHelp'],
  ORIGIN_NOT_ALLOWED: ['foreign', 'foreignHelp'],
  LATER: ['later', 'laterHelp'],
} as const
