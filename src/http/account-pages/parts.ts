import { type Html, html } from '../layout/html.ts'
import { inLanguage, type View } from '../layout/layout.ts'
import { note } from '../layout/parts.ts'

type LinkButton = Readonly<{ path: string; label: Html }>

/** A link that looks like a button: it only leads to a page. */
export const linkButton = ({ language }: View, { path, label }: LinkButton): Html =>
  html`<a class="button quiet slim" href="${inLanguage(path, language)}">${label}</a>`

/** The buttons below a form. */
export const actions = (...buttons: readonly Html[]): Html => html`<div class="actions">${buttons}</div>`

/** What a screen reader says at once. */
export const status = (text: Html): Html => html`<div role="status">${note({ kind: 'good', text })}</div>`
