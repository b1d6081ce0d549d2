import { EVENT, EVENTS } from '../console-pages/answers.ts'
import { EVENT_FILTERS, eventPage, eventsPage } from '../console-pages/events.ts'
import type { Route } from '../server/route.ts'
import { idOf } from './actions.ts'
import { listQueryOf } from './list-query.ts'
import { CONSOLE_ROUTE } from './reply.ts'
import type { ConsoleShow, Visiting } from './visiting.ts'

/** The events: their list, and one of them. */
export const eventConsoleRoutes = (visiting: Visiting): readonly Route[] => [
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/events', handle: visiting.showing(showEvents) },
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/events/export', handle: visiting.showing(exportEvents) },
  { ...CONSOLE_ROUTE, method: 'GET', path: '/console/events/:id', handle: visiting.showing(showEvent) },
]

const showEvents: ConsoleShow = async ({ call, frame, get }) => {
  const { query, search } = listQueryOf(call, Object.keys(EVENT_FILTERS))
  const { value } = await get(`/admin/events${search}`, EVENTS)
  return eventsPage(frame, { query, events: value })
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
