import type { Fragment, ISql } from 'postgres'
import type { Caller } from '../postgres/index.ts'

/** What a statement says differently by its caller, or by the database that its caller is connected to. */

type Time = Pick<Caller, 'seconds_left' | 'deadline'>
type Where = Pick<Caller, 'isDistributed'>

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

type OfPerson = Readonly<{
  /** Null: not known, or several people. */
  user_id: string | null
  /** A CTE, or a subquery with its alias. All of its rows are of the person. */
  rows: Fragment
  /** The column of `rows` with the person. */
  column?: Fragment
}>

/**
 * Ours (docs/decisions/0071) – After `from`, in an `insert … select` into a table of a person: the rows of a CTE. On Citus they are joined
 * with the person's row in `users`, so that Citus sends them to the node of the person alone. Without the join it sends them to every node,
 * and the statement fails while one of them is away. The select list has to name the column with the person without a table, and to call no
 * volatile function. The join drops a row of another person, and every row where `users` does not have the person.
 */
export const ofPerson = (
  sql: ISql,
  { isDistributed }: Where,
  { user_id, rows, column = sql`user_id` }: OfPerson,
): Fragment =>
  isDistributed && user_id !== null
    ? sql`(select id as ${column} from signet.users where id = ${user_id}) person join ${rows} using (${column})`
    : rows

/**
 * Ours (docs/decisions/0071) – CTE `two_phases`, followed by a comma: for a statement that changes rows of a person and rows of the
 * coordinator. It deletes from an empty table of the coordinator that Citus manages. Citus does not count changes of other tables of the
 * coordinator, and would commit on the node of the person before the coordinator has committed. Nothing on one Postgres.
 */
export const inTwoPhases = (sql: ISql, { isDistributed }: Where): Fragment =>
  isDistributed ? sql`two_phases as (delete from signet.two_phase_commits),` : sql``
