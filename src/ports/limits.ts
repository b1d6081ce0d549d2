/** What counts attempts. A comment states atomicity and failure. */

import type { LimitName } from '../domain/base/limit-names.ts'

/** How many attempts in how many seconds; null switches the limit off. */
export type RateLimit = Readonly<{ count: number; window_seconds: number }> | null

/** The state of one limit for one caller. */
export type Allowance = Readonly<{
  name: LimitName
  window_seconds: number
  isAllowed: boolean
  limit: number
  remaining: number
  reset_seconds: number
}>

/** Counts attempts in fixed windows. Atomic across instances where there is a Redis, in process without. Never rejects. */
export type Limit = {
  /** Null: there is no such limit. */
  consume(key: string): Promise<Allowance | null>
  /** Known in this process to be used up: no round trip. */
  isExhausted(key: string): Allowance | null
}

/**
 * Failures in a row, for each key; forgotten an hour after the first. Atomic across instances where there is a Redis, in process
 * without. Never rejects.
 */
export type GuessFailures = {
  count(key: string): Promise<number>
  add(key: string): Promise<void>
  forget(key: string): Promise<void>
}
