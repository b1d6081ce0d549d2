import type { EventKind } from '../../domain/events/event-kinds.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { ACCOUNT, EVENT, EVENTS, type EventShown } from '../console-pages/answers.ts'
import type { ChangesShown } from '../console-pages/event-table.ts'
import { EVENT_FILTERS, eventPage, eventsPage } from '../console-pages/events.ts'
import { type Call, NO_STORE, type Reply, type Route } from '../server/route.ts'
import { idOf } from './actions.ts'
import { listQueryOf } from './list-query.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, PageVisit, Visiting } from './visiting.ts'

/** The events: their list, one of them, and the stream by which the script of a page learns of new ones. */
export const eventConsoleRoutes = (visiting: Visiting): readonly Route[] => [
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/events', handle: visiting.showing(showEvents) },
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/events/export', handle: visiting.showing(exportEvents) },
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/events/:id', handle: visiting.showing(showEvent) },
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/live', handle: visiting.relaying(relayEvents) },
]

const showEvents: ConsoleShow = async ({ call, frame, get }) => {
  const { query, search } = listQueryOf(call, Object.keys(EVENT_FILTERS))
  const { value } = await get(`/admin/events${search}`, EVENTS)
  const isFirst = (call.context.req.query('after') ?? '') === ''
  return eventsPage(frame, { query, events: value, isFirst })
}

/** What the filter shows and all that follows, up to the bound of the API. */
const exportEvents: ConsoleShow = async ({ call, download }) => {
  const { search } = listQueryOf(call, Object.keys(EVENT_FILTERS))
  return download({ path: `/admin/events${search}`, accept: 'application/x-ndjson', name: 'events.jsonl' })
}

const showEvent: ConsoleShow = async visit => {
  const { value } = await visit.get(`/admin/events/${encodeURIComponent(idOf(visit))}`, EVENT)
  return eventPage(visit.frame, value)
}

/** Filters by which a single event is compared: a page that asks for a span of time has no news. */
const LIVE_FILTERS = Object.keys(EVENT_FILTERS).filter(name => name !== 'from' && name !== 'until')

/** HTML Standard §9.2 – The stream of the API, as the person. The API judges every few seconds whether they may still see it. */
const relayEvents: ConsoleShow = async ({ call, relay }) => {
  requireOwnScript(call)
  const { query } = listQueryOf(call, LIVE_FILTERS)
  const search = new URLSearchParams({ follow: 'true', ...query }).toString()
  if (call.context.req.method === 'HEAD') return { status: 200, body: null, headers: NO_STORE }
  const last_event_id = call.header('last-event-id')
  const { status, headers, body } = await relay({ path: `/admin/events?${search}`, last_event_id })
  const kept = RELAYED.flatMap(name => {
    const value = headers.get(name)
    return value === null ? [] : [[name, value] as const]
  })
  return { status, body, headers: Object.fromEntries(kept) } satisfies Reply
}

const RELAYED = ['Content-Type', 'Cache-Control', 'Pragma', 'Retry-After', 'X-Accel-Buffering']

/** W3C Fetch Metadata §2.2 – A page of another port may send the cookie too: it would take the place of a follower. */
const requireOwnScript = ({ header }: Call): void => {
  if ((header('sec-fetch-site') ?? 'same-origin') !== 'same-origin')
    throw new Problem('ORIGIN_NOT_ALLOWED', { reason: 'foreign_page' })
}

/** Changes that a page shows. */
const CHANGES_MOST = 5

/** The latest events of these kinds, and the people who have caused them. Asks one question after the other, as the overview does. */
export const readChanges = async (
  { find }: Pick<PageVisit, 'find'>,
  kinds: readonly EventKind[],
  filter: Readonly<Record<string, string>> = {},
): Promise<ChangesShown> => {
  const found: EventShown[] = []
  for (const kind of kinds) {
    const query = new URLSearchParams({ ...filter, kind, limit: String(CHANGES_MOST) })
    const page = await find(`/admin/events?${query.toString()}`, EVENTS)
    found.push(...(page?.items ?? []))
  }
  const events = found.toSorted((one, other) => (one.id < other.id ? 1 : -1)).slice(0, CHANGES_MOST)
  const people = new Map<string, string>()
  for (const sub of new Set(
    events.flatMap(({ actor }) => (actor?.type === 'person' ? [actor.id ?? ''] : [])),
  )) {
    const account = await find(`/admin/accounts/${encodeURIComponent(sub)}`, ACCOUNT)
    if (account?.email) people.set(sub, account.email)
  }
  return { events, people }
}
