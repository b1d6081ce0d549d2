import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  customType,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uuid,
} from 'drizzle-orm/pg-core'
import { CEREMONY_PURPOSES } from '../domain/ceremony.ts'
import { REFRESH_TRANSPORTS } from '../domain/refresh-family.ts'

/** The tables. drizzle-kit generates the migrations in drizzle/ from them; the statements are written by hand beside. */

const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })

/** PostgreSQL 13+ – A transaction's number that never wraps around. */
const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })

const instant = () => timestamp({ withTimezone: true, mode: 'date' })

export const users = pgTable('users', {
  id: uuid().primaryKey(),
  /** Trimmed, NFKC, lower case. */
  email: text().notNull().unique(),
  password_digest: text(),
  roles: text().array().notNull(),
  /** Raised by a password change, by disabling and by signing out everywhere: a family of an earlier epoch is dead. */
  credential_epoch: integer().notNull().default(0),
  disabled_at: instant(),
  created_at: instant().notNull().default(sql`now()`),
})

/**
 * One row a family, updated in place by each rotation. Fillfactor 80 (set in the migration) leaves room in the page, and no
 * column that a rotation changes is indexed, so that every rotation is a heap-only update.
 */
export const refreshFamilies = pgTable(
  'refresh_families',
  {
    id: uuid().primaryKey(),
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    credential_epoch: integer().notNull(),
    client_id: text().notNull(),
    scope: text().notNull(),
    audience: text().array().notNull(),
    auth_time: instant().notNull(),
    amr: text().array().notNull(),
    salt: bytea().notNull(),
    pepper_id: smallint().notNull(),
    token_digest: bytea().notNull(),
    /** Decided at sign-in, never changed: the grace for racing tabs is for families of cookies alone. */
    refresh_transport: text({ enum: REFRESH_TRANSPORTS }).notNull().default('body'),
    generation: integer().notNull().default(0),
    rotated_at: instant(),
    /** Of the latest rotation; null when its request brought no Idempotency-Key. */
    retry_proof: bytea(),
    /** Of the rotation before it: a proof that never changes proves nothing. */
    previous_retry_proof: bytea(),
    /** RFC 7638 thumbprint of the key that the tokens are bound to. */
    sender_key: text(),
    idle_expires_at: instant().notNull(),
    expires_at: instant().notNull(),
    revoked_at: instant(),
    revoke_reason: text(),
    last_ip: text(),
    last_user_agent: text(),
    created_at: instant().notNull().default(sql`now()`),
  },
  table => [
    index('refresh_families_user_id_index').on(table.user_id),
    index('refresh_families_expires_at_index').on(table.expires_at),
  ],
)

/**
 * What was ended before it expired, and at once the revocation feed: access tokens by `jti`, sign-ins by `sid`, and everything
 * that was issued to a person (`sub`) or a client (`client_id`) until a moment.
 */
export const revocations = pgTable(
  'revocations',
  {
    kind: text({ enum: ['jti', 'sid', 'sub', 'client_id'] }).notNull(),
    value: text().notNull(),
    revoked_at: instant().notNull().default(sql`now()`),
    /** When the last token that it ends would have expired by itself. */
    expires_at: instant().notNull(),
    /** Of `sub` and `client_id`: the last second whose tokens it ends. */
    issued_until: instant(),
    /**
     * Which transaction wrote it: a default, so that the statement which revokes writes the feed. Commits come in another
     * order than these numbers: a reader asks which of them its last snapshot could see, never for those above the highest.
     */
    transaction_id: xid8().notNull().default(sql`pg_current_xact_id()`),
  },
  table => [
    primaryKey({ columns: [table.kind, table.value] }),
    index('revocations_expires_at_index').on(table.expires_at),
    index('revocations_transaction_id_index').on(table.transaction_id),
  ],
)

/** RFC 7523 §3 – Client assertions that were spent, until they expire. */
export const spentAssertions = pgTable(
  'spent_assertions',
  {
    client_id: text().notNull(),
    /** SHA-256 of the `jti`. */
    jti_digest: bytea().notNull(),
    expires_at: instant().notNull(),
  },
  table => [
    primaryKey({ columns: [table.client_id, table.jti_digest] }),
    index('spent_assertions_expires_at_index').on(table.expires_at),
  ],
)

/** Who of several replicas does what only one should do, and until when: a row a task. */
export const leases = pgTable('leases', {
  task: text().primaryKey(),
  holder: uuid().notNull(),
  expires_at: instant().notNull(),
})

/** RFC 6238 – One authenticator application of a person. Sealed: whoever reads the database alone makes no codes. */
export const totpFactors = pgTable('totp_factors', {
  user_id: uuid()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  secret: bytea().notNull(),
  /** Of the code that was accepted last: neither it nor an earlier one is accepted again. */
  last_step: integer().notNull(),
  created_at: instant().notNull().default(sql`now()`),
})

/** What opens a sign-in once when the factor is lost: one row a person, so that a new set voids the former one at once. */
export const recoveryCodes = pgTable('recovery_codes', {
  user_id: uuid()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  /** SHA-256 of each that is left. */
  digests: bytea().array().notNull(),
})

/** WebAuthn Level 3 §4 – Credential records. */
export const passkeys = pgTable(
  'passkeys',
  {
    /** base64url; chosen by the authenticator, and nobody else's. */
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

/** What was begun and waits for its second half: sign-ins with two factors, and enrolments. */
export const ceremonies = pgTable(
  'ceremonies',
  {
    /** SHA-256 of the handle. */
    digest: bytea().primaryKey(),
    purpose: text({ enum: CEREMONY_PURPOSES }).notNull(),
    /** Null where the passkey will tell who it is. */
    user_id: uuid().references(() => users.id, { onDelete: 'cascade' }),
    credential_epoch: integer(),
    /** The sign-in that began it. */
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
