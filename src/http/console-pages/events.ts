import { EVENT_OUTCOMES } from '../../domain/events/event.ts'
import { EVENT_KINDS } from '../../domain/events/event-kinds.ts'
import { type Html, html } from '../layout/html.ts'
import type { Page } from '../layout/layout.ts'
import type { EventShown } from './answers.ts'
import { actorCellOf, eventTable } from './event-table.ts'
import { type ConsoleFrame, consolePage } from './frame.ts'
import {
  accountPath,
  clientPath,
  commands,
  facts,
  link,
  live,
  mono,
  NONE,
  nextPage,
  plainWordsOf,
  quoted,
  renewed,
  section,
  shown,
  signInPath,
  stateBadge,
  when,
} from './parts.ts'

/** The filters of the list, with their labels. */
export const EVENT_FILTERS = {
  kind: 'Kind',
  outcome: 'Outcome',
  sub: 'sub',
  sid: 'sid',
  client_id: 'Client',
  actor: 'By',
  ip: 'Address',
  request_id: 'Request id',
  jti: 'jti',
  from: 'From',
  until: 'Until',
} as const

type Events = Readonly<{
  query: Readonly<Record<string, string>>
  events: Readonly<{ items: readonly EventShown[]; next: string | null }>
  /** True for the first page of the list. */
  isFirst: boolean
}>

/** What happened, the newest first. */
export const eventsPage = (frame: ConsoleFrame, { query, events: { items, next }, isFirst }: Events): Page =>
  consolePage(frame, {
    title: 'Events',
    tab: 'events',
    content: html`<section class="card">
<form class="filter" action="/console/events">${Object.entries(EVENT_FILTERS).map(
      ([name, label]) =>
        html`<label>${label} <input name="${name}" type="search" maxlength="200" value="${query[name] ?? ''}"${hintOf(name)}></label>`,
    )}${Object.entries(CHOICES).map(([name, values]) => html`<datalist id="${name}-choices">${values.map(value => html`<option value="${value}"></option>`)}</datalist>`)}<button class="quiet slim">Show</button></form>
${isFirst && query['from'] === undefined && query['until'] === undefined ? live({ query, as: 'tell' }) : null}
${renewed('events', eventTable(items))}
<div class="after">${nextPage('/console/events', query, next)}
${items.length === 0 ? null : html`<p>${link(`/console/events/export?${new URLSearchParams(query).toString()}`, 'Export these events')} <span class="muted small">as JSON lines, 100,000 at most</span></p>`}</div>
${commands({
  console_url: frame.console_url,
  method: 'GET',
  path: ['/admin/events', new URLSearchParams(query).toString()].filter(Boolean).join('?'),
  accept: 'application/x-ndjson',
  signetd: eventsCommand(query),
})}
</section>`,
  })

/** The values of each filter that takes one of a list. */
const CHOICES: Readonly<Record<string, readonly string[]>> = {
  kind: Object.keys(EVENT_KINDS),
  outcome: EVENT_OUTCOMES,
}

const hintOf = (name: string): Html | null => {
  if (CHOICES[name] !== undefined) return html` list="${name}-choices"`
  return name === 'from' || name === 'until' ? html` placeholder="2026-11-30T07:00:00Z"` : null
}

/** The options of `signetd events` whose names are not those of the API. */
const OPTIONS: Readonly<Record<string, string>> = { client_id: 'client', request_id: 'request' }

const eventsCommand = (query: Readonly<Record<string, string>>): string =>
  [
    'signetd events --json',
    ...Object.entries(query).map(([name, value]) => `--${OPTIONS[name] ?? name} ${quoted(value)}`),
  ].join(' ')

/** One event, with all that is known of it. */
export const eventPage = (frame: ConsoleFrame, event: EventShown): Page => {
  const { id, at, kind, outcome, reason, sub, sid, client_id, jti, ip, request_id, count, details } = event
  return consolePage(frame, {
    title: plainWordsOf(kind),
    lead: html`${stateBadge(outcome)} ${when(at)} UTC`,
    tab: 'events',
    content: section({
      title: 'The event',
      content: facts([
        ['id', mono(id)],
        ['Reason', reason === null ? NONE : html`${plainWordsOf(reason)}`],
        ['By', actorCellOf(event)],
        ['Account', sub === null ? NONE : link(accountPath(sub), shown(sub))],
        ['Sign-in', sid === null ? NONE : link(signInPath(sid), shown(sid))],
        ['Client', client_id === null ? NONE : link(clientPath(client_id), shown(client_id))],
        ['jti', mono(jti)],
        ['Address', mono(ip)],
        [
          'Request',
          request_id === null
            ? NONE
            : link(`/console/events?${new URLSearchParams({ request_id }).toString()}`, shown(request_id)),
        ],
        ['Count', html`${count ?? 1}`],
        [
          'Details',
          details === null || details === undefined
            ? NONE
            : html`<pre tabindex="0" aria-label="Details">${linesOf(details)}</pre>`,
        ],
      ]),
    }),
  })
}

/** JSON in lines. A line break in a member is an escape sequence there. */
const linesOf = (details: unknown): string =>
  JSON.stringify(details, null, 1).split('\n').map(shown).join('\n')
