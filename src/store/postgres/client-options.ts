import { arrayTypes, byteaType } from './array-types.ts'
import type { Dialer } from './dialer.ts'
import { type Address, connectionOptions } from './hosts.ts'
import { PINNED, PINNED_EVERYWHERE, searchPathOf } from './session-settings.ts'

/** The share of its caller's time that a statement may take. */
export const STATEMENT_SHARE = 0.8
export const CONNECT_SECONDS = 3

export type ClientOptions = Readonly<{
  schema: string
  /** Only the settings that every pooler takes are named. */
  isBehindPooler: boolean
  url: string
  address: Address
  answer_seconds: number
  isEmbedded: boolean
  socket: Dialer['connect']
}>

/**
 * Tagged statements are prepared by name, once a connection, as long as their text is constant, unless DATABASE_URL says
 * `?prepare=false`. Any PgBouncer must let the parameters of `connection` pass: `ignore_startup_parameters`.
 */
export const clientOptions = ({
  url,
  address,
  answer_seconds,
  isEmbedded,
  socket,
  schema,
  isBehindPooler,
}: ClientOptions) => {
  const { startup, ...signIn } = connectionOptions(url, address)
  return {
    max: 1,
    ...signIn,
    ...address,
    // Ours are watched: a dead machine closes no connection, and postgres.js would wait on it for as long as TCP does.
    socket,
    connect_timeout: CONNECT_SECONDS,
    // The pauses are ours: those of postgres.js grow to 20 seconds, and it takes none after a connection that ended before it was ready.
    backoff: () => 0,
    // The embedded database takes one connection, and takes the next one only when it has noticed the end of the last.
    idle_timeout: isEmbedded ? 0 : 300,
    // Connections that were opened together do not end together.
    max_lifetime: isEmbedded ? null : 3600 * (0.9 + 0.1 * Math.random()),
    onnotice: () => {},
    fetch_types: false,
    types: { ...arrayTypes, ...byteaType },
    connection: {
      application_name: 'signetd',
      ...startup,
      ...(isBehindPooler ? PINNED_EVERYWHERE : { ...PINNED, search_path: searchPathOf(schema) }),
      // A statement that waited for a row then judges the row's newest version: rotation depends on it.
      default_transaction_isolation: 'read committed' as const,
      // Before the caller gives up: a statement without a caller ends, and a connection that is silent for longer is dead.
      statement_timeout: answer_seconds * STATEMENT_SHARE * 1000,
      idle_in_transaction_session_timeout: answer_seconds * 1000,
    },
  }
}
