import type { Fragment, ISql } from 'postgres'
import type { Caller } from '../postgres/index.ts'

/**
 * Ours (docs/decisions/0064) – True when the caller's time is over: counted from the first message of the statement, and by the clock of Postgres
 * for a statement that lay unread on its way. Its caller was told to try again, or is about to be.
 */
export const isPastDeadline = (
  sql: ISql,
  { seconds_left, deadline }: Pick<Caller, 'seconds_left' | 'deadline'>,
): Fragment => sql`
  clock_timestamp() > least(transaction_timestamp() + make_interval(secs => ${seconds_left}), to_timestamp(${deadline()}))`
