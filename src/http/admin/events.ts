import { z } from 'zod'
import { isUuid } from '../../domain/base/uuid.ts'
import { EVENT_OUTCOMES } from '../../domain/events/event.ts'
import { EVENT_KINDS, type EventKind } from '../../domain/events/event-kinds.ts'
import { presentEvent } from '../../domain/events/present-event.ts'
import { parsePosition, type StreamPosition } from '../../domain/events/stream-position.ts'
import { fieldInvalid, Problem } from '../../domain/refusals/problem.ts'
import type { Clock } from '../../ports/effects.ts'
import type { EventFilter, Events } from '../../ports/events.ts'
import { type Call, json, NO_STORE, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { createExportEvents } from './export-events.ts'
import { idIn, readQuery } from './fields.ts'
import { LIST_PARAMETERS } from './lists.ts'
import { createStreamEvents, type StreamNeeds } from './stream-events.ts'

type Needs = Readonly<{ events: Pick<Events, 'find' | 'read'>; clock: Clock }> & StreamNeeds

/** Ours (docs/events.md) – What happened: a page of a filter, the newest first; all of a filter as JSON lines; what happens; one event. */
export const eventRoutes = (route: Administrating, needs: Needs): readonly Route[] => {
  const { events, clock } = needs
  const exportEvents = createExportEvents(events)
  const streamEvents = createStreamEvents(needs)
  return [
    route('GET', '/events', async (call, administrator) => {
      if (call.context.req.query('follow') !== undefined)
        return streamEvents(call, { ...readFollow(call), administrator })
      const { after = null, limit, ...given } = readQuery(call, FILTER)
      const filter = filterOf(given, clock())
      if (call.header('accept')?.includes(JSON_LINES) === true) return exportEvents(call, { filter, after })
      const { events: page, next } = await events.read({ filter, after, limit })
      return json(
        200,
        { items: page.map(event => presentEvent(event)), next },
        { ...NO_STORE, Vary: 'Accept' },
      )
    }),
    route('GET', '/events/:id', async call => {
      const event = await events.find({ id: idIn(call, 'id'), user_id: null })
      if (event === null) throw new Problem('NOT_FOUND')
      return json(200, presentEvent(event), NO_STORE)
    }),
  ]
}

const JSON_LINES = 'application/x-ndjson'

const isKind = (text: string): text is EventKind => Object.hasOwn(EVENT_KINDS, text)

const text = (most: number) =>
  z.string().min(1, 'must not be empty').max(most, `must be ${most} characters at most`).optional()
const uuid = z.string().refine(isUuid, 'must be a UUID').optional()
const time = z.iso
  .datetime({ offset: true, error: 'must be a time of RFC 3339, such as 2026-11-30T07:00:00Z' })
  .transform(given => new Date(given))
  .optional()

/** Filters by which a single event is judged: those of the stream, and of the list too. */
const MEMBERS = {
  kind: z.string().refine(isKind, 'must be a kind that docs/events.md lists').optional(),
  outcome: z.enum(EVENT_OUTCOMES, `must be ${EVENT_OUTCOMES.join(' or ')}`).optional(),
  reason: text(100),
  actor: text(1_100),
  sub: uuid,
  client_id: text(1_024),
  sid: uuid,
  jti: text(256),
  ip: text(64),
  request_id: text(128),
}

const FILTER = z.strictObject({
  ...MEMBERS,
  limit: LIST_PARAMETERS.limit,
  /** An event's id, so that an export goes on after its last line. */
  after: z.string().refine(isUuid, 'must be the id of an event').optional(),
  from: time,
  until: time,
})

const NO_PLACE = 'must be the id of a message of this stream, or the number of an event'
const PLACE = z.string().transform((given, context): StreamPosition => {
  const position = parsePosition(given)
  if (position !== null) return position
  context.addIssue({ code: 'custom', message: NO_PLACE })
  return z.NEVER
})

const FOLLOW = z.strictObject({
  ...MEMBERS,
  follow: z.enum(['', 'true'], 'has no value, or is true'),
  after: PLACE.optional(),
})

/** HTML Standard §9.2.4 – The header wins over `after`: a client that connects again asks the address with which it began. */
const readFollow = (call: Call) => {
  const { after, follow: _, ...members } = readQuery(call, FOLLOW)
  const last = call.header('last-event-id')
  const place = last === undefined ? (after ?? null) : parsePosition(last)
  if (last !== undefined && place === null)
    throw fieldInvalid({ pointer: '#/Last-Event-ID', detail: NO_PLACE })
  return { filter: selectionOf(members), after: place }
}

type Members = Omit<z.output<typeof FOLLOW>, 'follow' | 'after'>
type Given = Omit<z.output<typeof FILTER>, 'after' | 'limit'>

const SPAN_MOST_MILLISECONDS = 24 * 3_600_000

/** Throws a 422 for a filter that would read all events, since no index serves it. */
const filterOf = (given: Given, now: Date): EventFilter => {
  const { kind, outcome, reason, actor, sub, client_id, sid, jti, ip, request_id, from, until } = given
  const isServed = [kind, actor, sub, client_id, sid, jti, ip, request_id].some(each => each !== undefined)
  const span = from === undefined ? Infinity : (until ?? now).getTime() - from.getTime()
  if ((outcome ?? reason) !== undefined && !isServed && span > SPAN_MOST_MILLISECONDS)
    throw fieldInvalid({
      pointer: outcome === undefined ? '#/reason' : '#/outcome',
      detail:
        'needs another filter, or from and until with 24 hours between them at most: no index serves it, and all events would be read',
    })
  return { ...selectionOf(given), from: from ?? null, until: until ?? null }
}

const selectionOf = (given: Members): EventFilter => {
  const { kind, outcome, reason, actor, sub, client_id, sid, jti, ip, request_id } = given
  return {
    kind: kind ?? null,
    outcome: outcome ?? null,
    reason: reason ?? null,
    actor: actor ?? null,
    sub: sub ?? null,
    client_id: client_id ?? null,
    sid: sid ?? null,
    jti: jti ?? null,
    ip: ip ?? null,
    request_id: request_id ?? null,
    from: null,
    until: null,
  }
}
