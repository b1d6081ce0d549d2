import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, instant } from './column-types.ts'
import { users } from './tables.ts'

/**
 * Sessions of applications that were exchanged for a sign-in (docs/decisions/0051). The row outlives both: a session whose sign-in has ended
 * buys nothing more.
 */
export const exchangedSessions = pgTable(
  'exchanged_sessions',
  {
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** SHA-256 of the key by which the operator's verifier knows the session. */
    digest: bytea().notNull(),
    client_id: text().notNull(),
    /** The family that it bought. No reference: the deletion of a family would look for its row. */
    family_id: uuid().notNull(),
    /** Of the exchange that opened the family; null without an Idempotency-Key. */
    retry_proof: bytea(),
    expires_at: instant().notNull(),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.digest, table.client_id] }),
    index('exchanged_sessions_expires_at_index').on(table.expires_at),
  ],
)
