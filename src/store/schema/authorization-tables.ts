import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, primaryKey, text, unique, uuid } from 'drizzle-orm/pg-core'
import { bytea, extraClaims, instant } from './column-types.ts'
import { users } from './tables.ts'

/** The tables of the authorization endpoint. */

/**
 * RFC 6749 §4.1.2 – Authorization codes, with what each is bound to. A code is kept for SPENT_CODE_SECONDS after it expired, so that its
 * replay is recognised.
 */
export const authorizationCodes = pgTable(
  'authorization_codes',
  {
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** SHA-256 of the code. */
    digest: bytea().notNull(),
    session_id: uuid().notNull(),
    /** The session's epoch, `auth_time` and `amr` when the code was issued. */
    credential_epoch: integer().notNull(),
    auth_time: instant().notNull(),
    amr: text().array().notNull(),
    client_id: text().notNull(),
    redirect_uri: text(),
    code_challenge: text(),
    /** RFC 9449 §10 – Thumbprint of the key that the redemption has to prove; null for a code that is bound to none. */
    dpop_jkt: text(),
    scope: text().notNull(),
    audience: text().array().notNull(),
    nonce: text(),
    /** Null for a first-party client, which is not asked. */
    consent_version: integer(),
    is_refreshable: boolean().notNull(),
    expires_at: instant().notNull(),
    /** Redemptions with something wrong, before it was spent. */
    failures: integer().notNull().default(0),
    spent_at: instant(),
    /** Proves a retry of the redemption that spent the code; null where that one had no Idempotency-Key. */
    retry_proof: bytea(),
    /** The family that it bought; null until it is spent. No reference: the deletion of a family would look for its code. */
    family_id: uuid(),
    /** The extra claims of the family that it buys; null for none. */
    claims: extraClaims(),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.digest] }),
    index('authorization_codes_expires_at_index').on(table.expires_at),
  ],
)

/** People who are signed in on the hosted pages: a row a browser. A session that was ended has no row. */
export const browserSessions = pgTable(
  'browser_sessions',
  {
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    id: uuid().notNull(),
    /** SHA-256 of the cookie's secret, which each sign-in and step-up replaces. */
    digest: bytea().notNull(),
    /** A session of an epoch that is not the account's is dead. */
    credential_epoch: integer().notNull(),
    auth_time: instant().notNull(),
    amr: text().array().notNull(),
    /** Slides with use, and never passes `expires_at`. Not indexed: moving it is a heap-only update. */
    idle_expires_at: instant().notNull(),
    expires_at: instant().notNull(),
    last_ip: text(),
    last_user_agent: text(),
    created_at: instant().notNull().default(sql`now()`),
  },
  table => [
    primaryKey({ columns: [table.user_id, table.id] }),
    unique('browser_sessions_user_id_digest_unique').on(table.user_id, table.digest),
    index('browser_sessions_expires_at_index').on(table.expires_at),
  ],
)

/** What each person has granted to each client. The row stays after a withdrawal, with its version and nothing granted. */
export const consents = pgTable(
  'consents',
  {
    user_id: uuid()
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    client_id: text().notNull(),
    /** Raised by each withdrawal: a code of an earlier version buys nothing. */
    version: integer().notNull().default(0),
    /** Pairs of a scope and a resource, as `grantsOf` in domain/authorization/consent.ts writes them. */
    granted: text().array().notNull(),
    /** Such pairs of optional scopes that the person left out. An older version does not write this column, so a pair in both columns is granted. */
    declined: text().array().notNull().default(sql`'{}'`),
    /** Of a client that a document describes: what it said when the person was asked last. Null for a client that is registered here. */
    document_digest: bytea(),
    granted_at: instant().notNull().default(sql`now()`),
    /** The digests of its parts, from which the consent page tells what has changed. An older version does not write this column. */
    document_parts: bytea(),
  },
  table => [primaryKey({ columns: [table.user_id, table.client_id] })],
)

/** RFC 9126 – Requests that clients have pushed. The code that a request led to is issued by the statement that deletes its row. */
export const pushedRequests = pgTable(
  'pushed_requests',
  {
    /** SHA-256 of the `request_uri`. */
    digest: bytea().primaryKey(),
    client_id: text().notNull(),
    /** As the client sent them: application/x-www-form-urlencoded. */
    parameters: text().notNull(),
    expires_at: instant().notNull(),
  },
  table => [index('pushed_requests_expires_at_index').on(table.expires_at)],
)

/** Images of the `logo_uri` of clients, fetched once and served from here. A row an address, which several clients may share. */
export const clientLogos = pgTable(
  'client_logos',
  {
    /** SHA-256 of the address. */
    uri_digest: bytea().primaryKey(),
    /** SHA-256 of the image; both are null until a fetch has succeeded. */
    digest: bytea(),
    image: bytea(),
    /** The time before which no instance fetches the image: the end of a claim, of a pause after a failure, or of a day. */
    due_at: instant().notNull(),
    /** Fetches in a row that have failed. */
    failures: integer().notNull().default(0),
    /** Moved by each claim: an image that no page shows expires. */
    expires_at: instant().notNull(),
  },
  table => [
    index('client_logos_digest_index').on(table.digest),
    index('client_logos_expires_at_index').on(table.expires_at),
  ],
)
