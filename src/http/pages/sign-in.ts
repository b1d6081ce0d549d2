import type { SignUpMode } from '../../domain/account/invitation.ts'
import type { PasskeyRequest } from '../../domain/factors/passkey.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import type { Page, Sheet, View } from '../layout/layout.ts'
import { button, form, note, whenIn } from '../layout/parts.ts'
import { upstreamButtons, upstreamTargets } from '../layout/upstream-buttons.ts'
import type { Asking } from './asking.ts'
import { passkeyForm } from './passkey-form.ts'
import { carrier, requestAddress, requestLink } from './request-link.ts'

/** A limit that is used up, with the seconds after which a retry makes sense. */
export type TooManyAttempts = Readonly<{ wait_seconds: number }>

/** Why the page is shown although the browser is signed in, or what was wrong with the last attempt. */
export type SignInNotice =
  | 'another_person_meant'
  | 'not_recent'
  | 'credentials_wrong'
  | TooManyAttempts
  | 'second_factor_over'
  | 'passkey_refused'
  | 'passkey_over'

type SignIn = Readonly<{
  sealed: string
  /** Null when no client asks: the person goes on to their account page. */
  asking: Asking | null
  email: string
  notice: SignInNotice | null
  sign_up: SignUpMode
  /** False on a server that sends no mail. */
  isResetOffered: boolean
  /** What the browser is asked for: a passkey of this server. */
  passkey: PasskeyRequest
}>

/** True for a notice that refuses something. */
export const isRefusal = (notice: SignInNotice | null): boolean =>
  notice !== null && (typeof notice === 'object' || FAULTS.has(notice))

const FAULTS: ReadonlySet<SignInNotice> = new Set([
  'credentials_wrong',
  'second_factor_over',
  'passkey_refused',
  'passkey_over',
])

/** The sign-in with e-mail and password: one page, so that password managers fill both. */
export const signInPage =
  ({ sealed, asking, email, notice, sign_up, isResetOffered, passkey }: SignIn): Page =>
  view => {
    const { say } = view
    const content = html`${noticeOf(view, notice)}
${form(view, { action: '/sign-in', hidden: { request: sealed }, content: fieldsOf(view, { email, sealed, isResetOffered }) })}
${passkeyForm(view, { sealed, passkey, label: say('passkey.sign_in'), isInAutofill: true })}
${upstreamButtons(view, { sealed })}
${newHere(view, { sealed, sign_up })}
${carrier(view, { path: '/sign-in', sealed })}`
    return {
      title: say('sign-in.title'),
      ...leadOf(view, asking),
      content,
      isFault: isRefusal(notice),
      form_targets: [...(asking?.form_targets ?? []), ...upstreamTargets(view)],
      ...requestAddress({ path: '/sign-in', sealed }),
    }
  }

/** What the person signs in for. */
export const leadOf = ({ say }: View, asking: Asking | null): Pick<Sheet, 'lead'> =>
  asking === null ? {} : { lead: say('sign-in.for', { application: html`<strong>${asking.name}</strong>` }) }

export const warning = (text: Html): Html => html`<div role="alert">${note({ kind: 'bad', text })}</div>`

/** Why the person is asked, or what was wrong with the last attempt. */
export const noticeOf = (view: View, notice: SignInNotice | null): Html | null => {
  const { say, language } = view
  if (notice !== null && typeof notice === 'object')
    return warning(say('sign-in.wait', { when: whenIn(language, notice.wait_seconds) }))
  switch (notice) {
    case null:
      return null
    case 'another_person_meant':
      return note({ kind: 'plain', text: say('sign-in.another_person_meant') })
    case 'not_recent':
      return note({ kind: 'plain', text: say('sign-in.not_recent') })
    case 'credentials_wrong':
      return warning(say('sign-in.credentials_wrong'))
    case 'second_factor_over':
      return warning(say('sign-in.second_factor_over'))
    case 'passkey_refused':
      return warning(say('sign-in.passkey_refused'))
    case 'passkey_over':
      return warning(say('sign-in.passkey_over'))
  }
}

const fieldsOf = (
  view: View,
  { email, sealed, isResetOffered }: Pick<SignIn, 'email' | 'sealed' | 'isResetOffered'>,
) => {
  const { say } = view
  const forgot = requestLink(view, {
    path: '/forgot-password',
    sealed,
    label: say('sign-in.forgot'),
    isSmall: true,
  })
  return [
    field(view, {
      name: 'email',
      label: say('sign-in.email'),
      type: 'email',
      autocomplete: 'username webauthn',
      value: email,
      hasFocus: email === '',
      more: { inputmode: 'email', autocapitalize: 'none', spellcheck: 'false' },
    }),
    field(view, {
      name: 'password',
      label: say('sign-in.password'),
      type: 'password',
      autocomplete: 'current-password',
      ...(isResetOffered ? { aside: forgot } : {}),
      hasFocus: email !== '',
    }),
    button({ label: say('sign-in.button'), busy: say('sign-in.busy') }),
  ]
}

/** The way to an account for a person who has none. */
const newHere = (view: View, { sealed, sign_up }: Pick<SignIn, 'sealed' | 'sign_up'>): Html | null => {
  const { say } = view
  switch (sign_up) {
    case 'closed':
      return null
    case 'invited':
      return html`<p class="muted small center">${say('sign-in.by_invitation')}</p>`
    case 'open':
      return html`<p class="muted small center">${say('sign-in.new_here')} ${requestLink(view, { path: '/sign-up', sealed, label: say('sign-in.create') })}</p>`
  }
}
