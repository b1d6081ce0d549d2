import type { Parameter, Sql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { OID } from './array-types.ts'
import type { Checkout } from './checkout.ts'
import { STATEMENT_SHARE } from './client-options.ts'
import type { Health } from './health.ts'
import type { OpenPool } from './open-pool.ts'
import { isOutage, READ_ONLY, ROLLED_BACK, STANDBY } from './outage.ts'
import { isRefusedByPooler } from './session-settings.ts'

/** The caller of a statement, and what is left of its time. */
export type Caller = Readonly<{
  /** Seconds that a statement may take when it is sent, below zero when there are none: read when its parameters are bound. */
  seconds_left: Parameter<unknown>
  /** What a transaction asks first: it may have waited for its connection until its caller gave up. */
  isWaiting: () => boolean
}>

export type Query<T> = (sql: Sql, caller: Caller) => Promise<T>

type Needs = Readonly<{ pool: OpenPool; health: Health; answer_seconds: number }>

const RETRY_AFTER_SECONDS = 1
/** For a connection that a pooler refused to close: the next one is opened with what any pooler takes. */
const POOLER_PAUSE_MILLISECONDS = 100
/** Before work that was rolled back is carried out again: up to the first, twice as long each time, up to the second. */
const FIRST_BACKOFF_MILLISECONDS = 5
const LONGEST_BACKOFF_MILLISECONDS = 200

/** Carries out queries, each within its caller's time: see `Database.run`. */
export const createRun = ({ pool, health, answer_seconds }: Needs) => {
  const { findRefusal, giveUp, judge } = createRefusals({ pool, health })
  let statements = 0

  const run = <T>(query: Query<T>): Promise<T> => {
    const refusal = findRefusal()
    if (refusal !== null) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const rest = secondsUntil(performance.now() + answer_seconds * STATEMENT_SHARE * 1000)
      let isAwaited = true
      const isWaiting = () => isAwaited
      let standbysLeft = pool.hostCount - 1
      let rollbacks = 0
      let wasBehindPooler = false

      const send = () => {
        wasBehindPooler = pool.isBehindPooler()
        const sent = pool.query(sql => query(sql, { seconds_left: sql.typed(rest, OID.float8), isWaiting }))
        sent.answer.then(succeed, fail)
        return sent
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
        resolve(answer)
      }
      /** What was not carried out, for sure, is carried out again while its caller waits. */
      const fail = (fault: unknown) => {
        const code = errorCodeOf(fault) ?? ''
        if (isAwaited && !wasBehindPooler && isRefusedByPooler(fault)) {
          pool.expectPooler()
          setTimeout(retry, POOLER_PAUSE_MILLISECONDS)
        } else if (isAwaited && ROLLED_BACK.has(code)) {
          setTimeout(retry, backoffMilliseconds(rollbacks++))
        } else if (isAwaited && code === STANDBY && standbysLeft-- > 0) {
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

/** When a caller is told that the database is unavailable, and what is learnt from it. */
const createRefusals = ({ pool, health }: Pick<Needs, 'pool' | 'health'>) => {
  return {
    findRefusal: (): Unavailable | null => {
      if (health.isRefused() && !pool.hasOpen()) return unavailable('connections are refused')
      return pool.isExhausted() ? unavailable('statements that were given up have not ended') : null
    },
    giveUp: ({ abandon }: Checkout<unknown>): Unavailable => {
      health.noteOutage(null)
      abandon()
      pool.watch()
      return unavailable('no answer in time')
    },
    judge: (fault: unknown): unknown => {
      const code = errorCodeOf(fault)
      if (!isOutage(code)) return fault
      health.noteOutage(code)
      // After a failover these connections lead to what has become a standby.
      if (code === READ_ONLY) pool.destroyAll()
      return unavailable(fault)
    },
  }
}

/** Random, so that transactions that were in each other's way do not meet again. */
const backoffMilliseconds = (rollbacks: number) =>
  Math.random() * Math.min(FIRST_BACKOFF_MILLISECONDS * 2 ** rollbacks, LONGEST_BACKOFF_MILLISECONDS)

const unavailable = (cause: unknown) => new Unavailable('database', RETRY_AFTER_SECONDS, cause)

/** postgres.js makes text of a parameter when it binds it: it holds statements back while it opens a connection. */
const secondsUntil = (end: number) => ({ toString: () => String((end - performance.now()) / 1000) })
