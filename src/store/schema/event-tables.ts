import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { ACTIVITY_MEASURES, ACTIVITY_SPANS } from '../../domain/events/activity.ts'
import { EVENT_OUTCOMES } from '../../domain/events/event.ts'
import { instant } from './column-types.ts'

/**
 * RFC 9562 §5.7, §6.2 method 3 – A UUIDv7 of the database's clock: 48 bits of milliseconds, the version, 12 bits of the fraction of the
 * millisecond, and the random end of another UUID. The clock is read for each row, so that rows of one statement are in their order.
 */
export const UUIDV7 = `(overlay(lpad(to_hex(floor(extract(epoch from clock_timestamp()) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0) || right(gen_random_uuid()::text, 17))::uuid`

/**
 * What happened, for operators. Written by the statement that does what the row tells. Partitioned by month, by the time in `id` (the
 * migration says so, which drizzle cannot); a default partition takes rows for which no month was prepared. No references: an event
 * outlives its account and its client.
 */
export const events = pgTable(
  'events',
  {
    /** The person whom it is about; NIL_UUID: no person, or none that is known. */
    user_id: uuid().notNull().default(NIL_UUID),
    id: uuid().notNull().default(sql.raw(UUIDV7)),
    at: instant().notNull().default(sql`clock_timestamp()`),
    kind: text().notNull(),
    outcome: text({ enum: EVENT_OUTCOMES }).notNull().default('succeeded'),
    reason: text(),
    /** `person:…`, `client:…`, `operator:…` or `system`; null: the person of `user_id`. */
    actor: text(),
    client_id: text(),
    sid: uuid(),
    jti: text(),
    ip: text(),
    request_id: text(),
    count: integer().notNull().default(1),
    details: jsonb().notNull().default({}),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.id] }),
    index('events_id_index').on(table.id),
    index('events_kind_index').on(table.kind, table.id),
    index('events_actor_index').on(table.actor, table.id).where(sql`actor is not null`),
    index('events_client_id_index').on(table.client_id, table.id).where(sql`client_id is not null`),
    index('events_sid_index').on(table.sid, table.id).where(sql`sid is not null`),
    index('events_jti_index').on(table.jti, table.id).where(sql`jti is not null`),
    index('events_ip_index').on(table.ip, table.id).where(sql`ip is not null`),
    index('events_request_id_index').on(table.request_id, table.id).where(sql`request_id is not null`),
  ],
)

/** Events that have no place in the stream yet: written with the event, deleted when the place is given. */
export const unplacedEvents = pgTable(
  'unplaced_events',
  { id: uuid().notNull(), user_id: uuid().notNull() },
  table => [primaryKey({ columns: [table.id, table.user_id] })],
)

/**
 * One row: the last place of the stream. Only a transaction that holds the lock on this row gives places, which become visible when it
 * commits, and therefore in order.
 */
export const eventHead = pgTable('event_head', {
  id: smallint().primaryKey().default(1),
  number: bigint({ mode: 'number' }).notNull(),
})

/** The stream: each event by its place. */
export const eventPlaces = pgTable('event_places', {
  number: bigint({ mode: 'number' }).primaryKey(),
  user_id: uuid().notNull(),
  event_id: uuid().notNull(),
})

/**
 * What was counted, for plots: by the minute and the instance for a day, by the hour and all instances together (as NIL_UUID) for a month.
 * Each flush of an instance adds to its rows.
 */
export const activity = pgTable(
  'activity',
  {
    span: text({ enum: ACTIVITY_SPANS }).notNull(),
    begins_at: instant().notNull(),
    /** Drawn by each process when it starts. */
    instance: uuid().notNull(),
    measure: text({ enum: ACTIVITY_MEASURES }).notNull(),
    label: text().notNull(),
    count: bigint({ mode: 'number' }).notNull(),
    expires_at: instant().notNull(),
  },
  table => [
    primaryKey({ columns: [table.span, table.begins_at, table.instance, table.measure, table.label] }),
    index('activity_expires_at_index').on(table.expires_at),
  ],
)
