import type { Fragment, ISql } from 'postgres'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { actorText, type EventActor, type EventOrigin, type EventOutcome } from '../../domain/events/event.ts'
import type { EventKind } from '../../domain/events/event-kinds.ts'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
import type { Caller } from '../postgres/index.ts'
import { ofPerson } from '../schema/caller-forms.ts'
import { UUIDV7 } from '../schema/event-tables.ts'

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

type Kinds = readonly [EventRows, ...EventRows[]]

/**
 * CTEs `events_written`, `events_unplaced`: writes what the statement does as events, of the origin on whose behalf it runs. One insert for
 * all of them, because a statement changes a table once.
 */
export const writeEvents = (sql: ISql, origin: EventOrigin, kinds: Kinds): Fragment => sql`
  events_written as (
    insert into signet.events (${eventColumns(sql)})
    ${selectKinds(sql, origin, kinds)}
    returning user_id, id
  ),
  events_unplaced as (
    insert into signet.unplaced_events (user_id, id)
    select user_id, id from events_written
  )`

/**
 * The same for events that are all of one person; null: not known, or several people. On Citus they go to the node of the person alone:
 * `events_drawn` has the ids and times, which an insert through `ofPerson` cannot draw. An event of another person, or of no person, is lost
 * there, and so is every event after a CTE that deletes the person's row in `users`.
 */
export const writeEventsOf = (
  sql: ISql,
  { origin, isDistributed }: Pick<Caller, 'origin' | 'isDistributed'>,
  user_id: string | null,
  kinds: Kinds,
): Fragment => {
  if (!isDistributed || user_id === null) return writeEvents(sql, origin, kinds)
  const inShard = (rows: Fragment) => ofPerson(sql, { isDistributed }, { user_id, rows })
  return sql`
    events_drawn (${eventColumns(sql)}, id, at) as materialized (
      select told.*, ${sql.unsafe(UUIDV7)}, clock_timestamp()
      from (${selectKinds(sql, origin, kinds)}) told
    ),
    events_written as (
      insert into signet.events as written (${eventColumns(sql)}, id, at)
      select ${eventColumns(sql)}, id, at from ${inShard(sql`events_drawn`)}
      returning written.user_id, written.id
    ),
    events_unplaced as (
      insert into signet.unplaced_events (user_id, id)
      select user_id, id from ${inShard(sql`events_written`)}
    )`
}

const eventColumns = (sql: ISql): Fragment => sql`
  kind, outcome, reason, actor, user_id, client_id, sid, jti, ip, request_id, count, details`

const selectKinds = (sql: ISql, origin: EventOrigin, [first, ...rest]: Kinds): Fragment =>
  rest.reduce(
    (union, rows) => sql`${union} union all ${selectEvents(sql, origin, rows)}`,
    selectEvents(sql, origin, first),
  )

/**
 * The origin of a row that a request has presented to a statement of several requests. `actor` is null for what the request did, and the
 * server where the server has ended what a stranger may have presented.
 */
export const presentedBy = (sql: ISql, actor: EventActor | null): EventRows['origin'] & object => ({
  actor,
  ip: sql`presented_ip`,
  request_id: sql`presented_request_id`,
})

/**
 * An index takes entries of 2,704 bytes: a longer text would refuse what the statement does. An id of a client has 1,024 characters at most,
 * but a command may name any.
 */
const TEXT_MOST_CHARACTERS = 1_024
/** An event is for reading, and goes to receivers whole. */
const DETAILS_MOST_BYTES = 4_096

const selectEvents = (sql: ISql, statements_origin: EventOrigin, rows: EventRows): Fragment => {
  const { actor, ip, request_id } = rows.origin ?? statements_origin
  const text = (value: OrColumn<string | null>) =>
    value === null ? sql`null::text` : sql`left(${value}::text, ${TEXT_MOST_CHARACTERS}::int)`
  return sql`
  select
    ${rows.kind}::text, ${rows.outcome ?? 'succeeded'}::text, ${rows.reason ?? null}::text,
    ${text(rows.actor ?? actorText(actor))},
    coalesce(${rows.user_id ?? null}::uuid, ${NIL_UUID}::uuid), ${text(rows.client_id ?? null)},
    ${rows.sid ?? null}::uuid, ${text(rows.jti ?? null)}, ${text(ip)}, ${text(request_id)},
    ${rows.count ?? 1}::int, ${rows.details === undefined ? sql`'{}'::jsonb` : boundedDetails(sql, rows.details)}
  from ${rows.from}`
}

const boundedDetails = (sql: ISql, details: Fragment): Fragment => sql`
  case
    when octet_length((${details})::jsonb::text) <= ${DETAILS_MOST_BYTES}::int then (${details})::jsonb
    else '{"is_too_long": true}'::jsonb
  end`

/** An event for each sign-in of the CTE `ended (id, user_id, client_id)`. */
export const signInsEnded = (sql: ISql, reason: OrColumn<EndReason>): EventRows => ({
  kind: 'sign_in.ended',
  from: sql`ended`,
  reason,
  user_id: sql`ended.user_id`,
  client_id: sql`ended.client_id`,
  sid: sql`ended.id`,
})
