import { LINK_SECONDS } from '../../domain/account/email-link.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { button, faultSummary, form, note, sign, whenIn } from '../layout/parts.ts'
import { carrier, requestAddress, requestLink } from './request-link.ts'

/** What was wrong with the last attempt. */
export type ForgotPasswordFault =
  | Readonly<{ kind: 'email_malformed' }>
  | Readonly<{ kind: 'wait'; retry_after_seconds: number }>

type ForgotPassword = Readonly<{
  sealed: string
  email: string
  fault: ForgotPasswordFault | null
}>

/** Where a person asks for a link that sets a new password. */
export const forgotPasswordPage =
  ({ sealed, email, fault }: ForgotPassword): Page =>
  view => {
    const { say } = view
    const emailFault = fault?.kind === 'email_malformed' ? say('forgot-password.email_malformed') : null
    const address = field(view, {
      name: 'email',
      label: say('forgot-password.email'),
      type: 'email',
      autocomplete: 'username',
      value: email,
      fault: emailFault,
      hasFocus: true,
      more: { inputmode: 'email', autocapitalize: 'none', spellcheck: 'false' },
    })
    return {
      title: say('forgot-password.title'),
      lead: say('forgot-password.help'),
      content: html`${faultSummary(view, emailFault === null ? [] : [{ field: 'email', text: emailFault }])}
${fault?.kind === 'wait' ? waitNote(view, fault.retry_after_seconds) : null}
${form(view, {
  action: '/forgot-password',
  hidden: { request: sealed },
  content: [address, button({ label: say('forgot-password.button'), busy: say('forgot-password.busy') })],
})}
${backLink(view, sealed)}`,
      isFault: fault !== null,
      ...requestAddress({ path: '/forgot-password', sealed }),
    }
  }

/** The same words whether an account has the address or not. */
export const resetMailSentPage =
  ({ sealed }: Pick<ForgotPassword, 'sealed'>): Page =>
  view => {
    const { say } = view
    const again = { path: '/forgot-password', sealed, label: say('forgot-password.again') }
    return {
      title: say('forgot-password.sent_title'),
      lead: say('forgot-password.sent_help', { minutes: LINK_SECONDS / 60 }),
      sign: sign('mail', 'good'),
      content: html`<p class="muted small center">${say('forgot-password.nothing_came')} ${requestLink(view, again)}</p>
${backLink(view, sealed)}`,
      ...requestAddress({ path: '/forgot-password/sent', sealed }),
    }
  }

const waitNote = ({ say, language }: View, seconds: number): Html =>
  html`<div role="alert">${note({ kind: 'bad', text: say('forgot-password.wait', { when: whenIn(language, seconds) }) })}</div>`

/** Leads to the page of the same request, so that a person goes on with what they were doing. */
const backLink = (view: View, sealed: string): Html =>
  html`<p class="small center">${requestLink(view, { path: '/sign-in', sealed, label: view.say('forgot-password.back') })}</p>
${carrier(view, { path: '/sign-in', sealed })}`
