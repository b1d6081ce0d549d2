import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  index,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytea, instant } from './column-types.ts'

/** The tables of the clients that are registered in the database, beside those of CLIENTS_FILE. */

export const clients = pgTable('clients', {
  client_id: text().primaryKey(),
  /** JSON with the members of CLIENTS_FILE but `client_id` and `client_secret`. A server skips a row that it does not understand. */
  metadata: text().notNull(),
  /** SHA-256 of the secret; null for a client without one. */
  client_secret_digest: bytea(),
  /** The secret before, which goes on until its time; null where there is none. */
  former_secret_digest: bytea(),
  former_secret_expires_at: instant(),
  /** The last use of each secret, to the hour; null: none since the secret was made, or since uses are noted. */
  secret_used_at: instant(),
  former_secret_used_at: instant(),
  /** The number of its last change: a change that was based on an earlier version is refused. */
  version: bigint({ mode: 'number' }).notNull(),
  created_at: instant().notNull().default(sql`now()`),
  updated_at: instant().notNull().default(sql`now()`),
  disabled_at: instant(),
  /** True for the row of a client that has registered itself: its metadata are in a form of their own. */
  is_self_registered: boolean().notNull().default(false),
})

/** RFC 7591 §1.2 – Initial access tokens, each for some registrations. */
export const registrationTokens = pgTable(
  'registration_tokens',
  {
    digest: bytea().primaryKey(),
    uses_left: integer().notNull(),
    created_at: instant().notNull().default(sql`now()`),
    expires_at: instant().notNull(),
  },
  table => [index('registration_tokens_expires_at_index').on(table.expires_at)],
)

/** Clients that have registered themselves and may not be used: those with a redirect host, or those that came in a span of time. */
export const registrationRefusals = pgTable(
  'registration_refusals',
  {
    kind: text().notNull(),
    /** A host, or two numbers of seconds since 1970 with a slash between them. */
    value: text().notNull(),
    created_at: instant().notNull().default(sql`now()`),
  },
  table => [primaryKey({ columns: [table.kind, table.value] })],
)

/** RFC 9449 §11.1 – Proofs that were shown, until they are too old: the protection against a replayed `jti`. */
export const spentProofs = pgTable(
  'spent_proofs',
  {
    /** SHA-256 of the key's thumbprint and the `jti`. */
    digest: bytea().primaryKey(),
    expires_at: instant().notNull(),
  },
  table => [index('spent_proofs_expires_at_index').on(table.expires_at)],
)

/**
 * One row: the last change of `clients`. Each change locks it until its commit, so that changes become visible in the order of their
 * numbers.
 */
export const clientHead = pgTable('client_head', {
  id: smallint().primaryKey().default(1),
  number: bigint({ mode: 'number' }).notNull(),
  /** Drawn at random with the number: distinguishes the number from the same one in another past of the database. */
  tag: uuid().notNull(),
  previous_tag: uuid().notNull(),
  /** The rows of `clients` but those of the next column. */
  clients: integer().notNull(),
  /** The rows of `clients` of those that have registered themselves. */
  registrations: integer().notNull().default(0),
})

/** The changes of the last hour, for the instances that follow. An instance that has missed more reads all clients again. */
export const clientChanges = pgTable(
  'client_changes',
  {
    number: bigint({ mode: 'number' }).primaryKey(),
    tag: uuid().notNull(),
    /** The tag of the change before: shows to an instance that it has missed none. */
    previous_tag: uuid().notNull(),
    client_id: text().notNull(),
    expires_at: instant().notNull(),
  },
  table => [index('client_changes_expires_at_index').on(table.expires_at)],
)

/** RFC 7523 §3 – Spent client assertions, until they expire: the protection against a replayed `jti`. */
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
