import type { Fragment, ISql, PendingQuery, Row } from 'postgres'
import type { AccountName, NameKind } from '../../domain/account/account-name.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { afterHold, holdAccount } from '../families/end-families.ts'
import { type Caller, type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'

/**
 * Ours (docs/decisions/0069) – On one Postgres, unique indexes give each name to one account, and lead to the account. Citus enforces
 * uniqueness within a person's rows alone. There, `account_names` on the coordinator has the names of all accounts: a statement that writes
 * a row with a name writes the name too, and a caller that knows the name alone looks the person up first. On one Postgres the table is
 * empty, and these functions add nothing to a statement.
 */

/**
 * The id of the account that has the name; NIL_UUID where no account has it. Null on one Postgres, without a statement: there, the caller's
 * own statement finds the account by the name.
 */
export const findNamed = async (database: Database, { kind, value }: AccountName): Promise<string | null> => {
  if (!database.isDistributed()) return null
  const [named] = await database.run(
    sql => sql<{ user_id: string }[]>`
      select user_id
      from signet.account_names
      where kind = ${kind} and value = ${value}`,
  )
  return named?.user_id ?? NIL_UUID
}

/**
 * The rows of a look-up of the account that `findNamed` has returned. Where no account has the name, Citus asks the node of NIL_UUID all the
 * same, so that both answers take the same time. While that node is away, there is still no account.
 */
export const orNone = async <T>(
  user_id: string | null,
  rows: Promise<readonly T[]>,
): Promise<readonly T[]> => {
  try {
    return await rows
  } catch (error) {
    if (user_id === NIL_UUID && error instanceof Unavailable) return []
    throw error
  }
}

/** A condition: the column has the person whom `findNamed` has returned. Always true on one Postgres. */
export const isNamed = (sql: ISql, column: Fragment, user_id: string | null): Fragment =>
  user_id === null ? sql`true` : sql`${column} = ${user_id}`

/** A condition: no account has the e-mail. `user_id` is what `findNamed` has returned for the e-mail. */
export const isFree = (
  sql: ISql,
  { email, user_id }: Readonly<{ email: string; user_id: string | null }>,
): Fragment =>
  user_id === null
    ? sql`not exists (select from signet.users where email = ${email})`
    : sql`${user_id === NIL_UUID}::boolean`

type Where = Pick<Caller, 'isDistributed'>

/**
 * CTE `names`, followed by a comma: gives names to accounts. `rows` is a query or a `values` of (kind, value, user_id). A name that another
 * account has is a unique violation, which undoes the statement, as that of a unique index on one Postgres does.
 */
export const giveNames = (sql: ISql, where: Where, rows: Fragment): Fragment =>
  insertNames(sql, where, { columns: sql`kind, value, user_id`, rows })

/** The same for names that expire, after which the janitor deletes them: `rows` has (kind, value, user_id, expires_at). */
export const giveExpiringNames = (sql: ISql, where: Where, rows: Fragment): Fragment =>
  insertNames(sql, where, { columns: sql`kind, value, user_id, expires_at`, rows })

const insertNames = (
  sql: ISql,
  { isDistributed }: Where,
  { columns, rows }: Readonly<{ columns: Fragment; rows: Fragment }>,
): Fragment =>
  isDistributed
    ? sql`
      names as (
        insert into signet.account_names (${columns})
        ${rows}
      ),`
    : sql``

/**
 * CTE `claimant (id)`, followed by a comma: gives the name to the account of the CTE `account (id)` and has this account, or has no row
 * where another account has the name. The rest of the statement is done in both cases. On one Postgres it always has the account: there,
 * the unique index refuses the row that the caller inserts next.
 */
export const claimName = (sql: ISql, { isDistributed }: Where, { kind, value }: AccountName): Fragment =>
  isDistributed
    ? sql`
      claimant as (
        insert into signet.account_names (kind, value, user_id)
        select ${kind}::text, ${value}::text, account.id from account
        on conflict do nothing
        returning user_id as id
      ),`
    : sql`
      claimant as (select account.id from account),`

/**
 * CTE `moved_names`, followed by a comma: replaces a name by another one. `account` is a CTE or a subquery with (id, old_value, value). A name
 * that another account has is a unique violation.
 */
export const moveNames = (
  sql: ISql,
  { isDistributed }: Where,
  { kind, account }: Readonly<{ kind: NameKind; account: Fragment }>,
): Fragment =>
  isDistributed
    ? sql`
      moved_names as (
        update signet.account_names n
        set value = moved.value
        from ${account} as moved
        where n.kind = ${kind} and n.value = moved.old_value and n.user_id = moved.id
      ),`
    : sql``

/**
 * CTE `former_names`, followed by a comma: deletes names, which other accounts can then have. `from` is a CTE of the statement, and
 * `condition` joins it with `account_names n`; without a join, the names of all accounts would be deleted.
 */
export const deleteNames = (
  sql: ISql,
  { isDistributed }: Where,
  { from, condition }: Readonly<{ from: Fragment; condition: Fragment }>,
): Fragment =>
  isDistributed
    ? sql`
      former_names as (
        delete from signet.account_names n
        using ${from}
        where ${condition}
      ),`
    : sql``

/**
 * Runs a statement that may change an account's external id. On Citus, the statement must give the name of the external id that the account
 * has in the end, also when nothing has changed: the transaction first locks the account and deletes the name of its external id. A single
 * statement would not see the name that a concurrent change has just given, and would leave that name behind. The statement must
 * have `inTwoPhases`, which makes the whole transaction commit in two phases.
 */
export const replaceExternalId = <T>(
  database: Database,
  account_id: string,
  work: (sql: ISql, caller: Caller) => PromiseLike<T>,
): Promise<T> =>
  database.run(async (sql, caller) => {
    if (!caller.isDistributed) return await work(sql, caller)
    const hold = (held: ISql) => holdAccount(held, account_id)
    const forget = (held: ISql) => deleteExternalId(held, account_id)
    return await afterHold({ sql, caller }, [hold, forget], work)
  }, `account:${account_id}`)

const EXTERNAL_ID: NameKind = 'external_id'

const deleteExternalId = (sql: ISql, account_id: string): PendingQuery<Row[]> => sql`
  delete from signet.account_names
  where user_id = ${account_id} and kind = ${EXTERNAL_ID}`

/** The rows of a statement that gives names; none where one of the names is taken. */
export const orTaken = async <T>(given: Promise<readonly T[]>): Promise<readonly T[]> => {
  try {
    return await given
  } catch (error) {
    if (errorCodeOf(error) === UNIQUE_VIOLATION) return []
    throw error
  }
}
