import type { PasskeyCreation } from '../../domain/factors/passkey.ts'
import { accountSheet, card, type Frame } from '../account-pages/frame.ts'
import { actions } from '../account-pages/parts.ts'
import { field } from '../layout/field.ts'
import { attributes, type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, faultSummary, form } from '../layout/parts.ts'
import { backLink, passkeyPath, withoutScript } from './parts.ts'

export type NewPasskeyFault = 'refused' | 'exists'

type NewPasskeyForm = Readonly<{
  frame: Frame
  /** The hidden field, with the enrolment that it is about. */
  sealed: string
  /** What the script asks the browser with; null where the account can have no more. */
  passkey: PasskeyCreation | null
  label: string
  fault: NewPasskeyFault | null
}>

/** WebAuthn Level 3 §5.1.3 – Where the script lets the device make a passkey, and sends it as a form. */
export const newPasskeyPage =
  (given: NewPasskeyForm): Page =>
  view => {
    const { say } = view
    const { frame, fault: kind, passkey } = given
    const fault = kind === null ? null : faultOf(view, kind)
    const content = html`${faultSummary(view, fault === null ? [] : [fault])}
<p class="muted">${say('security.passkeys_help')}</p>
${passkey === null ? backLink(view) : html`${withoutScript(view)}${creationForm(view, { ...given, passkey })}`}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'security',
        cards: card({ title: say('security.passkey_add'), content }),
      }),
      isFault: fault !== null,
      addressIn: language => inLanguage('/account/security/passkeys', language),
    }
  }

type Creation = NewPasskeyForm & Readonly<{ passkey: PasskeyCreation }>

const creationForm = (view: View, { sealed, passkey, label }: Creation): Html => {
  const { say, language } = view
  const all = {
    action: inLanguage('/account/security/passkeys', language),
    'data-create': JSON.stringify(passkey),
  }
  const buttons = actions(
    button({ label: say('security.passkey_add'), busy: say('security.passkey_busy'), icon: 'key' }),
    backLink(view),
  )
  return html`<form method="post"${attributes(all)} hidden>
<input type="hidden" name="request" value="${sealed}">
<input type="hidden" name="passkey">
${labelField(view, { label, isWrong: false })}
<p class="fault" role="alert" hidden>${say('security.passkey_failed')}</p>
${buttons}
</form>`
}

const faultOf = ({ say }: View, fault: NewPasskeyFault) => {
  switch (fault) {
    case 'refused':
      return { field: null, text: say('security.passkey_refused') }
    case 'exists':
      return { field: null, text: say('security.passkey_exists') }
  }
}

type Label = Readonly<{ label: string; isWrong: boolean }>

const labelField = (view: View, { label, isWrong }: Label): Html => {
  const { say } = view
  return field(view, {
    name: 'label',
    label: say('security.passkey_name'),
    type: 'text',
    autocomplete: 'off',
    value: label,
    hint: say('security.passkey_name_hint'),
    fault: isWrong ? say('security.passkey_name_fault') : null,
    hasFocus: isWrong,
    more: { maxlength: '64' },
  })
}

type Naming = Readonly<{ frame: Frame; id: string; label: string; isWrong: boolean }>

/** Another name for a passkey. */
export const passkeyNamePage =
  ({ frame, id, label, isWrong }: Naming): Page =>
  view => {
    const { say } = view
    const path = passkeyPath(id)
    const fault = { field: 'label', text: say('security.passkey_name_fault') }
    const buttons = actions(button({ label: say('security.passkey_name_save') }), backLink(view))
    const content = html`${faultSummary(view, isWrong ? [fault] : [])}
${form(view, {
  action: path,
  hidden: { request: frame.sealed },
  content: [labelField(view, { label, isWrong }), buttons],
})}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'security',
        cards: card({ title: say('security.passkey_rename'), content }),
      }),
      isFault: isWrong,
      addressIn: language => inLanguage(path, language),
    }
  }
