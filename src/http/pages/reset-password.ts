import { field } from '../layout/field.ts'
import { html } from '../layout/html.ts'
import { inLanguage, type Page } from '../layout/layout.ts'
import { button, faultSummary, form, sign } from '../layout/parts.ts'
import { passwordFaultOf } from './password-fault.ts'

type ResetPassword = Readonly<{
  token: string
  /** Of the account whose password it will be. */
  email: string
  min_characters: number
  /** What the account API says of the password; null when none was tried yet. */
  fault: string | null
}>

/** Where a link leads that sets a new password: one field, and what was wrong with the last attempt. */
export const resetPasswordPage =
  ({ token, email, min_characters, fault: detail }: ResetPassword): Page =>
  view => {
    const { say } = view
    const fault = detail === null ? null : passwordFaultOf(say, detail)
    const password = field(view, {
      name: 'new_password',
      label: say('reset-password.new_password'),
      type: 'password',
      autocomplete: 'new-password',
      hint: say('reset-password.hint', { count: min_characters }),
      fault,
      hasFocus: true,
    })
    // Password managers keep the new password under the address that stands beside it.
    const username = html`<input type="email" autocomplete="username" value="${email}" hidden readonly>`
    const content = html`${faultSummary(view, fault === null ? [] : [{ field: 'new_password', text: fault }])}
${form(view, {
  action: '/reset-password',
  hidden: { token },
  content: [
    username,
    password,
    button({ label: say('reset-password.button'), busy: say('reset-password.busy') }),
  ],
})}`
    return {
      title: say('reset-password.title'),
      lead: say('reset-password.help', { email: html`<strong>${email}</strong>` }),
      content,
      isFault: fault !== null,
      addressIn: language => inLanguage(`/reset-password?token=${encodeURIComponent(token)}`, language),
    }
  }

export const passwordResetPage: Page = ({ say, language }) => ({
  title: say('reset-password.done_title'),
  lead: say('reset-password.done_help'),
  sign: sign('check', 'good'),
  content: html`<a class="button" href="${inLanguage('/sign-in', language)}">${say('reset-password.sign_in')}</a>`,
})
