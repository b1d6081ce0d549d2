import postgres, { type Parameter, type Sql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { CONNECT_SECONDS, clientOptions, STATEMENT_SHARE } from './client-options.ts'
import { addressesOf, type DatabasePlace, isStandby } from './hosts.ts'
import { CANNOT_CONNECT, DEADLOCK, isOutage, READ_ONLY, STANDBY } from './outage.ts'
import { createPool } from './pool.ts'
import { createQualify, tag } from './qualify.ts'
import type { Asked } from './send.ts'
import { isRefusedByPooler } from './session-settings.ts'
import { type SocketLine, trackSockets } from './sockets.ts'
import { createWatchdog } from './watchdog.ts'

/** Whoever asked, and what is left of their time. */
export type Caller = Readonly<{
  /** Seconds that a statement may take when it is sent, below zero when there are none: read when its parameters are bound. */
  seconds_left: Parameter<unknown>
  /** What a transaction asks first: it may have waited for its connection until its caller gave up. */
  isWaiting: () => boolean
}>

type Query<T> = (sql: Sql, caller: Caller) => Promise<T>

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
    /** Where the tables are. Default `public`. */
    schema?: string
    /** Seconds a caller waits for an answer. Default 5. */
    answer_seconds?: number
  }>

const RETRY_AFTER_SECONDS = 1
/** Callers were served before: what is still under way is not waited for, nor a connection that never says goodbye. */
const CLOSE_SECONDS = 1
/** How long an answer vouches for Postgres, while no connection ends. */
const FRESH_MILLISECONDS = 1_000
/** Opened beside the pool while statements that were given up take its places. */
const SPARE_CONNECTIONS = 3
/** For a connection that a pooler refused to close: the next one is opened with what any pooler takes. */
const POOLER_PAUSE_MILLISECONDS = 100
/** How long to believe that Postgres is away, once it has refused a connection. */
const REFUSED_MILLISECONDS = 200

export const openDatabase = (options: DatabaseOptions): Database => {
  const { answer_seconds = 5, schema = 'public' } = options
  const qualify = createQualify(schema)
  let freshUntil = 0
  let asking: Promise<void> | null = null
  let refusedUntil = 0
  let statements = 0
  let isLost = false
  let isPooled = false
  const addresses = addressesOf(options)
  const isEmbedded = options.path !== undefined
  const sockets = trackSockets(addresses, {
    connect_seconds: CONNECT_SECONDS,
    onUnreachable: address => {
      for (const { isOverdue, cut, ...connection } of pool.watched())
        if (isOverdue && connection.address() === address) cut()
    },
  })
  const openClient = (onClose: () => void) => {
    const line = sockets.openLine(onClose)
    const own = { url: options.url, address: addresses[0], answer_seconds, isEmbedded, socket: line.open }
    return {
      ...line,
      create: () => tag(postgres(clientOptions({ ...own, schema, isPooled })), qualify),
      examine: addresses.length > 1 ? (sql: Sql) => refuseStandby(sql, line) : null,
    }
  }
  const size = { size: options.pool_size, spare: isEmbedded ? 0 : SPARE_CONNECTIONS }
  const pool = createPool(size, onClose =>
    openClient(() => {
      freshUntil = 0
      onClose()
    }),
  )
  const watchdog = createWatchdog({
    open: () => {
      const { create, ...line } = openClient(() => {})
      return { ...create(), ...line }
    },
    watched: pool.watched,
    patience_seconds: answer_seconds,
  })

  const giveUp = ({ abandon }: Asked<unknown>, reject: (error: Unavailable) => void) => {
    isLost = true
    freshUntil = 0
    abandon()
    if (!isEmbedded) watchdog.watch()
    reject(new Unavailable('database', RETRY_AFTER_SECONDS, 'no answer in time'))
  }

  const judge = (error: unknown): unknown => {
    const code = errorCodeOf(error)
    if (!isOutage(code)) return error
    isLost = true
    freshUntil = 0
    if (code !== null && CANNOT_CONNECT.has(code)) refusedUntil = performance.now() + REFUSED_MILLISECONDS
    // After a failover these connections lead to what has become a standby.
    if (code === READ_ONLY) sockets.cutAll()
    return new Unavailable('database', RETRY_AFTER_SECONDS, error)
  }

  const run = <T>(query: Query<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      if (performance.now() < refusedUntil && !pool.hasOpen()) {
        reject(new Unavailable('database', RETRY_AFTER_SECONDS, 'connections are refused'))
        return
      }
      if (pool.isStalled()) {
        reject(
          new Unavailable('database', RETRY_AFTER_SECONDS, 'statements that were given up have not ended'),
        )
        return
      }
      const end = performance.now() + answer_seconds * STATEMENT_SHARE * 1000
      let isAwaited = true
      let others = addresses.length - 1
      const mayGoOn = (code: string | null) => code === DEADLOCK || (code === STANDBY && others-- > 0)
      const isWaiting = () => isAwaited
      const rest = secondsUntil(end)
      let wasPooled = isPooled
      const ask = () => {
        wasPooled = isPooled
        return pool.ask(sql => query(sql, { seconds_left: sql.typed(rest, FLOAT8), isWaiting }))
      }
      let asked = ask()
      const timer = setTimeout(() => {
        isAwaited = false
        giveUp(asked, reject)
      }, answer_seconds * 1000)
      statements++
      const again = () => {
        if (!isAwaited) {
          statements--
          return
        }
        asked = ask()
        asked.answer.then(succeed, fail)
      }
      const succeed = (answer: T) => {
        statements--
        isLost = false
        freshUntil = performance.now() + FRESH_MILLISECONDS
        clearTimeout(timer)
        return resolve(answer)
      }
      const fail = (fault: unknown) => {
        // With the few settings that every pooler takes; what it refuses then it refuses for good.
        if (isAwaited && !wasPooled && isRefusedByPooler(fault)) {
          isPooled = true
          setTimeout(again, POOLER_PAUSE_MILLISECONDS)
          return
        }
        if (isAwaited && mayGoOn(errorCodeOf(fault))) return again()
        statements--
        clearTimeout(timer)
        reject(judge(fault))
      }
      asked.answer.then(succeed, fail)
    })

  const ping = async () => {
    await run(sql => sql`select 1`)
  }
  const ensure = () => {
    if (performance.now() < freshUntil) return Promise.resolve()
    asking ??= ping().finally(() => {
      asking = null
    })
    return asking
  }

  return {
    run,
    ensure,
    load: () => ({ connections: options.pool_size, statements, isLost }),
    ping,
    close: async () => {
      watchdog.stop()
      await pool.end({ timeout: CLOSE_SECONDS })
      sockets.stop()
    },
  }
}

const FLOAT8 = 701

/** The library makes text of a parameter when it binds it: it holds statements back while it opens a connection. */
const secondsUntil = (end: number) => ({ toString: () => String((end - performance.now()) / 1000) })

const refuseStandby = async (sql: Sql, { cut }: SocketLine): Promise<void> => {
  if (!(await isStandby(sql))) return
  cut()
  throw Object.assign(new Error('this host is a standby'), { code: STANDBY })
}
