import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { trackHealth } from './health.ts'
import type { DatabasePlace } from './hosts.ts'
import { openPool } from './open-pool.ts'
import { createRun, type Query } from './run.ts'

export type Database = Readonly<{
  /**
   * One statement, or transaction; one answer. Rejects with Unavailable when there is none in time, or when Postgres is away,
   * starting, stopping, full or read-only; with the statement's own error otherwise. Whether an unanswered statement was
   * carried out is not known. One that was not, for sure, is carried out again while its caller waits.
   * Never hand `sql` to drizzle, which replaces the date parsers of the client that it is given. Never `reserve` with it:
   * without fetch_types, postgres.js 3.4.9 forgets a reservation that is the first thing on a connection.
   */
  run: <T>(query: Query<T>) => Promise<T>
  /** What is under way now, and whether the last that was heard of Postgres is that it is away. */
  load: () => Readonly<{ connections: number; statements: number; isLost: boolean }>
  /** Rejects with Unavailable when Postgres does not answer. */
  ping: () => Promise<void>
  /** Likewise, but an answer of the last second on connections that still stand is enough: nearly always without a query. */
  ensure: () => Promise<void>
  close: () => Promise<void>
}>

export type DatabaseOptions = DatabasePlace &
  Readonly<{
    /** Connections, at most. 1 on the embedded database: there, a second one is answered with the first one's rows. */
    pool_size: number
    /** Schema of the tables. Default DEFAULT_SCHEMA. */
    schema?: string
    /** Seconds a caller waits for an answer. Default 5. */
    answer_seconds?: number
  }>

export const openDatabase = (options: DatabaseOptions): Database => {
  const { answer_seconds = 5, schema = DEFAULT_SCHEMA } = options
  const health = trackHealth()
  const pool = openPool({ ...options, schema, answer_seconds, onClose: health.noteClosed })
  const { run, statements } = createRun({ pool, health, answer_seconds })
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
    load: () => ({ connections: options.pool_size, statements: statements(), isLost: health.isLost() }),
    ping,
    ensure,
    close: pool.close,
  }
}
