import postgres, { type Parameter, type Sql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { EventOrigin } from '../../domain/events/event.ts'
import type { CurrentOrigin } from '../../ports/events.ts'
import { OID } from './array-types.ts'
import type { Checkout, ContendedRow, createRowQueues } from './checkout.ts'
import { STATEMENT_SHARE } from './client-options.ts'
import { type Health, trackClock } from './health.ts'
import type { OpenPool } from './open-pool.ts'
import { isLostWorker, isOutage, isWrongHost, READ_ONLY, ROLLED_BACK, UNSENT } from './outage.ts'
import { isRefusedByPooler } from './session-settings.ts'

/** The caller of a statement, and the rest of its time. */
export type Caller = Readonly<{
  /** Seconds that the statement may still take; negative when the time is over. */
  seconds_left: Parameter<unknown>
  /**
   * When the time is over by the clock of Postgres, in seconds since 1970; infinite while that clock is not known. A statement that asks for it
   * returns the time of its begin as `at`.
   */
  deadline: () => Parameter<unknown>
  /** Checked first by a transaction, which may have waited for its connection until its caller gave up. */
  isWaiting: () => boolean
  /** On whose behalf the statement runs: that of the call of `run`. */
  origin: EventOrigin
  /** What `Database.isDistributed` tells, by the connection that the statement is sent on. */
  isDistributed: boolean
}>

export type Query<T> = (sql: Sql, caller: Caller) => Promise<T>

type Needs = Readonly<{
  pool: OpenPool
  health: Health
  answer_seconds: number
  currentOrigin: CurrentOrigin
  /** Sends what names a row. */
  sendInTurn: ReturnType<typeof createRowQueues>
}>

const RETRY_AFTER_SECONDS = 1
/** Pause after a pooler's refusal, until the refused connection has closed. The next one sends what every pooler accepts. */
const POOLER_PAUSE_MILLISECONDS = 100
/** Backoff before rolled back work is run again: random, doubled each time, from the first value to the second. */
const FIRST_BACKOFF_MILLISECONDS = 5
const LONGEST_BACKOFF_MILLISECONDS = 200

/** Runs queries, each within its caller's time. See `Database.run`. */
export const createRun = ({ pool, health, answer_seconds, currentOrigin, sendInTurn }: Needs) => {
  const { findRefusal, giveUp, judge } = createRefusals({ pool, health })
  const clock = trackClock()
  let statements = 0

  const run = <T>(query: Query<T>, row?: ContendedRow): Promise<T> => {
    const refusal = findRefusal()
    if (refusal !== null) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const time = createStatementTime(performance.now() + answer_seconds * STATEMENT_SHARE * 1000, clock)
      const origin = currentOrigin()
      let isAwaited = true
      const isWaiting = () => isAwaited
      let hostsLeft = pool.hostCount - 1
      let rollbacks = 0
      let wasBehindPooler = false

      const send = () => {
        const sent = row === undefined ? sendAtOnce() : sendInTurn(row, sendAtOnce)
        sent.answer.then(succeed, fail)
        return sent
      }
      const sendAtOnce = () => {
        wasBehindPooler = pool.isBehindPooler()
        return pool.query(sql =>
          query(sql, { ...time.of(sql), isWaiting, origin, isDistributed: pool.isDistributed() }),
        )
      }
      const retry = () => {
        if (isAwaited) checkout = send()
        else settle()
      }
      const settle = () => {
        statements--
        clearTimeout(timer)
      }
      const succeed = (answer: T) => {
        settle()
        health.noteAnswer()
        time.noteAnswer(answer)
        resolve(answer)
      }
      /** Work that was certainly not carried out is run again while its caller waits. */
      const fail = (fault: unknown) => {
        const code = errorCodeOf(fault) ?? ''
        if (isAwaited && !wasBehindPooler && isRefusedByPooler(fault)) {
          pool.expectPooler()
          setTimeout(retry, POOLER_PAUSE_MILLISECONDS)
        } else if (isAwaited && ROLLED_BACK.has(code)) {
          setTimeout(retry, backoffMilliseconds(rollbacks++))
        } else if (isAwaited && (code === UNSENT || (isWrongHost(code) && hostsLeft-- > 0))) {
          retry()
        } else {
          settle()
          reject(judge(fault))
        }
      }

      let checkout = send()
      statements++
      const timer = setTimeout(() => {
        isAwaited = false
        reject(giveUp(checkout))
      }, answer_seconds * 1000)
    })
  }

  return { run, statements: () => statements }
}

/** Decides when a caller gets Unavailable, and notes what that tells about the database. */
const createRefusals = ({ pool, health }: Pick<Needs, 'pool' | 'health'>) => {
  return {
    findRefusal: (): Unavailable | null => {
      if (health.isRefused() && !pool.hasOpen()) return unavailable('connections are refused')
      return pool.isExhausted() ? unavailable('statements that were given up have not ended') : null
    },
    giveUp: ({ abandon, isBlocked }: Checkout<unknown>): Unavailable => {
      if (isBlocked?.() === true) {
        abandon()
        return unavailable('a row is locked')
      }
      health.noteOutage(null)
      abandon()
      pool.watch()
      return unavailable('no answer in time')
    },
    judge: (fault: unknown): unknown => {
      if (fault instanceof postgres.PostgresError && isLostWorker(fault)) {
        // The coordinator is there, for everyone whose worker is.
        health.noteAnswer()
        return unavailable(fault)
      }
      const code = errorCodeOf(fault)
      if (!isOutage(code)) return fault
      health.noteOutage(code)
      // After a failover, these connections lead to a host that has become a standby.
      if (code === READ_ONLY) pool.destroyAll()
      return unavailable(fault)
    },
  }
}

/** Random, so that conflicting transactions do not meet again. */
const backoffMilliseconds = (rollbacks: number) =>
  Math.random() * Math.min(FIRST_BACKOFF_MILLISECONDS * 2 ** rollbacks, LONGEST_BACKOFF_MILLISECONDS)

const unavailable = (cause: unknown) => new Unavailable('database', RETRY_AFTER_SECONDS, cause)

/**
 * The time of a statement until `end`, a time of performance.now(). postgres.js converts the parameters to text when it binds them, after a wait
 * for the connection.
 */
export const createStatementTime = (end: number, clock: ReturnType<typeof trackClock>) => {
  const seconds_left = { toString: () => String((end - performance.now()) / 1000) }
  const deadline = { toString: () => String(clock.timeAt(end) / 1000) }
  let hasDeadline = false

  return {
    of: (sql: Sql): Pick<Caller, 'seconds_left' | 'deadline'> => ({
      seconds_left: sql.typed(seconds_left, OID.float8),
      deadline: () => {
        hasDeadline = true
        return sql.typed(deadline, OID.float8)
      },
    }),
    /** Reads the clock of Postgres from the first row of the answer. */
    noteAnswer: (answer: unknown) => {
      const row: unknown = hasDeadline && Array.isArray(answer) ? answer[0] : undefined
      const at: unknown = typeof row === 'object' && row !== null ? Reflect.get(row, 'at') : undefined
      if (at instanceof Date) clock.note(at)
    },
  }
}
