import type { Fragment, ISql } from 'postgres'
import { firstIdAt, MAX_UUID, NIL_UUID } from '../../domain/base/uuid.ts'
import { type Event, parseActor } from '../../domain/events/event.ts'
import type { EventFilter, Events } from '../../ports/events.ts'
import type { Caller, Database } from '../postgres/index.ts'

/** Rows of one index that a page examines, at most: it takes the same time whatever the filter leaves of them. */
const EXAMINED_ROWS = 2_000

type Row = Omit<Event, 'actor' | 'sub'> & Readonly<{ user_id: string; actor: string | null }>

/** The statements that read events. */
export const createReadEvents = (
  database: Database,
): Pick<Events, 'find' | 'read' | 'readStream' | 'readBounds'> => ({
  find: async ({ id, user_id }) => {
    const [row] = await database.run(
      sql => sql<Row[]>`
        select ${eventColumns(sql)}
        from signet.events e
        where e.id = ${id} ${user_id === null ? sql`` : sql`and e.user_id = ${user_id}`}`,
    )
    return row === undefined ? null : toEvent(row)
  },

  read: createReadPage(database),

  readStream: createReadStream(database),

  readBounds: async number => {
    const [bounds] = await database.run(
      sql => sql<BoundsRow[]>`
        select
          coalesce((select p.number from signet.event_places p order by p.number limit 1), h.number + 1)::float8
            as first,
          h.number::float8 as last,
          (select ${tagColumn(sql)} from signet.event_places p where p.number = h.number) as last_tag,
          (select ${tagColumn(sql)} from signet.event_places p where p.number = ${number}::bigint) as tag
        from signet.event_head h
        where h.id = 1`,
    )
    const { first, last, last_tag, tag } = bounds ?? { first: 1, last: 0, last_tag: null, tag: null }
    return { first, last: { number: last, tag: last_tag }, tag }
  },
})

type BoundsRow = Readonly<{ first: number; last: number; last_tag: string | null; tag: string | null }>

type JoinedRow = { [Member in keyof Row]: Row[Member] | null }
type PlaceRow = JoinedRow & Readonly<{ number: number; tag: string }>
type PageRow = JoinedRow & Readonly<{ examined: number; oldest: string | null }>

/**
 * Reads the known place too, in the same statement: what follows it is of the past that the caller has read. The events are found by a join of
 * their own: for an outer one, Citus brings all events to the coordinator.
 */
const createReadStream =
  (database: Database): Events['readStream'] =>
  async (after, limit) => {
    const rows = await database.run(
      sql => sql<PlaceRow[]>`
        with places as materialized (
          select number, user_id, event_id
          from signet.event_places
          where number >= ${after.number}
          order by number
          limit ${limit + 1}
        ),
        placed as materialized (
          select ${eventColumns(sql)}
          from places p
          join signet.events e on e.user_id = p.user_id and e.id = p.event_id
        )
        select p.number::float8 as number, ${tagColumn(sql)} as tag, ${eventColumns(sql)}
        from places p
        left join placed e on e.user_id = p.user_id and e.id = p.event_id
        order by p.number`,
    )
    const [known] = rows
    if (after.tag !== null && (known?.number !== after.number || known.tag !== after.tag)) return null
    const following = rows.filter(({ number }) => number > after.number).slice(0, limit)
    const events = following.flatMap(row => (isEvent(row) ? [{ ...toEvent(row), number: row.number }] : []))
    const last = following.at(-1)
    return { events, last: last === undefined ? after : { number: last.number, tag: last.tag } }
  }

/** The tag of a `StreamPosition`. */
const tagColumn = (sql: ISql): Fragment => sql`right(p.event_id::text, 12)`

/**
 * A page by keyset: the rows of the most selective index that the filter names, from the newest on; the rest of the filter is applied to
 * those rows. The limit of examined rows is a literal, because a generic plan, which must serve any limit, would sort the whole table.
 */
const createReadPage =
  (database: Database): Events['read'] =>
  async ({ filter, after, limit }) => {
    const { from, until } = boundsOf(filter)
    const before = after === null || until < after ? until : after
    const rows = await database.run(
      (sql, caller) => sql<PageRow[]>`
        with examined as materialized (
          select *
          from signet.events e
          ${walkOf(sql, filter, before)}
            and ${isOnShard(sql, caller, filter)}
          ${orderOf(sql, filter)}
          limit ${sql.unsafe(String(EXAMINED_ROWS))}
        ),
        matching as (
          select *
          from examined
          where id >= ${from}
            and (${filter.kind}::text is null or kind = ${filter.kind}::text)
            and (${filter.outcome}::text is null or outcome = ${filter.outcome}::text)
            and (${filter.reason}::text is null or reason = ${filter.reason}::text)
            and (${filter.actor}::text is null or actor = ${filter.actor}::text)
            and (${filter.sub}::uuid is null or user_id = ${filter.sub}::uuid)
            and (${filter.client_id}::text is null or client_id = ${filter.client_id}::text)
            and (${filter.sid}::uuid is null or sid = ${filter.sid}::uuid)
            and (${filter.jti}::text is null or jti = ${filter.jti}::text)
            and (${filter.ip}::text is null or ip = ${filter.ip}::text)
            and (${filter.request_id}::text is null or request_id = ${filter.request_id}::text)
          order by id desc
          limit ${limit}
        )
        select
          ${eventColumns(sql)}, (select count(*) from examined)::int as examined,
          (select id from examined order by id limit 1) as oldest
        from (values (1)) one
        left join matching e on true
        order by e.id desc`,
    )
    const { examined = 0, oldest = null } = rows[0] ?? {}
    const events = rows.flatMap(row => (isEvent(row) ? [toEvent(row)] : []))
    const isFull = events.length >= limit
    const isOver = examined < EXAMINED_ROWS || oldest === null || oldest < from
    const next = isFull ? (events.at(-1)?.id ?? null) : isOver ? null : oldest
    return { events: events.toSorted(newestFirst), next }
  }

