import { index, pgTable, text } from 'drizzle-orm/pg-core'
import { bytea, instant } from './column-types.ts'

/**
 * Invitations to open an account, by the address that each was mailed to: there is no person yet whose row it could be. The statement that
 * makes the account deletes the row.
 */
export const invitations = pgTable(
  'invitations',
  {
    /** In the normalized form. */
    email: text().primaryKey(),
    /** SHA-256 of the token of the newest link; the former link of the address is void. */
    digest: bytea().notNull().unique(),
    expires_at: instant().notNull(),
  },
  table => [index('invitations_expires_at_index').on(table.expires_at)],
)
