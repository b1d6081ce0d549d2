import type { Fragment, ISql, PendingQuery, Row } from 'postgres'
import type { RevokeReason } from '../../domain/sign-in/refresh-family.ts'
import { type Database, inTransaction } from '../postgres/index.ts'
import { isOfToken } from '../schema/link-predicates.ts'
import { FAMILIES_AT_ONCE, noteUnfinished } from './note-unfinished.ts'

type Ending = Readonly<{
  reason: RevokeReason
  /** The sign-in that goes on, in the account's new epoch. */
  keep?: string | null
  /** The browser session whose sign-ins go on, in the account's new epoch. */
  keep_session?: string | null
}>

/**
 * What ends the sign-ins of a person, for a `with` in which `account` gives the `id` and the `credential_epoch` of whose: `living`
 * gives those that were found, `ended` those of them that it ended; what the revocation feed is told of them is one of the members
 * of announce-endings.ts. Of very many sign-ins those that were used last are ended here; the rest, dead by the epoch that `account`
 * is in, is left to `goOnEnding`. Complete only by `onHeldAccount`. `judged` is materialized: after a wait for a locked family Postgres
 * judges the update again with the rows that were joined, and would carry out an inlined union once more.
 */
export const endFamilies = (sql: ISql, { reason, keep = null, keep_session = null }: Ending): Fragment => sql`
  living as materialized (
    select f.id
    from signet.refresh_families f
    join account on account.id = f.user_id
    where f.id is distinct from ${keep}::uuid
      and (${keep_session}::uuid is null or f.session_id is distinct from ${keep_session}::uuid)
      and f.revoked_at is null
      and f.expires_at > statement_timestamp()
    order by coalesce(f.rotated_at, f.created_at) desc
    limit ${FAMILIES_AT_ONCE}
  ),
  judged as materialized (
    select id, false as is_kept from living
    union all
    select ${keep}::uuid, true
    union all
    select f.id, true
    from signet.refresh_families f
    join account on account.id = f.user_id
    where f.session_id = ${keep_session}::uuid and f.revoked_at is null
  ),
  changed as (
    update signet.refresh_families f
    set credential_epoch = case when judged.is_kept then account.credential_epoch else f.credential_epoch end,
      revoked_at = case when judged.is_kept then null else statement_timestamp() end,
      revoke_reason = case when judged.is_kept then null else ${reason} end
    from judged, account
    where f.id = judged.id
      and f.revoked_at is null
      and (
        not judged.is_kept
        or f.user_id = account.id and f.credential_epoch = account.credential_epoch - 1
      )
    returning f.id, judged.is_kept
  ),
  ended as materialized (
    select id from changed where not is_kept
  ),
  ${noteUnfinished(sql, reason)}`

/**
 * Ours – Carries out a statement that ends what a person has, with the person's row held from before its snapshot: a sign-in
 * holds that row until its family is committed. By itself the statement would wait for such a sign-in and then not see its
 * family, which was not there when it began; a second statement of the transaction sees it. Atomic.
 */
export const onHeldAccount = <T>(
  database: Database,
  account_id: string,
  work: (sql: ISql) => PromiseLike<T>,
): Promise<T> =>
  holding(database, sql => sql`select from signet.users where id = ${account_id} for no key update`, work)

/**
 * The same for the account of a mailed link. Whatever takes links and accounts takes the account first: a deletion, or two links
 * of one person that are followed at once, would else each wait for what the other one holds.
 */
export const onAccountOfLink = <T>(
  database: Database,
  digest: Uint8Array,
  work: (sql: ISql) => PromiseLike<T>,
): Promise<T> =>
  holding(
    database,
    sql => sql`
      select from signet.users
      where id = (select user_id from signet.email_links link where ${isOfToken(sql, digest)})
      for no key update`,
    work,
  )

const holding = <T>(
  database: Database,
  hold: (sql: ISql) => PendingQuery<Row[]>,
  work: (sql: ISql) => PromiseLike<T>,
): Promise<T> =>
  database.run((sql, { isWaiting }) =>
    inTransaction(sql, async held => {
      if (!isWaiting()) throw new Error('abandoned before it had a connection')
      // The library sends a statement when its `then` is called: the one that holds the row goes first.
      const whenHeld = hold(held).then(() => null)
      const workHeld = async () => work(held)
      const [, result] = await Promise.all([whenHeld, workHeld()])
      return result
    }),
  )

/** How many sign-ins a statement of `endFamilies` has found, for `goOnEnding`. */
export const foundCount = (sql: ISql): Fragment => sql`(select count(*) from living)::int`
