import { NOT_INVITED } from '../../flows/sign-in/sign-up.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import type { Page, View } from '../layout/layout.ts'
import { button, faultSummary, form } from '../layout/parts.ts'
import { upstreamButtons, upstreamTargets } from '../layout/upstream-buttons.ts'
import type { Asking } from './asking.ts'
import { passwordFaultOf } from './password-fault.ts'
import { carrier, requestAddress, requestLink } from './request-link.ts'
import { leadOf } from './sign-in.ts'

/** What was wrong with the last attempt, as the flow says it. */
export type SignUpFault = Readonly<{ field: 'email' | 'password'; detail: string }>

type SignUp = Readonly<{
  sealed: string
  asking: Asking | null
  email: string
  min_characters: number
  faults: readonly SignUpFault[]
  /** True: the address is the one that an invitation was mailed to, and stays. */
  isInvited: boolean
}>

/** A new account. One field for the password: the browser can show it, and a second field is only typed twice. */
export const signUpPage =
  ({ sealed, asking, email, min_characters, faults, isInvited }: SignUp): Page =>
  view => {
    const { say } = view
    const shown = faults.map(fault => ({ field: fault.field, text: wordsOf(view, fault) }))
    const faultOf = (name: string) => shown.find(({ field }) => field === name)?.text ?? null
    const fields = [
      field(view, {
        name: 'email',
        label: say('sign-in.email'),
        type: 'email',
        autocomplete: 'username',
        value: email,
        fault: faultOf('email'),
        hasFocus: !isInvited && faults[0]?.field !== 'password',
        ...(isInvited ? { hint: say('sign-up.invited_hint') } : {}),
        more: { inputmode: 'email', autocapitalize: 'none', spellcheck: 'false', readonly: isInvited },
      }),
      field(view, {
        name: 'password',
        label: say('sign-in.password'),
        type: 'password',
        autocomplete: 'new-password',
        hint: say('reset-password.hint', { count: min_characters }),
        fault: faultOf('password'),
        hasFocus: isInvited || faults[0]?.field === 'password',
      }),
      button({ label: say('sign-up.button'), busy: say('sign-up.busy') }),
    ]
    return {
      title: say('sign-up.title'),
      ...leadOf(view, asking),
      content: html`${faultSummary(view, shown)}
${form(view, { action: '/sign-up', hidden: { request: sealed }, content: fields })}
${isInvited ? null : upstreamButtons(view, { sealed })}
<p class="muted small center">${say('sign-up.known_here')} ${requestLink(view, { path: '/sign-in', sealed, label: say('sign-in.title') })}</p>
${carrier(view, { path: '/sign-up', sealed })}`,
      isFault: faults.length > 0,
      form_targets: [...(asking?.form_targets ?? []), ...upstreamTargets(view)],
      ...requestAddress({ path: '/sign-up', sealed }),
    }
  }

const wordsOf = ({ say }: View, { field, detail }: SignUpFault): Html => {
  if (field === 'password') return passwordFaultOf(say, detail)
  switch (detail) {
    case 'is taken':
      return say('sign-up.email_taken')
    case NOT_INVITED:
      return say('sign-up.email_not_invited')
    default:
      return say('sign-up.email_malformed')
  }
}
