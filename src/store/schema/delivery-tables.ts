import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { DELIVERY_KINDS } from '../../domain/outbound/delivery.ts'
import { instant } from './column-types.ts'

/**
 * Messages to servers of others, written by the statement that causes them and deleted when they have been delivered. No reference to the
 * account: the end of a deleted account's sign-ins is delivered too.
 */
export const deliveries = pgTable(
  'deliveries',
  {
    user_id: uuid().notNull(),
    /** Names the message to the receiver, the same in every attempt: drawn here, or the id of the event. */
    id: uuid().notNull().default(sql`gen_random_uuid()`),
    kind: text({ enum: DELIVERY_KINDS }).notNull(),
    /** The client that gets it, by its `client_id`; empty: the webhook of the events. */
    receiver: text().notNull(),
    /** The sign-in that has ended; null for all of the person. */
    sid: uuid(),
    /** The place of the event in the stream; null for other kinds. */
    number: bigint({ mode: 'number' }),
    attempts: integer().notNull().default(0),
    /** When an instance may try it. Moved ahead by a claim, which so ends by itself. */
    due_at: instant().notNull().default(sql`now()`),
    /** When it is given up. */
    expires_at: instant().notNull(),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.id] }),
    /** For claims, which take the deliveries that are due of each receiver. */
    index('deliveries_receiver_index').on(table.kind, table.receiver, table.due_at),
    index('deliveries_expires_at_index').on(table.expires_at),
    /** For the order of a person's events. */
    index('deliveries_user_id_number_index').on(table.user_id, table.number).where(sql`number is not null`),
  ],
)

/** One row: the last place of the stream whose event has been put among the deliveries. */
export const eventWebhook = pgTable('event_webhook', {
  id: smallint().primaryKey().default(1),
  number: bigint({ mode: 'number' }).notNull(),
})