/** Characters of a UUIDv7 that tell its time, to a 4,096th of a millisecond. */
const TIME_CHARACTERS = 18

/**
 * The order of `id`, from the newest on; of two events of one time, an ending counts as later than its cause. The clock of the embedded
 * database counts milliseconds, so that the events of one statement have one time there.
 */
const newestFirst = (one: Event, other: Event): number => {
  const [time, other_time] = [one, other].map(({ id }) => id.slice(0, TIME_CHARACTERS))
  if (time === other_time) return Number(isEnding(other)) - Number(isEnding(one))
  return one.id < other.id ? 1 : -1
}

const isEnding = ({ kind }: Event): boolean => kind === 'sign_in.ended' || kind === 'session.ended'

/**
 * The rows that a page examines, in the order of one index. The row comparison leaves the planner no other way than the index of both
 * columns: with an equality of the column in its place, the planner sorts all rows of a client. The subquery hides the value from the
 * planner, which expects no rows for the smallest value of a column. Rows older than `from` are left out afterwards: a second bound on `id`
 * would not end an index scan.
 */
const walkOf = (sql: ISql, filter: EventFilter, before: string): Fragment => {
  const driving = drivingColumn(sql, filter)
  if (driving === null) return sql`where e.id < ${before}`
  const { column, value } = driving
  return sql`where (${column}, e.id) < ((select ${value}), ${before}::uuid) and ${column} >= (select ${value})`
}

const orderOf = (sql: ISql, filter: EventFilter): Fragment => {
  const driving = drivingColumn(sql, filter)
  return driving === null ? sql`order by e.id desc` : sql`order by ${driving.column} desc, e.id desc`
}

/**
 * True for all rows on one Postgres, where an equality would play no part in the order. Citus finds the shard of a person by an equality
 * alone, and there the index of the person is sorted at worst.
 */
const isOnShard = (sql: ISql, { isDistributed }: Caller, { sub }: EventFilter): Fragment =>
  isDistributed && sub !== null ? sql`e.user_id = ${sub}` : sql`true`

type Driving = Readonly<{ column: Fragment; value: Fragment }>

/** The column that the rows are found by, from the one that selects least to the one that selects most. Each has an index. */
const drivingColumn = (sql: ISql, filter: EventFilter): Driving | null => {
  const { jti, request_id, sid, sub, ip, actor, kind, client_id } = filter
  if (jti !== null) return { column: sql`e.jti`, value: sql`${jti}::text` }
  if (request_id !== null) return { column: sql`e.request_id`, value: sql`${request_id}::text` }
  if (sid !== null) return { column: sql`e.sid`, value: sql`${sid}::uuid` }
  if (sub !== null) return { column: sql`e.user_id`, value: sql`${sub}::uuid` }
  if (ip !== null) return { column: sql`e.ip`, value: sql`${ip}::text` }
  if (actor !== null) return { column: sql`e.actor`, value: sql`${actor}::text` }
  const ofKind: Driving | null = kind === null ? null : { column: sql`e.kind`, value: sql`${kind}::text` }
  // Of all events at a client, a change of the client is one in thousands.
  if (kind?.startsWith('client.')) return ofKind
  return client_id === null ? ofKind : { column: sql`e.client_id`, value: sql`${client_id}::text` }
}

/** The ids between which the events of a span of time are. */
const boundsOf = ({ from, until }: EventFilter) => ({
  from: from === null ? NIL_UUID : firstIdAt(from),
  until: until === null ? MAX_UUID : firstIdAt(until),
})

const eventColumns = (sql: ISql): Fragment => sql`
  e.id, e.at, e.kind, e.outcome, e.reason, e.actor, e.user_id, e.client_id, e.sid, e.jti, e.ip, e.request_id, e.count,
  e.details`

const isEvent = <R extends JoinedRow>(row: R): row is R & Row => row.id !== null

const toEvent = (row: Row): Event => {
  const sub = row.user_id === NIL_UUID ? null : row.user_id
  return {
    id: row.id,
    at: row.at,
    kind: row.kind,
    outcome: row.outcome,
    reason: row.reason,
    actor: parseActor(row.actor, row.outcome === 'refused' ? null : sub),
    sub,
    client_id: row.client_id,
    sid: row.sid,
    jti: row.jti,
    ip: row.ip,
    request_id: row.request_id,
    count: row.count,
    details: row.details,
  }
}
