import type { Fragment, ISql } from 'postgres'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { actorText, type EventActor, type EventOrigin, type EventOutcome } from '../../domain/events/event.ts'
import type { EventKind } from '../../domain/events/event-kinds.ts'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'

type OrColumn<T> = T | Fragment

/** Events of one kind: one for each row of `from`, whose columns a member may name. A member that is left out is null. */
export type EventRows = Readonly<{
  kind: OrColumn<EventKind>
  /** What follows `from`: CTEs of the statement. */
  from: Fragment
  outcome?: OrColumn<EventOutcome>
  reason?: OrColumn<string | null>
  user_id?: OrColumn<string | null>
  client_id?: OrColumn<string | null>
  sid?: OrColumn<string | null>
  jti?: OrColumn<string | null>
  /** jsonb. */
  details?: Fragment
  count?: OrColumn<number>
  /** As `actorText` writes it, in place of the origin's. */
  actor?: Fragment
  /** In place of the statement's: a client that acts for itself, or a row that was given by another request. */
  origin?: Readonly<{
    actor: EventActor | null
    ip: OrColumn<string | null>
    request_id: OrColumn<string | null>
  }>
}>

/**
 * CTEs `events_written`, `events_unplaced`: writes what the statement does as events, of the origin on whose behalf it runs. One insert for
 * all of them, because a statement changes a table once.
 */
export const writeEvents = (
  sql: ISql,
  origin: EventOrigin,
  [first, ...rest]: readonly [EventRows, ...EventRows[]],
): Fragment => sql`
  events_written as (
    insert into signet.events (
      kind, outcome, reason, actor, user_id, client_id, sid, jti, ip, request_id, count, details
    )
    ${rest.reduce(
      (union, rows) => sql`${union} union all ${selectEvents(sql, origin, rows)}`,
      selectEvents(sql, origin, first),
    )}
    returning user_id, id
  ),
  events_unplaced as (
    insert into signet.unplaced_events (user_id, id)
    select user_id, id from events_written
  )`

const selectEvents = (sql: ISql, statements_origin: EventOrigin, rows: EventRows): Fragment => {
  const { actor, ip, request_id } = rows.origin ?? statements_origin
  return sql`
  select
    ${rows.kind}::text, ${rows.outcome ?? 'succeeded'}::text, ${rows.reason ?? null}::text,
    ${rows.actor ?? actorText(actor)}::text,
    coalesce(${rows.user_id ?? null}::uuid, ${NIL_UUID}::uuid), ${rows.client_id ?? null}::text,
    ${rows.sid ?? null}::uuid, ${rows.jti ?? null}::text, ${ip}::text, ${request_id}::text,
    ${rows.count ?? 1}::int, ${rows.details ?? sql`'{}'`}::jsonb
  from ${rows.from}`
}

/** An event for each sign-in of the CTE `ended (id)`. Owner and client of a family never change: its row of before the statement will do. */
export const signInsEnded = (sql: ISql, reason: OrColumn<EndReason>): EventRows => ({
  kind: 'sign_in.ended',
  from: sql`ended join signet.refresh_families told_of on told_of.id = ended.id`,
  reason,
  user_id: sql`told_of.user_id`,
  client_id: sql`told_of.client_id`,
  sid: sql`told_of.id`,
})
