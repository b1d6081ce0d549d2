import type { Confirmation, PendingIdentity } from '../../domain/authorization/interaction-seal.ts'
import type { PasskeyRequest } from '../../domain/factors/passkey.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, form, note } from '../layout/parts.ts'
import { upstreamButtons, upstreamTargets } from '../layout/upstream-buttons.ts'
import type { Asking } from './asking.ts'
import { passkeyForm } from './passkey-form.ts'
import { requestAddress } from './request-link.ts'
import { isRefusal, noticeOf, type SignInNotice, warning } from './sign-in.ts'

type Confirming = Readonly<{
  sealed: string
  confirmation: Confirmation
  /** Undefined: the person is signed in, and proves it again. */
  identity: PendingIdentity | undefined
  asking: Asking | null
  passkey: PasskeyRequest
  isResetOffered: boolean
  notice: SignInNotice | null
}>

/** RFC 9470 §5 – A person who is signed in proves again who they are, or one who is not that an account is theirs, and goes on. */
export const confirmationPage =
  (given: Confirming): Page =>
  view => {
    const { sealed, asking, confirmation, notice } = given
    const { say } = view
    return {
      ...headOf(view, given),
      content: html`${notice === 'credentials_wrong' ? warning(say('security.confirm_wrong')) : noticeOf(view, notice)}
${waysOf(view, given)}
${upstreamButtons(view, { sealed, only: confirmation.upstreams ?? [] })}
${backOf(view, given)}`,
      isFault: isRefusal(notice),
      form_targets: [...(asking?.form_targets ?? []), ...upstreamTargets(view)],
      ...requestAddress({ path: '/sign-in', sealed }),
    }
  }

const headOf = ({ say }: View, { confirmation, identity }: Confirming) => {
  const email = html`<strong>${confirmation.email}</strong>`
  return identity === undefined
    ? { title: say('security.confirm_title'), lead: say('security.confirm_help', { email }) }
    : {
        title: say('upstream.proof_title'),
        lead: say('upstream.proof_help', { email, provider: identity.label }),
      }
}

const backOf = (view: View, { identity }: Confirming): Html | null =>
  identity === undefined
    ? html`<p class="small center"><a href="${inLanguage('/account', view.language)}">${view.say('security.confirm_back')}</a></p>`
    : null

const waysOf = (view: View, given: Confirming): Html => {
  const { say } = view
  const { sealed, passkey, confirmation } = given
  const { hasPassword, hasPasskey } = confirmation
  if (!hasPassword && !hasPasskey)
    return (confirmation.upstreams ?? []).length > 0
      ? html`<p class="muted">${say('upstream.confirm_help')}</p>`
      : note({ kind: 'warn', text: noWayOf(view, given) })
  const alone = html`<div data-unscripted>${note({ kind: 'warn', text: say('security.needs_script') })}</div>`
  const byPasskey = passkeyForm(view, {
    sealed,
    passkey,
    label: say('passkey.confirm'),
    isInAutofill: false,
    isOnlyWay: !hasPassword,
  })
  return html`${hasPassword ? passwordForm(view, given) : alone}
${hasPasskey ? byPasskey : null}`
}

const passwordForm = (view: View, { sealed, confirmation, isResetOffered }: Confirming): Html => {
  const { say } = view
  const password = field(view, {
    name: 'password',
    label: say('sign-in.password'),
    type: 'password',
    autocomplete: 'current-password',
    ...(isResetOffered ? { aside: forgotLink(view, say('sign-in.forgot')) } : {}),
    hasFocus: true,
  })
  return form(view, {
    action: '/sign-in',
    hidden: { request: sealed },
    content: [
      username(confirmation.email),
      password,
      button({ label: say('security.confirm_button'), busy: say('security.confirm_busy') }),
    ],
  })
}

/** An account that was imported without a password gets one by a mailed link. */
const noWayOf = (view: View, { isResetOffered }: Confirming): Html => {
  const { say } = view
  return isResetOffered
    ? html`${say('security.confirm_no_way')} ${forgotLink(view, say('security.password_by_mail'))}`
    : say('security.confirm_no_way')
}

const forgotLink = ({ language }: View, label: Html): Html =>
  html`<a class="small" href="${inLanguage('/forgot-password', language)}">${label}</a>`

/** Password managers know by it whose password is asked for. */
export const username = (email: string): Html =>
  html`<input type="email" autocomplete="username" value="${email}" hidden readonly>`
