import { NIL_UUID } from '../../domain/base/uuid.ts'
import {
  CLAIM_SECONDS,
  type Delivery,
  EVENT_DELIVERY_SECONDS,
  EVENT_KEPT_SECONDS,
  EVENT_RECEIVER,
  EVENTS_AT_ONCE,
  EVENTS_WAITING_AT_MOST,
} from '../../domain/outbound/delivery.ts'
import type { EventDeliveries } from '../../ports/deliveries.ts'
import type { Database } from '../postgres/index.ts'
import { createDeliveries } from './deliveries.ts'

/** Events of which one statement makes deliveries, at most, so that the statement stays short. */
const BATCH_ROWS = 500

export const createEventDeliveries = (database: Database): EventDeliveries => ({
  claim: createClaimEvents(database),
  finish: delivery => createDeliveries(database).finish(delivery),
  postpone: createPostponeEvents(database),
  enqueue: createEnqueue(database),

  begin: async () => {
    await database.run(
      sql => sql`
        insert into signet.event_webhook (id, number)
        select h.id, h.number
        from signet.event_head h
        where h.id = 1
        on conflict do nothing`,
    )
  },

  oldestSeconds: async () => {
    const [oldest] = await database.run(
      sql => sql<{ seconds: number | null }[]>`
        select extract(epoch from statement_timestamp() - min(expires_at))::float8 + ${EVENT_KEPT_SECONDS}::int as seconds
        from signet.deliveries
        where kind = 'event' and receiver = ${EVENT_RECEIVER}`,
    )
    return oldest?.seconds ?? null
  },
})

/**
 * Places become visible in order, and the row of the webhook is locked before the statement moves it: no event is left out and none comes
 * twice. A batch is taken only while it fits in whole beside those that wait.
 */
const createEnqueue = (database: Database): EventDeliveries['enqueue'] => {
  const room = EVENTS_WAITING_AT_MOST - BATCH_ROWS
  return async () => {
    const [enqueued] = await database.run(
      sql => sql<{ rows: number }[]>`
        with webhook as materialized (
          select id, number from signet.event_webhook where id = 1 for update skip locked
        ),
        waiting as materialized (
          select count(*) as rows
          from (
            select
            from signet.deliveries
            where kind = 'event' and receiver = ${EVENT_RECEIVER}
            limit ${sql.unsafe(String(EVENTS_WAITING_AT_MOST))}
          ) counted
        ),
        following as materialized (
          select p.number, p.user_id, p.event_id
          from webhook
          cross join lateral (
            select number, user_id, event_id
            from signet.event_places
            where number > webhook.number
            order by number
            limit ${sql.unsafe(String(BATCH_ROWS))}
          ) p
          where (select rows from waiting) <= ${room}
        ),
        inserted as (
          insert into signet.deliveries (user_id, id, kind, receiver, number, due_at, expires_at)
          select
            user_id, event_id, 'event', ${EVENT_RECEIVER}, number, statement_timestamp(),
            statement_timestamp() + make_interval(secs => ${EVENT_KEPT_SECONDS})
          from following
        ),
        moved as (
          update signet.event_webhook w
          set number = (select max(number) from following)
          from webhook
          where w.id = webhook.id and exists (select from following)
        )
        select count(*)::int as rows from following`,
    )
    return enqueued?.rows === BATCH_ROWS
  }
}

/**
 * Claims only the first waiting event of a person. A row is deleted when its event was taken, so that no snapshot shows a later event as the
 * first one too early. Events about no person are in no order. An event whose time is over is tried a last time.
 */
const createClaimEvents =
  (database: Database): EventDeliveries['claim'] =>
  ({ except, limit }) =>
    database.run(
      sql => sql<Delivery[]>`
        with due as materialized (
          select d.user_id, d.id
          from signet.deliveries d
          where d.kind = 'event'
            and d.receiver = ${EVENT_RECEIVER}
            and d.receiver <> all(${except}::text[])
            and d.due_at <= statement_timestamp()
            and (
              d.user_id = ${NIL_UUID}
              or not exists (
                select
                from signet.deliveries earlier
                where earlier.user_id = d.user_id and earlier.number < d.number
              )
            )
          order by d.due_at
          limit ${Math.min(limit, EVENTS_AT_ONCE)}
          for update of d skip locked
        )
        update signet.deliveries d
        set attempts = d.attempts + 1,
          due_at = statement_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
        from due
        where d.user_id = due.user_id and d.id = due.id and d.due_at <= statement_timestamp()
        returning
          d.user_id, d.id, d.kind, d.receiver, d.sid, d.number::float8 as number, d.attempts,
          extract(epoch from d.expires_at - statement_timestamp())::float8
            - ${EVENT_KEPT_SECONDS - EVENT_DELIVERY_SECONDS}::int as seconds_left`,
    )

/** Postpones the person's later events with the first one, for which they wait, so that no claim examines them meanwhile. */
const createPostponeEvents =
  (database: Database): EventDeliveries['postpone'] =>
  async ({ user_id, id, attempts }, seconds) => {
    await database.run(
      sql => sql`
        with failed as materialized (
          select user_id, id, number
          from signet.deliveries
          where user_id = ${user_id} and id = ${id} and attempts = ${attempts}
          for update
        )
        update signet.deliveries d
        set due_at = statement_timestamp() + make_interval(secs => ${seconds})
        from failed
        where d.user_id = failed.user_id
          and (d.id = failed.id or (d.number > failed.number and d.user_id <> ${NIL_UUID}))`,
    )
  }
