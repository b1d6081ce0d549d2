import { type Html, html } from '../layout/html.ts'
import { inLanguage, type View } from '../layout/layout.ts'
import { note } from '../layout/parts.ts'

/** Where all of it is to be seen. */
export const SECURITY_PATH = '/account/security'

/** Where a passkey gets another name; `/remove` behind it removes the passkey. */
export const passkeyPath = (id: string): string => `${SECURITY_PATH}/passkeys/${encodeURIComponent(id)}`

/** Beside the button that makes a change: back, without one. */
export const backLink = ({ say, language }: View): Html =>
  html`<a class="button quiet" href="${inLanguage(SECURITY_PATH, language)}">${say('security.back')}</a>`

/** For a browser without script: the script hides it where there are passkeys. */
export const withoutScript = (view: View): Html =>
  html`<div data-unscripted>${note({ kind: 'warn', text: view.say('security.needs_script') })}</div>
<p data-unscripted>${backLink(view)}</p>`
