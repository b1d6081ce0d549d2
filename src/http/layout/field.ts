import { attributes, type Html, html, type Part } from './html.ts'
import type { View } from './layout.ts'

type Field = Readonly<{
  /** Its id too: a page has one field of a name. */
  name: string
  label: string | Html
  type: 'text' | 'email' | 'password'
  autocomplete: string
  value?: string
  hint?: string | Html
  /** What is wrong with it. */
  fault?: string | Html | null
  /** Beside the label, such as a link. */
  aside?: Html
  isOptional?: boolean
  /** True for the one field of the page that has the focus at first. */
  hasFocus?: boolean
  /** What the type of the field needs besides: `inputmode`, `minlength`, `spellcheck`. */
  more?: Readonly<Record<string, Part | boolean>>
}>

/** WCAG 2.2 §1.3.1, §3.3.1, §3.3.2 – A label, a field, and what belongs to it, by ids that exist. */
export const field = (view: View, given: Field): Html => {
  const { name, label, type, autocomplete, hint, fault = null, aside, more = {} } = given
  const ids = [hint ? `${name}-hint` : '', fault === null ? '' : `${name}-fault`].filter(Boolean)
  const all = {
    id: name,
    name,
    type,
    autocomplete,
    value: given.value ?? null,
    ...more,
    required: !given.isOptional,
    autofocus: given.hasFocus ?? false,
    'aria-invalid': fault === null ? null : 'true',
    'aria-describedby': ids.join(' ') || null,
  }
  const input = html`<input${attributes(all)}>`
  return html`<div class="field">
${aside ? html`<div class="row">${labelOf(name, label)}${aside}</div>` : labelOf(name, label)}
${type === 'password' ? secret(view, { name, input }) : input}
${hint ? html`<span class="hint" id="${name}-hint">${hint}</span>` : null}
${fault === null ? null : html`<span class="fault" id="${name}-fault">${fault}</span>`}
</div>`
}

const labelOf = (name: string, label: string | Html): Html => html`<label for="${name}">${label}</label>`

/** The button is shown by the script, without which it could do nothing. */
const secret = ({ say }: View, { name, input }: Readonly<{ name: string; input: Html }>): Html =>
  html`<div class="secret">${input}<button type="button" hidden aria-controls="${name}" data-hide="${say('layout.hide_password')}">${say('layout.show_password')}</button></div>`
