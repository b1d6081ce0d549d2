import type { Language } from '../../domain/base/language.ts'
import { attributes, type Html, html, type Part } from './html.ts'
import { type Icon, icon } from './icons.ts'
import { inLanguage, type View } from './layout.ts'

type Text = string | Html
type Kind = 'plain' | 'good' | 'warn' | 'bad'

/** A sign above the title of a page that only tells something. */
export const sign = (name: Icon, kind: Kind): Html => html`<span class="icon ${kind}">${icon(name)}</span>`

/** A line of text that stands out. The icon says nothing that the text does not. */
export const note = ({ kind, text }: Readonly<{ kind: Kind; text: Text }>): Html =>
  html`<div class="note ${kind}">${icon(kind === 'good' ? 'check' : 'alert')}<span>${text}</span></div>`

export const badge = ({ kind, text }: Readonly<{ kind: Kind; text: Text }>): Html =>
  html`<span class="badge ${kind}">${text}</span>`

/** ECMA-402 §18 – In how long, in words: "in 5 minutes". Seconds are rounded up to whole minutes from two minutes on. */
export const whenIn = (language: Language, seconds: number): string => {
  const words = new Intl.RelativeTimeFormat(language)
  return seconds < 120
    ? words.format(Math.max(1, Math.ceil(seconds)), 'second')
    : words.format(Math.ceil(seconds / 60), 'minute')
}

/** Something wrong with a form. The field is null for a fault of the whole, such as a wrong e-mail or password. */
export type Fault = Readonly<{ field: string | null; text: Text }>

/** WCAG 2.2 §3.3.1 – What is wrong with a form, at its top: read out at once, each fault leading to its field. */
export const faultSummary = ({ say }: View, faults: readonly Fault[]): Html | null => {
  const [first, ...others] = faults
  if (first === undefined) return null
  const isOfWhole = first.field === null && others.length === 0
  const content = isOfWhole
    ? html`<span>${first.text}</span>`
    : html`<div><p>${say('layout.faults')}</p><ul>${faults.map(fault => html`<li>${linked(fault)}</li>`)}</ul></div>`
  return html`<div class="note bad" role="alert" tabindex="-1">${icon('alert')}${content}</div>`
}

const linked = ({ field, text }: Fault): Html =>
  field === null ? html`${text}` : html`<a href="#${field}">${text}</a>`

type Button = Readonly<{
  label: Text
  /** The label while the form is on its way. */
  busy?: Text
  kind?: 'primary' | 'quiet' | 'danger'
  icon?: Icon
  isSlim?: boolean
  name?: string
  value?: string
}>

/** A button that sends its form. */
export const button = ({ label, busy, kind = 'primary', icon: sign, isSlim, name, value }: Button): Html => {
  const classes = [kind === 'primary' ? '' : kind, isSlim ? 'slim' : ''].filter(Boolean).join(' ')
  const all = { class: classes || null, name: name ?? null, value: value ?? null, 'data-busy': busy ?? null }
  return html`<button${attributes(all)}>${sign ? icon(sign) : null}<span>${label}</span></button>`
}

type Form = Readonly<{ action: string; hidden?: Readonly<Record<string, string>>; content: Part }>

/** A form of this origin, whose answer is in the language of the page. */
export const form = ({ language }: View, { action, hidden = {}, content }: Form): Html =>
  html`<form method="post" action="${inLanguage(action, language)}">
${Object.entries(hidden).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${content}
</form>`

type Item = Readonly<{ icon: Icon; label: Text; badge?: Html; detail?: Text; action?: Html }>

/** Scopes, devices, applications: each with an icon, a name, a line of detail, and what can be done with it. */
export const itemList = (items: readonly Item[]): Html =>
  html`<ul class="list">${items.map(
    ({ icon: name, label, badge = null, detail = null, action = null }) =>
      html`<li><span class="icon">${icon(name)}</span><div class="grow"><span class="label">${label} ${badge}</span>${
        detail && html`<span class="muted small">${detail}</span>`
      }</div>${action}</li>`,
  )}</ul>`
