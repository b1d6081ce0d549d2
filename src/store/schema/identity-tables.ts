import { sql } from 'drizzle-orm'
import { index, pgTable, primaryKey, smallint, text, unique, uuid } from 'drizzle-orm/pg-core'
import { NAME_KINDS } from '../../domain/account/account-name.ts'
import { bytea, instant } from './column-types.ts'
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

/** The names of all accounts, each of which leads to one account. Written on Citus alone (docs/decisions/0069). */
export const accountNames = pgTable(
  'account_names',
  {
    kind: text({ enum: NAME_KINDS }).notNull(),
    /** See domain/account/account-name.ts. */
    value: text().notNull(),
    user_id: uuid().notNull(),
    /** Of a mailed link; null for all other names. */
    expires_at: instant(),
  },
  table => [
    primaryKey({ columns: [table.kind, table.value] }),
    index('account_names_user_id_index').on(table.user_id),
    index('account_names_expires_at_index').on(table.expires_at).where(sql`expires_at is not null`),
  ],
)

/**
 * Always empty. Citus manages this table on its coordinator: a statement that deletes from it commits in two phases (docs/decisions/0071).
 */
export const twoPhaseCommits = pgTable('two_phase_commits', { id: smallint().primaryKey() })

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
