import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { OWN_ORIGIN } from '../../domain/events/event.ts'
import type { Log, TimelineMemory } from '../../ports/effects.ts'
import type { CurrentOrigin } from '../../ports/events.ts'
import type { BatchTracing } from './batches.ts'
import { type ContendedRow, createRowQueues } from './checkout.ts'
import { trackHealth } from './health.ts'
import type { DatabasePlace } from './hosts.ts'
import { openPool } from './open-pool.ts'
import { createRun, type Query } from './run.ts'

export type Database = Readonly<{
  /**
   * Runs one statement or transaction. Rejects with Unavailable when there is no answer in time, or when Postgres is away, starting,
   * stopping, full or read-only; otherwise with the statement's own error. An unanswered statement may have been carried out. A statement
   * that was certainly not carried out is run again while its caller waits. Never pass `sql` to drizzle, which replaces the date parsers of
   * its client. Never call `sql.reserve`: without fetch_types, postgres.js 3.4.9 loses a reservation that is the first request on a
   * connection.
   *
   * `row` is what the statement may have to wait for. Statements on one row are sent one after the other, and half of the connections are
   * kept for statements without a row (docs/decisions/0064).
   */
  run: <T>(query: Query<T>, row?: ContendedRow) => Promise<T>
  /**
   * The size of the pool, the statements under way, whether Postgres was away at last notice, and whether it answered within the last
   * second while no connection has ended since; the timeline of the primary, null where the database does not tell it; and whether a host
   * takes writes that is a former primary.
   */
  load: () => Readonly<{
    connections: number
    statements: number
    isLost: boolean
    isAnswering: boolean
    timeline: number | null
    isFormerPrimarySeen: boolean
  }>
  /**
   * True when Citus spreads the tables over nodes, as the latest connection has told; false before the first connection. A statement that
   * locks a row is then for one person, and names the person by a parameter.
   */
  isDistributed: () => boolean
  /** Rejects with Unavailable when Postgres does not answer. */
  ping: () => Promise<void>
  /** Like `ping`, but an answer that came within the last second is used again, unless a connection has ended since. */
  ensure: () => Promise<void>
  close: () => Promise<void>
  /** Absent while traces are off. */
  batches?: BatchTracing
}>

export type DatabaseOptions = DatabasePlace &
  Readonly<{
    /** Connections, at most. 1 on the embedded database, where a second connection would get the rows of the first. */
    pool_size: number
    /** Schema of the tables. Default DEFAULT_SCHEMA. */
    schema?: string
    /** Seconds a caller waits for an answer. Default 5. */
    answer_seconds?: number
    /** For the events that statements write. Default: this server itself. */
    currentOrigin?: CurrentOrigin
    /** What all instances remember of the database. Null, the default: this process alone remembers it. */
    memory?: TimelineMemory | null
    /** Default: nothing is logged. */
    log?: Pick<Log, 'info' | 'warn'>
  }>

const SILENT = { info: () => {}, warn: () => {} }

export const openDatabase = (options: DatabaseOptions): Database => {
  const { answer_seconds = 5, schema = DEFAULT_SCHEMA, currentOrigin = () => OWN_ORIGIN } = options
  const { memory = null, log = SILENT } = options
  const health = trackHealth()
  const pool = openPool({ ...options, schema, answer_seconds, memory, log, onClose: health.noteClosed })
  const sendInTurn = createRowQueues({
    width: Math.ceil(options.pool_size / 2),
    longest_milliseconds: answer_seconds * 1000,
  })
  const { run, statements } = createRun({ pool, health, answer_seconds, currentOrigin, sendInTurn })
  let asking: Promise<void> | null = null

  const ping = async () => {
    await run(sql => sql`select 1`)
  }
  const ensure = () => {
    if (health.isFresh()) return Promise.resolve()
    asking ??= ping().finally(() => {
      asking = null
    })
    return asking
  }

  return {
    run,
    load: () => ({
      connections: options.pool_size,
      statements: statements(),
      isLost: health.isLost(),
      isAnswering: health.isFresh(),
      timeline: pool.timelines.highest(),
      isFormerPrimarySeen: pool.timelines.isFormerPrimarySeen(),
    }),
    isDistributed: pool.isDistributed,
    ping,
    ensure,
    close: pool.close,
  }
}
