import type { ISql } from 'postgres'
import { actorText, type EventOrigin } from '../../domain/events/event.ts'
import type { Events, NewEvent } from '../../ports/events.ts'
import type { Database } from '../postgres/index.ts'
import { placeAll } from './place-events.ts'
import { createReadEvents } from './read-events.ts'
import { type EventRows, writeEvents } from './write-events.ts'

export const createEvents = (database: Database): Events => ({
  ...createReadEvents(database),
  place: () => placeAll(database),

  write: async events => {
    if (events.length === 0) return
    await database.run((sql, { origin }) => {
      const texts = events.map(event => rowOf(event, event.origin ?? origin))
      return sql`
        with ${writeEvents(sql, origin, [rowsOf(sql, JSON.stringify(texts))])}
        select`
    })
  },
})

/** An event without the members that its reader leaves out. */
const rowOf = ({ sub, origin: _, ...event }: NewEvent, { actor, ip, request_id }: EventOrigin) => ({
  ...event,
  user_id: sub ?? null,
  actor: actorText(actor),
  ip,
  request_id,
})

/** One parameter for all events, so that the text of the statement, which is prepared by it, is the same for any number of them. */
const rowsOf = (sql: ISql, json: string): EventRows => ({
  from: sql`
    jsonb_to_recordset(${json}::text::jsonb) as given (
      kind text, outcome text, reason text, actor text, user_id uuid, client_id text, sid uuid, jti text, ip text,
      request_id text, count int, details jsonb
    )`,
  kind: sql`given.kind`,
  outcome: sql`coalesce(given.outcome, 'succeeded')`,
  reason: sql`given.reason`,
  actor: sql`given.actor`,
  user_id: sql`given.user_id`,
  client_id: sql`given.client_id`,
  sid: sql`given.sid`,
  jti: sql`given.jti`,
  count: sql`coalesce(given.count, 1)`,
  details: sql`coalesce(given.details, '{}')`,
  origin: { actor: null, ip: sql`given.ip`, request_id: sql`given.request_id` },
})
