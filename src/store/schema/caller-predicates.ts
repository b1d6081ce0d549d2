import type { Fragment, ISql } from 'postgres'
import type { Caller } from '../postgres/index.ts'

type Time = Pick<Caller, 'seconds_left' | 'deadline'>

/**
 * Ours (docs/decisions/0064) – True when the caller's time is over: counted from the first message of the statement, and by the clock of Postgres
 * for a statement that lay unread on its way. Its caller was told to try again, or is about to be.
 */
export const isPastDeadline = (sql: ISql, time: Time): Fragment => sql`
  clock_timestamp() > ${endOf(sql, time)}`

/** The same at the begin of the statement, for an update of Citus that waits for no row: Citus refuses the time of the moment in one. */
export const wasLate = (sql: ISql, time: Time): Fragment => sql`
  (statement_timestamp() > ${endOf(sql, time)})`

const endOf = (sql: ISql, { seconds_left, deadline }: Time): Fragment => sql`
  least(transaction_timestamp() + make_interval(secs => ${seconds_left}), to_timestamp(${deadline()}))`
