import type { Fragment, ISql, PendingQuery, Row, Sql } from 'postgres'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
import { type Caller, type ContendedRow, type Database, inTransaction } from '../postgres/index.ts'
import { isFamilyOfRow, isUnmarked, toldColumns } from '../schema/family-predicates.ts'
import { FAMILIES_AT_ONCE, noteUnfinished } from './note-unfinished.ts'

type Ending = Readonly<{
  reason: EndReason
  /** The sign-in that lives on in the account's new epoch. */
  keep?: string | null
  /** The browser session whose sign-ins go on, in the account's new epoch. */
  keep_session?: string | null
  /** The person of the CTE `account`; null: not known. Citus finds the shard of a person that is named. */
  user_id: string | null
}>

/**
 * CTEs that end the sign-ins of a person. They read the CTE `account (id, credential_epoch)`, which has the account in its new epoch or no
 * row. `living` has the sign-ins that were found, `ended` those that the statement ended; their feed entries come from
 * feed-entries.ts. Of very many sign-ins the last used ones are ended here, and the rest, dead by the epoch, by `goOnEnding`. The statement
 * sees every sign-in only within `onHeldAccount`. `judged` is materialized because Postgres, after a wait for a locked family, evaluates
 * the update again with the joined rows, and would run an inlined union again. It has the time of the end, because Citus refuses a function
 * of the time in a CASE of an update.
 */
export const endFamilies = (
  sql: ISql,
  caller: Caller,
  { reason, keep = null, keep_session = null, user_id }: Ending,
): Fragment => {
  const isOfPerson = user_id === null ? sql`true` : sql`f.user_id = ${user_id}`
  return sql`
  living as materialized (
    select f.user_id, f.id
    from signet.refresh_families f
    join account on account.id = f.user_id
    where ${isOfPerson}
      and f.id is distinct from ${keep}::uuid
      and (${keep_session}::uuid is null or f.session_id is distinct from ${keep_session}::uuid)
      and ${isUnmarked(sql)}
    order by coalesce(f.rotated_at, f.created_at) desc
    limit ${FAMILIES_AT_ONCE}
  ),
  judged as materialized (
    select user_id, id, false as is_kept, statement_timestamp() as ended_at from living
    union all
    select id, ${keep}::uuid, true, null from account
    union all
    select f.user_id, f.id, true, null
    from signet.refresh_families f
    join account on account.id = f.user_id
    where ${isOfPerson} and f.session_id = ${keep_session}::uuid and f.revoked_at is null
  ),
  changed as (
    update signet.refresh_families f
    set credential_epoch = case when judged.is_kept then account.credential_epoch else f.credential_epoch end,
      revoked_at = judged.ended_at,
      revoke_reason = case when judged.is_kept then null else ${reason} end
    from judged, account
    where ${isFamilyOfRow(sql, caller, { rows: sql`judged`, user_id })}
      and f.revoked_at is null
      and (not judged.is_kept or f.credential_epoch = account.credential_epoch - 1)
    returning ${toldColumns(sql)}, judged.is_kept
  ),
  ended as materialized (
    select id, user_id, client_id, logout_notice from changed where not is_kept
  ),
  ${noteUnfinished(sql, caller, { reason, user_id })}`
}

type Held<T> = (sql: ISql, caller: Caller) => PromiseLike<T>

/**
 * Ours – Runs a statement that ends the sign-ins of an account, after a first statement that locks the account's row. A sign-in holds this
 * row until its family is committed. A single statement would wait for such a sign-in but not see its family, which is newer than the
 * statement's snapshot; the second statement of a transaction sees the family. Atomic.
 */
export const onHeldAccount = <T>(database: Database, account_id: string, work: Held<T>): Promise<T> =>
  holding(
    database,
    {
      row: `account:${account_id}`,
      hold: sql => holdAccount(sql, account_id),
    },
    work,
  )

/** Locks the account's row until the transaction ends. */
export const holdAccount = (sql: ISql, account_id: string): PendingQuery<Row[]> =>
  sql`select from signet.users where id = ${account_id} for no key update`

type Hold = Readonly<{ row: ContendedRow; hold: (sql: ISql) => PendingQuery<Row[]> }>

/** Runs a statement after `hold`, which locks the account's row, in one transaction. */
export const holding = <T>(database: Database, { row, hold }: Hold, work: Held<T>): Promise<T> =>
  database.run((sql, caller) => afterHold({ sql, caller }, [hold], work), row)

type Sent = Readonly<{ sql: Sql; caller: Caller }>

/** Runs a statement after those of `before`, in one transaction. They lock the rows that the statement would otherwise wait for. */
export const afterHold = <T>(
  { sql, caller }: Sent,
  before: readonly Hold['hold'][],
  work: Held<T>,
): Promise<T> =>
  inTransaction(sql, async held => {
    if (!caller.isWaiting()) throw new Error('abandoned before it had a connection')
    // postgres.js sends a statement when its `then` is called, so that the lock is sent first.
    const whenHeld = before.map(hold => hold(held).then(() => null))
    const workHeld = async () => work(held, caller)
    const [result] = await Promise.all([workHeld(), ...whenHeld])
    return result
  })

/** The count of sign-ins that a statement of `endFamilies` has found, for `goOnEnding`. */
export const foundCount = (sql: ISql): Fragment => sql`(select count(*) from living)::int`
