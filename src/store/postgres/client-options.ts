import { arrayTypes, byteaType } from './array-types.ts'
import type { Dialer } from './dialer.ts'
import { type Address, connectionOptions } from './hosts.ts'
import { PINNED, PINNED_EVERYWHERE, searchPathOf } from './session-settings.ts'

/** The share of a caller's time that its statement may take. */
export const STATEMENT_SHARE = 0.8
export const CONNECT_SECONDS = 3

export type ClientOptions = Readonly<{
  schema: string
  /** True: only the settings that every pooler accepts are sent. */
  isBehindPooler: boolean
  url: string
  address: Address
  answer_seconds: number
  isEmbedded: boolean
  socket: Dialer['connect']
}>

/**
 * Tagged statements with constant text are prepared by name, once a connection, unless DATABASE_URL has `?prepare=false`. PgBouncer must
 * let the parameters of `connection` pass: `ignore_startup_parameters`.
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
    // The watchdog knows these sockets: a dead machine closes no connection, and postgres.js would wait for as long as TCP does.
    socket,
    connect_timeout: CONNECT_SECONDS,
    // The dialer pauses: the pauses of postgres.js grow to 20 seconds, and are missing after a connection that ended before it was ready.
    backoff: () => 0,
    // The embedded database has one connection, and accepts the next one only after it has noticed the end of the last.
    idle_timeout: isEmbedded ? 0 : 300,
    // Random, so that connections that were opened together do not end together.
    max_lifetime: isEmbedded ? null : 3600 * (0.9 + 0.1 * Math.random()),
    onnotice: () => {},
    fetch_types: false,
    types: { ...arrayTypes, ...byteaType },
    connection: {
      application_name: 'signetd',
      ...startup,
      ...(isBehindPooler ? PINNED_EVERYWHERE : { ...PINNED, search_path: searchPathOf(schema) }),
      // A rotation depends on it: after a wait for a row, a statement then judges the row's newest version.
      default_transaction_isolation: 'read committed' as const,
      // Shorter than the caller's time, so that no statement outlives its caller and a connection that is silent for longer is dead.
      statement_timeout: answer_seconds * STATEMENT_SHARE * 1000,
      idle_in_transaction_session_timeout: answer_seconds * 1000,
    },
  }
}
