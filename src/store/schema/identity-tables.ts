import { sql } from 'drizzle-orm'
import { pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core'
import { instant } from './column-types.ts'
import { users } from './tables.ts'

/** The identities of people at other providers: an account may have several, and an identity has one account. */
export const upstreamIdentities = pgTable(
  'upstream_identities',
  {
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** In addresses of the account page and of the account API. */
    id: uuid().notNull(),
    issuer: text().notNull(),
    /** OpenID Connect Core §2 – `sub` at the issuer. */
    subject: text().notNull(),
    /** The address that the provider told when the identity was linked; null: none. */
    email: text(),
    created_at: instant().notNull().default(sql`now()`),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.id] }),
    unique('upstream_identities_issuer_subject_unique').on(table.issuer, table.subject),
  ],
)
