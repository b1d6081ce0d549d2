import postgres, { type Sql } from 'postgres'
import { expect } from 'vitest'
import { OWN_ORIGIN } from '../../src/domain/events/event.ts'
import { currentOrigin } from '../../src/platform/origin-context.ts'
import {
  type DatabaseOptions,
  openDatabase as openPool,
  type Database as Pool,
} from '../../src/store/postgres/database.ts'
import { trackClock } from '../../src/store/postgres/health.ts'
import { createQualify, tag } from '../../src/store/postgres/qualify.ts'
import { type Caller, createStatementTime } from '../../src/store/postgres/run.ts'

/** The pool of the store, and a client beside it with which tests change and read rows. */
export type Database = Pool & Readonly<{ sql: Sql }>

export const openDatabase = (options: DatabaseOptions): Database => {
  const pool = openPool({ currentOrigin, ...options })
  // The embedded database accepts one connection, which the pool has.
  if (options.path !== undefined) return { ...pool, sql: clientOf(pool) }
  const sql = qualified(postgres(options.url, { max: 10, onnotice: () => {}, connection: SETTINGS }))
  const close = async () => {
    await Promise.all([pool.close(), sql.end({ timeout: 1 })])
  }
  return { ...pool, sql, close }
}

const qualify = createQualify('public')

/** A client that accepts our statements too, with tables of the schema `signet`, also on a reserved connection. */
const qualified = (sql: Sql): Sql =>
  new Proxy(tag(sql, qualify).sql, {
    get: (target, name) =>
      name === 'reserve' ? async () => qualified(await sql.reserve()) : Reflect.get(target, name),
  })

/** Fixed formats for the rows that tests read, in spite of the defaults of a database. */
const SETTINGS = { search_path: 'public', DateStyle: 'ISO', TimeZone: 'UTC', bytea_output: 'hex' }

/** The caller of a statement that a test sends past the pool. */
export const callerOf = (sql: Sql, seconds_left = 4, isDistributed = false): Caller => ({
  ...createStatementTime(performance.now() + seconds_left * 1000, trackClock()).of(sql),
  isWaiting: () => true,
  origin: OWN_ORIGIN,
  isDistributed,
})

type Watched = Pick<Database, 'sql'> & Partial<Pick<Database, 'isDistributed'>>

/** How many statements of this database wait for a lock, on all of its nodes. */
export const countWaitingForLock = async ({ sql, isDistributed }: Watched): Promise<number> => {
  const waiting = await sql`
    select pid
    from ${isDistributed?.() ? sql`citus_stat_activity` : sql`pg_stat_activity`}
    where datname = current_database() and wait_event_type = 'Lock'`
  return waiting.length
}

/** Waits until that many statements of this database wait for a lock. */
export const untilWaitingForLock = async (database: Watched, count = 1): Promise<void> => {
  await expect.poll(() => countWaitingForLock(database), { timeout: 8_000 }).toBeGreaterThanOrEqual(count)
}

const clientOf = ({ run }: Pool): Sql => {
  let client: Sql | undefined
  void run(async sql => {
    client = sql
  })
  if (client === undefined) throw new Error('the pool hands out no client')
  return client
}
