import { sql } from 'drizzle-orm'
import { bigint, boolean, index, integer, pgTable, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { CEREMONY_PURPOSES } from '../../domain/factors/ceremony.ts'
import { REFRESH_TRANSPORTS } from '../../domain/sign-in/refresh-family.ts'
import { bytea, instant } from './column-types.ts'
import { users } from './tables.ts'

/** The tables of second factors. */

/** RFC 6238 – One authenticator application of a person. The secret is sealed, so that the database alone is not enough to make codes. */
export const totpFactors = pgTable('totp_factors', {
  user_id: uuid()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  secret: bytea().notNull(),
  /** The step of the last accepted code. Codes of this step and of earlier ones are not accepted again. */
  last_step: integer().notNull(),
  /** Wrong codes in a row, from devices that the account does not know. Counted before a code is judged. */
  failures: integer().notNull().default(0),
  /** Wrong codes in a row from known devices. */
  known_failures: integer().notNull().default(0),
  created_at: instant().notNull().default(sql`now()`),
})

/** Single-use codes that replace a lost factor: one row a person, so that a new set voids the former one at once. */
export const recoveryCodes = pgTable('recovery_codes', {
  user_id: uuid()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  /** SHA-256 of each unused code. */
  digests: bytea().array().notNull(),
  /** Raised by each new set of codes. A request names the set that it replaces, so that one of two at once is refused. */
  set_number: integer().notNull().default(0),
  /** Null for the set that came with the first factor. */
  renewed_at: instant(),
})

/** WebAuthn Level 3 §4 – Credential records. */
export const passkeys = pgTable(
  'passkeys',
  {
    /** base64url, chosen by the authenticator, unique. */
    id: text().primaryKey(),
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    public_key: bytea().notNull(),
    counter: bigint({ mode: 'number' }).notNull(),
    transports: text().array().notNull(),
    backup_eligible: boolean().notNull(),
    backed_up: boolean().notNull(),
    label: text().notNull(),
    created_at: instant().notNull().default(sql`now()`),
    last_used_at: instant(),
  },
  table => [index('passkeys_user_id_index').on(table.user_id)],
)

/** Ceremonies under way: sign-ins with two factors, and enrolments. */
export const ceremonies = pgTable(
  'ceremonies',
  {
    /** SHA-256 of the handle. */
    digest: bytea().primaryKey(),
    purpose: text({ enum: CEREMONY_PURPOSES }).notNull(),
    /** Null for a sign-in whose passkey will name the account. */
    user_id: uuid().references(() => users.id, { onDelete: 'cascade' }),
    credential_epoch: integer(),
    /** The sign-in that began the ceremony. */
    family_id: uuid(),
    client_id: text().notNull(),
    refresh_transport: text({ enum: REFRESH_TRANSPORTS }).notNull(),
    /** A WebAuthn challenge, or a sealed secret. */
    payload: bytea().notNull(),
    attempts: smallint().notNull().default(0),
    expires_at: instant().notNull(),
  },
  table => [
    index('ceremonies_user_id_index').on(table.user_id),
    index('ceremonies_expires_at_index').on(table.expires_at),
  ],
)
