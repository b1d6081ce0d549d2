import { sql } from 'drizzle-orm'
import { bigint, index, integer, pgTable, primaryKey, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { LINK_PURPOSES } from '../../domain/account/email-link.ts'
import { REFRESH_TRANSPORTS } from '../../domain/sign-in/refresh-family.ts'
import { bytea, instant, xid8 } from './column-types.ts'

/** The tables. drizzle-kit generates the migrations in drizzle/ from them; the statements are written by hand beside. */

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
  /** When its owner proved to read what is sent to `email`; null: nobody has. */
  email_verified_at: instant(),
  /** Of the last sign-in: in which notices are written. */
  language: text(),
  /** Raised by what takes the trust from devices: a device token of an earlier epoch makes no device known. */
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
    /** Single access tokens of it that were revoked, and since when they are counted; null for nearly every family. */
    tokens_revoked: integer(),
    tokens_revoked_since: instant(),
    /** The browser session that it was opened from; null for a sign-in by the account API. */
    session_id: uuid(),
    last_ip: text(),
    last_user_agent: text(),
    created_at: instant().notNull().default(sql`now()`),
  },
  table => [
    index('refresh_families_user_id_index').on(table.user_id),
    index('refresh_families_expires_at_index').on(table.expires_at),
    /** For ending a client: a rotation changes neither column. */
    index('refresh_families_client_id_index').on(table.client_id).where(sql`revoked_at is null`),
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
    /** Read by the version before this one alone, until the next one drops it (docs/decisions/0017-the-feed-has-an-order-of-its-own.md). */
    transaction_id: xid8().notNull().default(sql`pg_current_xact_id()`),
    /** Its place in the feed, the same for all entries that were numbered together; null until it is numbered, after its commit. */
    number: bigint({ mode: 'number' }),
    /** The `issued_until` that was numbered: the version before raises it without setting `number` to null. */
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
 * How far the revocations are numbered: one row. Numbers are given only by a transaction that holds it, and seen when that is
 * committed: they become visible in their order.
 */
export const feedHead = pgTable('feed_head', {
  id: smallint().primaryKey().default(1),
  number: bigint({ mode: 'number' }).notNull(),
  /** Written with the number, at random: tells it from the same number of another past. */
  tag: uuid().notNull(),
})

/** What the head was before, for as long as cursors may name it: one that is not here leads nowhere. */
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
 * draft-ietf-oauth-status-list – Where each access token stands in the status lists, for the clients that asked for it. Written
 * before the token is issued, never changed: whether it is ended is asked of the tables above.
 */
export const statusEntries = pgTable(
  'status_entries',
  {
    /** Over all lists: the place in one follows from it. */
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

/**
 * Links that were mailed and not yet followed: one for each person and purpose, so that a new one replaces the older. Each is
 * bound to the address it went to and to the credential epoch: a change of the password or the e-mail makes it worthless.
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
    /** Binds a link of the version before, and the change of an e-mail. */
    credential_epoch: integer().notNull(),
    expires_at: instant().notNull(),
    /** What the token is derived from, with the pepper of this id: asking again soon mails the same link. */
    seed: bytea(),
    pepper_id: smallint(),
    /** SHA-256 of the password digest that the account had: another password voids the link, and nothing else does. */
    binding: bytea(),
    /** The digest that the columns above belong to: the version before replaces `digest` and leaves them. */
    bound_digest: bytea(),
    /** The link before this one, of the same binding: it may be followed for as long as its mail said. */
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
 * Endings of people with so many sign-ins that one statement cannot mark them all: what is left is done in batches, by whichever
 * instance comes first. It is over already: the account's epoch has passed, or the account is only a name.
 */
export const unfinishedEndings = pgTable('unfinished_endings', {
  user_id: uuid()
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  reason: text().notNull(),
  /** When an instance other than the one that began it may go on. */
  due_at: instant().notNull(),
})

/** Who of several replicas does what only one should do, and until when: a row a task. */
export const leases = pgTable('leases', {
  task: text().primaryKey(),
  holder: uuid().notNull(),
  expires_at: instant().notNull(),
})

/** What of an import has been carried out: a row a batch, written by the statement that creates its accounts. */
export const importBatches = pgTable(
  'import_batches',
  {
    /** SHA-256 of the input from its first byte to the last one of the batch. */
    digest: bytea().primaryKey(),
    created: integer().notNull(),
    /** Numbers of the lines that were refused because somebody has the e-mail, and because somebody has the id. */
    email_taken: integer().array().notNull(),
    id_taken: integer().array().notNull(),
    expires_at: instant().notNull(),
  },
  table => [index('import_batches_expires_at_index').on(table.expires_at)],
)
