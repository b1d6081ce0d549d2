import { accountSheet, card, type Frame } from '../account-pages/frame.ts'
import { actions } from '../account-pages/parts.ts'
import { field } from '../layout/field.ts'
import { html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, type Fault, faultSummary, form, whenIn } from '../layout/parts.ts'
import { username } from '../pages/confirmation.ts'
import { passwordFaultOf } from '../pages/password-fault.ts'
import { backLink } from './parts.ts'

/** What was wrong with the last attempt. */
export type PasswordFault = Readonly<
  | { kind: 'current_wrong' }
  /** What the account API says of the new password. */
  | { kind: 'new_refused'; detail: string }
  | { kind: 'wait'; retry_after_seconds: number }
>

type PasswordChange = Readonly<{ frame: Frame; min_characters: number; fault: PasswordFault | null }>

/** A new password, with the current one: it ends every other sign-in. */
export const passwordPage =
  ({ frame, min_characters, fault: given }: PasswordChange): Page =>
  view => {
    const { say } = view
    const fault = given === null ? null : faultOf(view, given)
    const faultAt = (name: string) => (fault?.field === name ? fault.text : null)
    const fields = [
      username(frame.person.email),
      field(view, {
        name: 'current_password',
        label: say('security.password_current'),
        type: 'password',
        autocomplete: 'current-password',
        fault: faultAt('current_password'),
        hasFocus: fault?.field !== 'new_password',
      }),
      field(view, {
        name: 'new_password',
        label: say('reset-password.new_password'),
        type: 'password',
        autocomplete: 'new-password',
        hint: say('reset-password.hint', { count: min_characters }),
        fault: faultAt('new_password'),
        hasFocus: fault?.field === 'new_password',
      }),
      actions(
        button({ label: say('security.password_change'), busy: say('security.password_busy') }),
        backLink(view),
      ),
    ]
    const content = html`${faultSummary(view, fault === null ? [] : [fault])}
<p class="muted">${say('security.password_help')}</p>
${form(view, { action: '/account/security/password', hidden: { request: frame.sealed }, content: fields })}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'security',
        cards: card({ title: say('security.password_change'), content }),
      }),
      isFault: fault !== null,
      addressIn: language => inLanguage('/account/security/password', language),
    }
  }

const faultOf = ({ say, language }: View, fault: PasswordFault): Fault => {
  switch (fault.kind) {
    case 'current_wrong':
      return { field: 'current_password', text: say('security.password_current_wrong') }
    case 'new_refused':
      return { field: 'new_password', text: passwordFaultOf(say, fault.detail) }
    case 'wait':
      return {
        field: null,
        text: say('security.wait', { when: whenIn(language, fault.retry_after_seconds) }),
      }
  }
}
