import type { ISql } from 'postgres'
import { groupedBy } from '../../domain/base/grouped-by.ts'
import { actorText, type EventOrigin } from '../../domain/events/event.ts'
import type { Events, NewEvent } from '../../ports/events.ts'
import type { Database } from '../postgres/index.ts'
import { placeAll } from './place-events.ts'
import { createReadEvents } from './read-events.ts'
import { type EventRows, writeEventsOf } from './write-events.ts'

export const createEvents = (database: Database): Events => ({
  ...createReadEvents(database),
  place: () => placeAll(database),

  write: async events => {
    if (events.length === 0) return
    const user_id = onlyPersonOf(events)
    const written = await insert(database, events, user_id)
    // On Citus nothing leads to the node of an account that was deleted.
    if (user_id !== null && written === 0) await insert(database, events, null)
  },

  batches: events => (database.isDistributed() ? [...groupedBy(events, subOf).values()] : [events]),
})

const subOf = ({ sub }: NewEvent): string | null => sub ?? null

/** Null: no person, or several. */
const onlyPersonOf = (events: readonly NewEvent[]): string | null => {
  const [sub = null, ...others] = new Set(events.map(subOf))
  return others.length === 0 ? sub : null
}

/** Inserts all of them or none, and returns their count. `user_id`: as `writeEventsOf` has it. */
const insert = async (
  database: Database,
  events: readonly NewEvent[],
  user_id: string | null,
): Promise<number> => {
  const [written] = await database.run((sql, caller) => {
    const texts = events.map(event => rowOf(event, event.origin ?? caller.origin))
    return sql<{ rows: number }[]>`
      with ${writeEventsOf(sql, caller, user_id, [rowsOf(sql, JSON.stringify(texts))])}
      select count(*)::int as rows from events_written`
  })
  return written?.rows ?? 0
}

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
