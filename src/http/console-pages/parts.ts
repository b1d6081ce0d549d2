import { type Html, html } from '../layout/html.ts'
import { badge } from '../layout/parts.ts'

/**
 * Unicode Standard §23.2 – A text of a stranger, as it is shown: characters that would draw nothing, break a line or turn the direction of
 * the text around stand as a sign of their own.
 */
export const shown = (text: string): string => text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')

/** Nothing to show. */
export const NONE = html`<span class="muted none">–</span>`

export const textOr = (text: string | null): Html =>
  text === null || text === '' ? NONE : html`${shown(text)}`

/** An id, an address: what is compared character by character. */
export const mono = (text: string | null): Html =>
  text === null || text === '' ? NONE : html`<span class="mono">${shown(text)}</span>`

/** The beginning and the end of a long id. */
export const shortName = (name: string): string =>
  name.length > 9 ? `${name.slice(0, 5)}…${name.slice(-3)}` : name

/** A time in UTC, to the second. */
export const when = (time: string | null): Html =>
  time === null ? NONE : html`<time datetime="${time}">${timeText(time)}</time>`

export const timeText = (time: string): string => shown(time).slice(0, 19).replace('T', ' ')

export const accountPath = (sub: string): string => `/console/accounts/${encodeURIComponent(sub)}`
export const withdrawPath = (sub: string, client_id: string): string =>
  `${accountPath(sub)}/withdraw?${new URLSearchParams({ client_id }).toString()}`
export const signInPath = (sid: string): string => `/console/sign-ins/${encodeURIComponent(sid)}`
export const clientPath = (client_id: string): string => `/console/clients/${encodeURIComponent(client_id)}`

export const link = (href: string, text: string | Html): Html => html`<a href="${href}">${text}</a>`

export const section = ({
  title,
  tools = null,
  content,
}: Readonly<{ title: string; tools?: Html | null; content: Html }>): Html =>
  html`<section class="card"><header><h2>${title}</h2>${tools}</header>
${content}</section>`

type Table = Readonly<{
  label: string
  head: readonly string[]
  rows: readonly (readonly Html[])[]
  empty: string
}>

/** A table. On a narrow screen each row is a card, whose lines have the heads of the columns; the roles keep it a table for screen readers. */
export const table = ({ label, head, rows, empty }: Table): Html =>
  rows.length === 0
    ? html`<p class="muted">${empty}</p>`
    : html`<div class="scroll" role="region" tabindex="0" aria-label="${label}"><table class="rows cards" role="table">
<thead role="rowgroup"><tr role="row">${head.map(each => html`<th scope="col" role="columnheader">${each}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map(cells => html`<tr role="row">${cells.map((cell, index) => html`<td role="cell" data-label="${head[index] ?? ''}"><div>${cell}</div></td>`)}</tr>`)}</tbody>
</table></div>`

/** The way to the next page of a list; none at its end. */
export const nextPage = (
  path: string,
  query: Readonly<Record<string, string>>,
  next: string | null,
): Html | null =>
  next === null
    ? null
    : html`<p>${link(`${path}?${new URLSearchParams({ ...query, after: next }).toString()}`, 'Next page')}</p>`

/** Names and values, one a line. */
export const facts = (rows: readonly (readonly [name: string, value: Html])[]): Html =>
  html`<dl class="facts">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`

const GOOD: ReadonlySet<string> = new Set(['living', 'succeeded', 'ok', 'signing'])
const BAD: ReadonlySet<string> = new Set([
  'ended',
  'refused',
  'fault',
  'disabled',
  'account_disabled',
  'epoch_passed',
])
const WARN: ReadonlySet<string> = new Set(['warning', 'announced', 'idle'])

/** A state in its colour; the word says the same. */
export const stateBadge = (state: string): Html => {
  const colored = (BAD.has(state) && 'bad') || (WARN.has(state) && 'warn') || 'plain'
  return badge({ kind: GOOD.has(state) ? 'good' : colored, text: plainWordsOf(state) })
}

/** A name of the API, for people. */
export const plainWordsOf = (name: string): string => shown(name).replaceAll(/[_.]/g, ' ')

/** The same, with a capital letter at its beginning. */
export const titleOf = (name: string): string => {
  const words = plainWordsOf(name)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

type Live = Readonly<{
  /** The events of which the page has to learn. */
  query?: Readonly<Record<string, string>>
  /** `tell`: rows are shown when the person asks for them. `renew`: what the page shows is kept up to date. */
  as: 'tell' | 'renew'
}>

/** Where the script says that something has happened meanwhile. Empty, and not to be seen, without it. */
export const live = ({ query = {}, as }: Live): Html => {
  const search = new URLSearchParams(query).toString()
  return html`<p class="live" role="status" data-live="/console/live${search === '' ? '' : `?${search}`}" data-as="${as}"></p>`
}

/** What the script puts in the place of what the page has shown so far. */
export const renewed = (name: string, content: Html): Html =>
  html`<div data-renewed="${name}">${content}</div>`

/** A page that the script keeps up to date. */
export const kept = (query: Readonly<Record<string, string>>, content: Html): Html =>
  html`${live({ query, as: 'renew' })}${renewed('page', content)}`

type Commands = Readonly<{
  console_url: string
  method: string
  path: string
  body?: object | undefined
  /** The name of a file that has the body. */
  file?: string
  /** Of the answer. Default: JSON. */
  accept?: string
  signetd: string | null
}>

/** The same request by hand. */
export const commands = ({ console_url, method, path, body, file, accept, signetd }: Commands): Html => {
  const content = file === undefined ? JSON.stringify(body) : `@${file}`
  const data = content === undefined ? '' : ` -H 'Content-Type: application/json' -d ${quoted(content)}`
  const form = accept === undefined ? '' : ` -H ${quoted(`Accept: ${accept}`)}`
  const curl = `curl -X ${method} -H "Authorization: Bearer $TOKEN"${form}${data} ${quoted(console_url + path)}`
  return html`<details><summary>The same by hand</summary>
<pre tabindex="0" aria-label="With curl">${shown(curl)}</pre>
${signetd === null ? null : html`<pre tabindex="0" aria-label="With signetd">${shown(signetd)}</pre>`}
</details>`
}

/** POSIX Shell §2.2.2 – A word of a command line, whatever characters it has. */
export const quoted = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`

type Button = Readonly<{ path: string; label: string; isDangerous?: boolean }>

/** Leads to the page that asks before something is done. */
export const actionLinks = (buttons: readonly Button[]): Html =>
  html`<div class="actions">${buttons.map(
    ({ path, label, isDangerous = false }) =>
      html`<a class="button slim ${isDangerous ? 'danger' : 'quiet'}" href="${path}">${label}</a>`,
  )}</div>`
