import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { LINK_PURPOSES } from '../../domain/account/email-link.ts'
import { LOGOUT_NOTICES } from '../../domain/oauth/client.ts'
import { REFRESH_TRANSPORTS } from '../../domain/sign-in/refresh-family.ts'
import { bytea, instant, xid8 } from './column-types.ts'

/** The tables. drizzle-kit generates the migrations in drizzle/ from them; statements are written by hand. */

export const users = pgTable(
  'users',
  {
    id: uuid().primaryKey(),
    /** Normalized: trimmed, NFKC, lower case. */
    email: text().notNull().unique(),
    password_digest: text(),
    roles: text().array().notNull(),
    /** Raised by each change that ends every sign-in: a family of an earlier epoch is dead. */
    credential_epoch: integer().notNull().default(0),
    disabled_at: instant(),
    created_at: instant().notNull().default(sql`now()`),
    /** When the owner proved to read the mail of `email`; null: never. */
    email_verified_at: instant(),
    /** The language of the last sign-in, in which notices are written. */
    language: text(),
    /** Raised by each change that takes the trust from devices: a device token of an earlier epoch is worth nothing. */
    device_epoch: integer().notNull().default(0),
    /** OpenID Connect Core §5.1 – The claims that people fill in themselves: see domain/account/profile.ts. */
    name: text(),
    given_name: text(),
    family_name: text(),
    preferred_username: text(),
    picture: text(),
    locale: text(),
    zoneinfo: text(),
    /** Null: no claim of the profile was changed since the account was made. */
    profile_updated_at: instant(),
    /** The account's id in another system, for imports and administration. */
    external_id: text().unique(),
  },
  table => [
    /** For addresses that begin with a text, whatever the collation of the database. */
    index('users_email_prefix_index').on(sql`"email" collate "C"`),
    index('users_disabled_index').on(table.id).where(sql`disabled_at is not null`),
    index('users_administrative_index')
      .on(table.id)
      .where(sql`roles && '{signet:admin,signet:viewer}'::text[]`),
  ],
)

/**
 * One row a family, updated in place by each rotation. Fillfactor 80 (set in the migration) leaves space in the page, and no column that a
 * rotation changes is indexed, so that every rotation is a heap-only update.
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
    /** Decided at sign-in, never changed. Only families with a cookie have the grace for racing tabs. */
    refresh_transport: text({ enum: REFRESH_TRANSPORTS }).notNull().default('body'),
    generation: integer().notNull().default(0),
    rotated_at: instant(),
    /** The proof of the latest rotation; null when its request had no Idempotency-Key. */
    retry_proof: bytea(),
    /** The proof of the rotation before. A `retry_proof` that equals it is worth nothing: the client sends the same key each time. */
    previous_retry_proof: bytea(),
    /** RFC 7638 – Thumbprint of the key that the tokens are bound to. */
    sender_key: text(),
    idle_expires_at: instant().notNull(),
    expires_at: instant().notNull(),
    revoked_at: instant(),
    revoke_reason: text(),
    /** The count of single access tokens that were revoked, and the start of the counting. Null for nearly every family. */
    tokens_revoked: integer(),
    tokens_revoked_since: instant(),
    /** The browser session that it was opened from; null for a sign-in by the account API. */
    session_id: uuid(),
    /** How its client learns of the end; null: not at all, as for nearly every family. */
    logout_notice: text({ enum: LOGOUT_NOTICES }),
    last_ip: text(),
    last_user_agent: text(),
    created_at: instant().notNull().default(sql`now()`),
    /** The times of the latest rotations, the latest first. Null unless the client has a long window, so that other rows stay small. */
    rotation_times: instant().array(),
  },
  table => [
    index('refresh_families_user_id_index').on(table.user_id),
    index('refresh_families_expires_at_index').on(table.expires_at),
    /** For the ending of a client. A rotation changes neither column. */
    index('refresh_families_client_id_index').on(table.client_id).where(sql`revoked_at is null`),
    /** For lists of administrators, a page at a time, ended sign-ins too. */
    index('refresh_families_client_id_id_index').on(table.client_id, table.id),
    index('refresh_families_user_id_id_index').on(table.user_id, table.id),
  ],
)

