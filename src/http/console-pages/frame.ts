import { type Html, html, NOTHING } from '../layout/html.ts'
import type { Page, Sheet } from '../layout/layout.ts'
import { note } from '../layout/parts.ts'

/** What every page of the console has around its content. */
export type ConsoleFrame = Readonly<{
  email: string
  /** False for a viewer, who sees no button. */
  isAdmin: boolean
  console_url: string
  issuer: string
  /** The hidden field of the forms of the page. */
  sealed: string
  /** What was done by the form that led here; null where none did. */
  note: string | null
}>

const TABS = [
  { tab: 'overview', path: '/console', label: 'Overview' },
  { tab: 'sign-ins', path: '/console/sign-ins', label: 'Sign-ins' },
  { tab: 'accounts', path: '/console/accounts', label: 'Accounts' },
  { tab: 'clients', path: '/console/clients', label: 'Clients' },
  { tab: 'keys', path: '/console/keys', label: 'Keys' },
  { tab: 'events', path: '/console/events', label: 'Events' },
  { tab: 'health', path: '/console/health', label: 'Health' },
] as const

export type Tab = (typeof TABS)[number]['tab']

type Content = Readonly<{
  title: string
  lead?: Html | string
  /** Null: the page belongs to none. */
  tab: Tab | null
  /** What was searched for, for the search field. */
  q?: string
  content: Html
}>

/** A page of the console, with its search, its tabs, and what the form before it did. */
export const consolePage =
  (frame: ConsoleFrame, { title, lead = NOTHING, tab, q = '', content }: Content): Page =>
  (): Sheet => ({
    shell: 'stay',
    isWide: true,
    title,
    lead,
    tools: html`${searchForm(q)}${ownTools(frame)}`,
    before: tabs(tab),
    content: html`${frame.note === null ? null : html`<div role="status">${note({ kind: 'good', text: frame.note })}</div>`}
${content}`,
    form_targets: targetsOf(frame.issuer),
  })

/** A form of a person who was signed out meanwhile leads to the sign-in. A policy cannot name an IPv6 address. */
export const targetsOf = (issuer: string): readonly string[] => (issuer.includes('[') ? [] : [issuer])

const searchForm = (q: string): Html => html`<form class="find" role="search" action="/console/find">
<input name="q" value="${q}" type="search" maxlength="200" aria-label="Find" placeholder="sub, sid, jti, e-mail, client, address, request id">
<button class="quiet slim">Find</button>
</form>`

const ownTools = ({
  email,
  sealed,
}: ConsoleFrame): Html => html`<form class="own" method="post" action="/console/sign-out">
<input type="hidden" name="request" value="${sealed}">
<span class="muted small">${email}</span>
<button class="quiet slim"><span>Sign out</span></button>
</form>`

const tabs = (current: Tab | null): Html => {
  const here = html` aria-current="page"`
  return html`<nav class="tabs" aria-label="Console">${TABS.map(
    ({ tab, path, label }) => html`<a href="${path}"${tab === current ? here : null}>${label}</a>`,
  )}</nav>`
}
