import type { Person } from '../../domain/account/profile.ts'
import type { Language } from '../../domain/base/language.ts'
import { type Html, html } from '../layout/html.ts'
import { inLanguage, type Sheet, type View } from '../layout/layout.ts'
import { badge, button, form } from '../layout/parts.ts'

/** What every tab of the account page has. */
export type Frame = Readonly<{ person: Person; sealed: string; sealed_logout: string }>

type Tab = 'profile' | 'devices' | 'applications' | 'security' | 'data'

/** A tab of the account page: the person, the tabs, and the cards of this one. */
export const accountSheet = (
  view: View,
  { frame, tab, cards }: Readonly<{ frame: Frame; tab: Tab; cards: Html }>,
): Sheet => {
  const { person, sealed_logout } = frame
  return {
    shell: 'stay',
    title: person.name ?? person.email,
    lead: leadOf(view, person),
    tools: form(view, {
      action: '/logout',
      hidden: { request: sealed_logout },
      content: button({
        label: view.say('account.sign_out'),
        kind: 'quiet',
        isSlim: true,
        name: 'decision',
        value: 'allow',
      }),
    }),
    content: html`${tabs(view, tab)}
${cards}`,
  }
}

export const card = ({
  title,
  tools = null,
  content,
}: Readonly<{ title: Html; tools?: Html | null; content: Html }>) =>
  html`<section class="card"><header><h2>${title}</h2>${tools}</header>
${content}</section>`

/** The address stands in the title already where the person has no name. */
const leadOf = ({ say }: View, { name, email, email_verified_at }: Person): Html => {
  const verified =
    email_verified_at === null
      ? badge({ kind: 'warn', text: say('account.email_unverified') })
      : badge({ kind: 'good', text: say('account.email_verified') })
  return name === null ? verified : html`${email} ${verified}`
}

const tabs = ({ say, language }: View, current: Tab): Html => {
  const all = [
    { tab: 'profile', path: '/account', label: say('account.profile') },
    { tab: 'devices', path: '/account/devices', label: say('account.devices') },
    { tab: 'applications', path: '/account/applications', label: say('account.applications') },
    { tab: 'security', path: '/account/security', label: say('account.security') },
    { tab: 'data', path: '/account/data', label: say('account.data') },
  ] as const
  const here = html` aria-current="page"`
  return html`<nav class="tabs" aria-label="${say('account.tabs')}">${all.map(
    ({ tab, path, label }) =>
      html`<a href="${inLanguage(path, language)}"${tab === current ? here : null}>${label}</a>`,
  )}</nav>`
}

const DATES = new Map<Language, Intl.DateTimeFormat>()

/** A day, in UTC: which day it is for the person is not known. */
export const dayOf = (language: Language, date: Date): Html => {
  const format =
    DATES.get(language) ?? new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' })
  DATES.set(language, format)
  return html`<time datetime="${date.toISOString()}">${format.format(date)}</time>`
}

const SPANS = new Map<Language, Intl.RelativeTimeFormat>()
const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const

/** How long ago, in the largest unit of which there is one. */
export const agoOf = (language: Language, { date, now }: Readonly<{ date: Date; now: Date }>): Html => {
  const format = SPANS.get(language) ?? new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  SPANS.set(language, format)
  const seconds = Math.max(0, (now.getTime() - date.getTime()) / 1000)
  const [unit, length] = UNITS.find(([, each]) => seconds >= each) ?? ['second', seconds + 1]
  const text = format.format(-Math.floor(seconds / length), unit)
  return html`<time datetime="${date.toISOString()}">${text}</time>`
}
