/** Counters of attempts. A comment states atomicity and failure. */

import type { LimitName } from '../domain/base/limit-names.ts'

/** Attempts allowed within a window. Null switches the limit off. */
export type RateLimit = Readonly<{ count: number; window_seconds: number }> | null

/** The state of a limit for one key. */
export type Allowance = Readonly<{
  name: LimitName
  window_seconds: number
  isAllowed: boolean
  limit: number
  remaining: number
  reset_seconds: number
}>

/** A rate limit with fixed windows. Atomic across all instances with Redis, within the process without. Never rejects. */
export type Limit = {
  /** Counts an attempt. Null when the limit is off. */
  consume(key: string): Promise<Allowance | null>
  /** The state of a limit that this process knows to be used up, without a round trip. Null otherwise. Counts nothing. */
  isExhausted(key: string): Allowance | null
}

/**
 * Counts failures in a row for each key. A count is forgotten an hour after its first failure. Atomic across all instances with Redis,
 * within the process without. Never rejects.
 */
export type GuessFailures = {
  count(key: string): Promise<number>
  add(key: string): Promise<void>
  forget(key: string): Promise<void>
}
