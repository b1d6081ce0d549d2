import { accountSheet, card, type Frame } from '../account-pages/frame.ts'
import { actions } from '../account-pages/parts.ts'
import { field } from '../layout/field.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Page, type View } from '../layout/layout.ts'
import { button, faultSummary, form, note } from '../layout/parts.ts'
import { backLink } from './parts.ts'
import { qrCode } from './qr-code.ts'

type Authenticator = Readonly<{
  frame: Frame
  /** The hidden field, with the secret that it is about. */
  sealed: string
  /** In Base32. */
  secret: string
  /** The link `otpauth:`, which is the content of the QR code. */
  uri: string
  fault: 'wrong' | null
  /** True where the secret before it was not confirmed in time. */
  isAnew: boolean
}>

/** RFC 6238 – The secret for an authenticator application, and the code that proves that the application has it. */
export const authenticatorPage =
  (given: Authenticator): Page =>
  view => {
    const { say } = view
    const { frame, sealed, fault: kind, isAnew } = given
    const fault = kind === null ? null : say('security.app_code_wrong')
    const code = field(view, {
      name: 'code',
      label: say('security.app_code'),
      type: 'text',
      autocomplete: 'one-time-code',
      hint: say('security.app_code_hint'),
      fault,
      hasFocus: fault !== null,
      more: { class: 'code', inputmode: 'numeric', spellcheck: 'false' },
    })
    const buttons = actions(
      button({ label: say('security.app_confirm'), busy: say('security.app_busy') }),
      backLink(view),
    )
    const content = html`${faultSummary(view, fault === null ? [] : [{ field: 'code', text: fault }])}
${isAnew ? html`<div role="alert">${note({ kind: 'warn', text: say('security.app_over') })}</div>` : null}
${secretOf(view, given)}
${form(view, {
  action: '/account/security/authenticator',
  hidden: { request: sealed },
  content: [code, buttons],
})}`
    return {
      ...accountSheet(view, {
        frame,
        tab: 'security',
        cards: card({ title: say('security.app_title'), content }),
      }),
      isFault: fault !== null,
      addressIn: language => inLanguage('/account/security/authenticator', language),
    }
  }

const secretOf = ({ say }: View, { secret, uri }: Authenticator): Html =>
  html`<div class="enrol">${qrCode(uri, say('security.app_qr'))}
<div class="lead"><p>${say('security.app_scan')}</p>
<p class="muted">${say('security.app_key')}</p>
<p><code class="secret-key">${inGroups(secret)}</code></p>
<p class="small"><a href="${uri}">${say('security.app_open')}</a></p></div></div>`

/** Groups of four, to be read and typed. Applications ignore the spaces. */
const inGroups = (secret: string): string => (secret.toUpperCase().match(/.{1,4}/g) ?? []).join(' ')
