import { type Html, html } from '../layout/html.ts'
import { inLanguage, type View } from '../layout/layout.ts'
import { note } from '../layout/parts.ts'

/** Where all of it is to be seen. */
export const SECURITY_PATH = '/account/security'

/** Where a passkey gets another name; `/remove` behind it removes the passkey. */
export const passkeyPath = (id: string): string => `${SECURITY_PATH}/passkeys/${encodeURIComponent(id)}`

type LinkButton = Readonly<{ path: string; label: Html }>

/** A link that looks like a button: it only leads to a page. */
export const linkButton = ({ language }: View, { path, label }: LinkButton): Html =>
  html`<a class="button quiet slim" href="${inLanguage(path, language)}">${label}</a>`

/** Beside the button that makes a change: back, without one. */
export const backLink = ({ say, language }: View): Html =>
  html`<a class="button quiet" href="${inLanguage(SECURITY_PATH, language)}">${say('security.back')}</a>`

/** The buttons below a form. */
export const actions = (...buttons: readonly Html[]): Html => html`<div class="actions">${buttons}</div>`

/** What a screen reader says at once. */
export const status = (text: Html): Html => html`<div role="status">${note({ kind: 'good', text })}</div>`

/** For a browser without script: the script hides it where there are passkeys. */
export const withoutScript = ({ say }: View): Html =>
  html`<div data-unscripted>${note({ kind: 'warn', text: say('security.needs_script') })}</div>`
