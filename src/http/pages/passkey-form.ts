import type { PasskeyRequest } from '../../domain/factors/passkey.ts'
import { attributes, type Html, html } from '../layout/html.ts'
import { inLanguage, type View } from '../layout/layout.ts'
import { button } from '../layout/parts.ts'

type PasskeyForm = Readonly<{
  sealed: string
  passkey: PasskeyRequest
  label: Html
  /** True where the field of the e-mail address offers passkeys too. */
  isInAutofill: boolean
  /** True where nothing but a passkey would do. Default: false. */
  isOnlyWay?: boolean
}>

/**
 * WebAuthn Level 3 §5.1.4 – Where the script asks the browser for a passkey and sends the answer as a form, so that cookies and redirects
 * work as they do for a password. Without the script nothing of it is shown.
 */
export const passkeyForm = (
  view: View,
  { sealed, passkey, label, isInAutofill, isOnlyWay }: PasskeyForm,
): Html => {
  const { say, language } = view
  const all = {
    action: inLanguage('/sign-in', language),
    'data-passkey': JSON.stringify(passkey),
    'data-autofill': isInAutofill,
  }
  return html`<form method="post"${attributes(all)} hidden>
${isOnlyWay ? null : html`<p class="or">${say('passkey.or')}</p>`}
<input type="hidden" name="request" value="${sealed}">
<input type="hidden" name="passkey">
<p class="fault" role="alert" hidden>${say('passkey.failed')}</p>
${button({ label, busy: say('passkey.busy'), kind: 'quiet', icon: 'key' })}
</form>`
}
