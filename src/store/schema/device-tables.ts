import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core'
import { bytea, extraClaims, instant } from './column-types.ts'
import { users } from './tables.ts'

/**
 * RFC 8628 – A row for each device that asks to sign a person in (docs/decisions/0044). It is made by a stranger and found by the digest of
 * the device code, or once by the user code. The approval writes the person into it, and what is done for the person afterwards names them.
 */
export const deviceAuthorizations = pgTable(
  'device_authorizations',
  {
    /** SHA-256 of the device code. */
    digest: bytea().primaryKey(),
    /** Buys nothing: a person who is signed in approves by it. */
    user_code: text().notNull(),
    client_id: text().notNull(),
    /** As the device has asked for it; as the person has allowed it from then on. */
    scope: text().notNull(),
    audience: text().array().notNull(),
    ip: text().notNull(),
    user_agent: text(),
    created_at: instant().notNull().default(sql`now()`),
    expires_at: instant().notNull(),
    polled_at: instant(),
    interval_seconds: integer().notNull(),
    /** Null until the person has decided. */
    is_allowed: boolean(),
    /** The next six are null until a person has allowed it. The first three are the session's at that moment. */
    credential_epoch: integer(),
    auth_time: instant(),
    amr: text().array(),
    user_id: uuid().references(() => users.id, { onDelete: 'cascade' }),
    /** Null for a first-party client too. */
    consent_version: integer(),
    is_refreshable: boolean(),
    spent_at: instant(),
    /** Of the redemption that spent it; null without an Idempotency-Key. */
    retry_proof: bytea(),
    /** The family that it bought; null until it is spent. No reference: the deletion of a family would look for its row. */
    family_id: uuid(),
    /** The extra claims of the family that it buys, from the approval on; null for none. */
    claims: extraClaims(),
  },
  table => [
    unique('device_authorizations_user_code_unique').on(table.user_code),
    index('device_authorizations_user_id_index').on(table.user_id),
    index('device_authorizations_expires_at_index').on(table.expires_at),
  ],
)
