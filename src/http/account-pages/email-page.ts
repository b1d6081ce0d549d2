import { LINK_SECONDS } from '../../domain/account/email-link.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { badge, button, type Fault, faultSummary, form, note, whenIn } from '../layout/parts.ts'
import { accountSheet, card, type Frame } from './frame.ts'
import { actions, linkButton } from './parts.ts'

/** What was wrong with the last attempt. */
export type EmailFault =
  | Readonly<{ kind: 'malformed' | 'same' }>
  | Readonly<{ kind: 'wait'; retry_after_seconds: number }>

type EmailChange = Readonly<{ frame: Frame; new_email: string; fault: EmailFault | null }>

const MINUTES = LINK_SECONDS / 60

/** Another address for the account: it is the account's once the link that is mailed there has been followed. */
export const emailPage =
  ({ frame, new_email, fault: given }: EmailChange): Page =>
  view => {
    const { say } = view
    const fault = given === null ? null : faultOf(view, given)
    const fields = [
      field(view, {
        name: 'new_email',
        label: say('account-email.new_email'),
        type: 'email',
        autocomplete: 'email',
        value: new_email,
        fault: fault?.field === 'new_email' ? fault.text : null,
        hasFocus: true,
        more: { inputmode: 'email', autocapitalize: 'none', spellcheck: 'false' },
      }),
      actions(
        button({ label: say('account-email.button'), busy: say('account-email.busy') }),
        back(view, say('account-email.back')),
      ),
    ]
    const content = html`${faultSummary(view, fault === null ? [] : [fault])}
<p class="muted">${say('account-email.change_help', { email: html`<strong>${frame.person.email}</strong>` })}</p>
${form(view, { action: '/account/email', hidden: { request: frame.sealed }, content: fields })}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'profile',
        cards: card({ title: say('account-email.change_title'), content }),
      }),
      isFault: fault !== null,
      addressIn: language => inLanguage('/account/email', language),
    }
  }

type LinkSent = Readonly<{ frame: Frame; new_email: string; sent: string }>

/** The same words whether another account has the address or not. */
export const linkSentPage =
  ({ frame, new_email, sent }: LinkSent): Page =>
  view => {
    const { say, language } = view
    const [to, email] = [html`<strong>${new_email}</strong>`, html`<strong>${frame.person.email}</strong>`]
    const once_more = inLanguage('/account/email', language)
    const content = html`<p role="status">${say('account-email.sent_help', { to, email, minutes: MINUTES })}</p>
<p class="muted small">${say('account-email.nothing_came')} <a href="${once_more}">${say('account-email.again')}</a></p>
${actions(back(view, say('account-email.back_to_account')))}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'profile',
        cards: card({ title: say('account-email.sent_title'), content }),
      }),
      addressIn: each => inLanguage(`/account/email?sent=${sent}`, each),
    }
  }

type Shown = Readonly<{
  frame: Frame
  /** False on a server that sends no mail. */
  isMailOn: boolean
  /** True: the link that verifies the address was mailed just now. */
  isMailed: boolean
}>

/** The address among the other cards of the profile. */
export const emailCard = (view: View, { frame, isMailOn, isMailed }: Shown): Html => {
  const { say } = view
  const { email, email_verified_at } = frame.person
  const isVerified = email_verified_at !== null
  const state = isVerified
    ? badge({ kind: 'good', text: say('account.email_verified') })
    : badge({ kind: 'warn', text: say('account.email_unverified') })
  const mailed = note({ kind: 'good', text: say('account-email.verification_sent', { minutes: MINUTES }) })
  const content = html`${isMailed ? html`<div role="status">${mailed}</div>` : null}
<p><strong>${email}</strong> ${state}</p>
<p class="muted">${isVerified || !isMailOn ? say('account-email.help') : say('account-email.unverified_help')}</p>
${isVerified || !isMailOn ? null : verificationForm(view, frame)}`
  const change = linkButton(view, { path: '/account/email', label: say('account-email.change') })
  return card({ title: say('account-email.title'), tools: isMailOn ? change : null, content })
}

const verificationForm = (view: View, { sealed }: Frame): Html => {
  const { say } = view
  const send = button({
    label: say('account-email.verify'),
    busy: say('account-email.busy'),
    kind: 'quiet',
    isSlim: true,
    name: 'verify',
    value: 'yes',
  })
  return form(view, {
    action: '/account/email',
    hidden: { request: sealed },
    content: html`<div>${send}</div>`,
  })
}

const back = ({ language }: View, label: Html): Html =>
  html`<a class="button quiet" href="${inLanguage('/account', language)}">${label}</a>`

const faultOf = ({ say, language }: View, fault: EmailFault): Fault => {
  switch (fault.kind) {
    case 'malformed':
      return { field: 'new_email', text: say('forgot-password.email_malformed') }
    case 'same':
      return { field: 'new_email', text: say('account-email.same') }
    case 'wait':
      return {
        field: null,
        text: say('forgot-password.wait', { when: whenIn(language, fault.retry_after_seconds) }),
      }
  }
}