/** The entries of the revocation feed: an access token (`jti`), a sign-in (`sid`), all that a person (`sub`) or a client got until a moment. */
export const revocations = pgTable(
  'revocations',
  {
    kind: text({ enum: ['jti', 'sid', 'sub', 'client_id'] }).notNull(),
    value: text().notNull(),
    revoked_at: instant().notNull().default(sql`now()`),
    /** The expiry of the last token that the entry ends. */
    expires_at: instant().notNull(),
    /** For `sub` and `client_id`: the last second whose tokens are ended. */
    issued_until: instant(),
    /** Read only by the version before, and dropped by the next one (docs/decisions/0017-the-feed-has-an-order-of-its-own.md). */
    transaction_id: xid8().notNull().default(sql`pg_current_xact_id()`),
    /** Its number in the feed, shared by entries that were numbered together. Null until it is numbered, after its commit. */
    number: bigint({ mode: 'number' }),
    /** The `issued_until` that was numbered. The version before raises `issued_until` without setting `number` to null. */
    numbered_until: instant(),
  },
  table => [
    primaryKey({ columns: [table.kind, table.value] }),
    index('revocations_expires_at_index').on(table.expires_at),
    index('revocations_transaction_id_index').on(table.transaction_id),
    index('revocations_number_index').on(table.number),
    index('revocations_unnumbered_index')
      .on(table.revoked_at)
      .where(sql`number is null or numbered_until is distinct from issued_until`),
  ],
)

/**
 * One row: the last number of the feed. Only a transaction that holds the lock on this row gives numbers, which become visible when it
 * commits, and therefore in order.
 */
export const feedHead = pgTable('feed_head', {
  id: smallint().primaryKey().default(1),
  number: bigint({ mode: 'number' }).notNull(),
  /** Drawn at random with the number: distinguishes the number from the same one in another past of the database. */
  tag: uuid().notNull(),
})

/** Former heads, for as long as cursors may name them. A cursor of any other position is not valid. */
export const feedPositions = pgTable(
  'feed_positions',
  {
    number: bigint({ mode: 'number' }).primaryKey(),
    tag: uuid().notNull(),
    expires_at: instant().notNull(),
  },
  table => [index('feed_positions_expires_at_index').on(table.expires_at)],
)

/**
 * draft-ietf-oauth-status-list – The place of each access token in the status lists, for clients with `status_list`. Written before the
 * token is issued and never changed: whether the token is ended follows from the tables above.
 */
export const statusEntries = pgTable(
  'status_entries',
  {
    /** Counted across all lists. The place within a list follows from it. */
    idx: bigint({ mode: 'number' }).primaryKey().generatedAlwaysAsIdentity({ minValue: 0, startWith: 0 }),
    jti: uuid().notNull(),
    sid: uuid(),
    sub: text().notNull(),
    client_id: text().notNull(),
    /** The token's `iat`. */
    issued_at: instant().notNull(),
    expires_at: instant().notNull(),
  },
  table => [index('status_entries_expires_at_index').on(table.expires_at)],
)

/**
 * Mailed links that were not followed yet: one row for each account and purpose, with the newest link and the one before. A link is bound
 * to its address and to the password, and for a change of the e-mail to the credential epoch too: a change of these voids the link.
 */
export const emailLinks = pgTable(
  'email_links',
  {
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    purpose: text({ enum: LINK_PURPOSES }).notNull(),
    /** SHA-256 of the token. */
    digest: bytea().notNull().unique(),
    email: text().notNull(),
    /** The binding of links of the version before. Part of `binding` for a change of the e-mail. */
    credential_epoch: integer().notNull(),
    expires_at: instant().notNull(),
    /** The token is derived from the seed and the pepper with this id, so that a repeated request can mail the same link. */
    seed: bytea(),
    pepper_id: smallint(),
    /** SHA-256 of the account's password digest, and for a change of the e-mail of its epoch: a change of these voids the link. */
    binding: bytea(),
    /** The digest that the columns above belong to. The version before replaces `digest` but not these columns. */
    bound_digest: bytea(),
    /** The former link of the same binding, which stays valid until its expiry. */
    previous_digest: bytea(),
    previous_expires_at: instant(),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.purpose] }),
    index('email_links_expires_at_index').on(table.expires_at),
    index('email_links_previous_digest_index').on(table.previous_digest),
  ],
)

/**
 * Endings of accounts with too many sign-ins for one statement. The remaining sign-ins are dead already, by the epoch or because the
 * account is deleted; any instance marks or deletes them in batches.
 */
export const unfinishedEndings = pgTable('unfinished_endings', {
  user_id: uuid()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  reason: text().notNull(),
  /** When another instance may continue the ending. */
  due_at: instant().notNull(),
})

/** Tasks that only one replica may do at a time, with the replica that holds the lease and its expiry. */
export const leases = pgTable('leases', {
  task: text().primaryKey(),
  holder: uuid().notNull(),
  expires_at: instant().notNull(),
})

/** The batches of imports that have been carried out. A row is written by the statement that creates the accounts of its batch. */
export const importBatches = pgTable(
  'import_batches',
  {
    /** SHA-256 of the input from its first byte to the last one of the batch. */
    digest: bytea().primaryKey(),
    created: integer().notNull(),
    /** Numbers of the lines that were refused because the e-mail was taken, because the id was, and because the external id was. */
    email_taken: integer().array().notNull(),
    id_taken: integer().array().notNull(),
    external_id_taken: integer().array().notNull().default(sql`'{}'`),
    expires_at: instant().notNull(),
  },
  table => [index('import_batches_expires_at_index').on(table.expires_at)],
)
