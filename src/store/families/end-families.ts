import type { Fragment, ISql, PendingQuery, Row } from 'postgres'
import type { RevokeReason } from '../../domain/sign-in/refresh-family.ts'
import type { Database } from '../postgres/database.ts'
import { inTransaction } from '../postgres/transaction.ts'
import { isOfToken } from '../schema/link-predicates.ts'
import { FAMILIES_AT_ONCE, noteUnfinished } from './unfinished-endings.ts'

type Person = Readonly<{
  reason: RevokeReason
  access_token_seconds: number
  /** The sign-in that goes on. */
  keep?: string | null
}>

/**
 * What ends the sign-ins of a person, for a `with` in which `account` gives the `id` of whose: `living` gives those that were
 * found, `ended` those of them that it ended, and the entries of the revocation feed are written. Each has one, however long ago
 * it was used: tokens had a longer life when the server was configured so. Their expiry is counted from the moment at which a
 * family was ended: a rotation that was waited for has just issued a token. Of very many sign-ins those that were used last are
 * ended here; the rest, dead by the epoch that `account` is in, is left to `goOnEnding`. Complete only by `onHeldAccount`.
 */
export const endFamilies = (
  sql: ISql,
  { reason, access_token_seconds, keep = null }: Person,
): Fragment => sql`
  living as materialized (
    select f.id
    from signet.refresh_families f
    join account on account.id = f.user_id
    where f.id is distinct from ${keep}::uuid
      and f.revoked_at is null
      and f.expires_at > statement_timestamp()
    order by coalesce(f.rotated_at, f.created_at) desc
    limit ${FAMILIES_AT_ONCE}
  ),
  ended as (
    update signet.refresh_families f
    set revoked_at = statement_timestamp(), revoke_reason = ${reason}
    from living
    where f.id = living.id and f.revoked_at is null
    returning f.id
  ),
  sign_ins as (
    insert into signet.revocations (kind, value, expires_at)
    select 'sid', id::text, clock_timestamp() + make_interval(secs => ${access_token_seconds})
    from ended
    on conflict do nothing
  ),
  ${noteUnfinished(sql, reason)}`

/**
 * Ours – Carries out a statement that ends what a person has, with the person's row held from before its snapshot: a sign-in
 * holds that row until its family is committed. By itself the statement would wait for such a sign-in and then not see its
 * family, which was not there when it began; a second statement of the transaction sees it. Atomic.
 */
export const onHeldAccount = <R extends Row>(
  database: Database,
  account_id: string,
  statement: (sql: ISql) => PendingQuery<R[]>,
): Promise<readonly R[]> =>
  holding(
    database,
    sql => sql`select from signet.users where id = ${account_id} for no key update`,
    statement,
  )

/**
 * The same for the account of a mailed link. Whatever takes links and accounts takes the account first: a deletion, or two links
 * of one person that are followed at once, would else each wait for what the other one holds.
 */
export const onAccountOfLink = <R extends Row>(
  database: Database,
  digest: Uint8Array,
  statement: (sql: ISql) => PendingQuery<R[]>,
): Promise<readonly R[]> =>
  holding(
    database,
    sql => sql`
      select from signet.users
      where id = (select user_id from signet.email_links link where ${isOfToken(sql, digest)})
      for no key update`,
    statement,
  )

const holding = <R extends Row>(
  database: Database,
  hold: (sql: ISql) => PendingQuery<Row[]>,
  statement: (sql: ISql) => PendingQuery<R[]>,
): Promise<readonly R[]> =>
  database.run((sql, { isWaiting }) =>
    inTransaction(sql, async held => {
      if (!isWaiting()) throw new Error('abandoned before it had a connection')
      const [, rows] = await Promise.all([hold(held), statement(held)])
      return rows
    }),
  )

type Until = Readonly<{ kind: 'sub' | 'client_id'; value: string; access_token_seconds: number }>

/**
 * What ends every token that was issued until now, for a `with` in which `counted` gives the `families` that were ended:
 * `announced` is the entry of the revocation feed. The time is read when every family is ended: a rotation or a sign-in that held
 * a row before us was waited for, and took its token's `iat` from the same clock before that. Of a person it is the second before this
 * one: each sign-in that had a token in this second is ended by its own entry, and a sign-in that follows in the same second is to live.
 * A client's own tokens have no family, so that this second ends with it.
 */
export const announceUntilNow = (sql: ISql, { kind, value, access_token_seconds }: Until): Fragment => sql`
  announced as (
    insert into signet.revocations as known (kind, value, issued_until, expires_at)
    select
      ${kind}, ${value},
      date_trunc('second', clock_timestamp()) - make_interval(secs => ${kind === 'sub' ? 1 : 0}),
      clock_timestamp() + make_interval(secs => ${access_token_seconds + 1})
    from counted
    where families >= 0
    on conflict (kind, value) do update
    set issued_until = greatest(known.issued_until, excluded.issued_until),
      expires_at = greatest(known.expires_at, excluded.expires_at),
      revoked_at = excluded.revoked_at,
      -- announced again, and to the followers of the version before
      number = null,
      transaction_id = default
    returning issued_until, expires_at
  )`

/** For a `with` that ends every sign-in of a person: what is left of very many is covered at once by an entry for the person. */
export const announceRest = (sql: ISql, person: Omit<Until, 'kind'>): Fragment => sql`
  counted as materialized (
    select count(*)::int as families from ended
    having (select count(*) from living) >= ${FAMILIES_AT_ONCE}
  ),
  ${announceUntilNow(sql, { ...person, kind: 'sub' })}`

/** How many sign-ins a statement of `endFamilies` has found, for `goOnEnding`. */
export const foundCount = (sql: ISql): Fragment => sql`(select count(*) from living)::int`

/** Of `announced`, as the port's Ended. */
export const endedColumns = (sql: ISql): Fragment => sql`
  floor(extract(epoch from announced.issued_until))::float8 as issued_until,
  ceil(extract(epoch from announced.expires_at - clock_timestamp()))::float8 as seconds`
