import type { Fragment, ISql } from 'postgres'
import { writeLogoutNotices, writeLogoutNoticesOfPerson } from './logout-notices.ts'
import { FAMILIES_AT_ONCE } from './note-unfinished.ts'

/**
 * CTEs `entries`, `notices`: writes an entry of the revocation feed for each sign-in of the CTE `ended (id, user_id, client_id, logout_notice)`, and
 * a delivery to its client where the client is told of it.
 */
export const writeSignInEntries = (sql: ISql, access_token_seconds: number): Fragment => sql`
  ${writeFeedEntries(sql, access_token_seconds)},
  ${writeLogoutNotices(sql)}`

/**
 * CTE `entries` alone: writes an entry of the revocation feed for each sign-in of the CTE `ended (id)`. Sign-ins that were used long ago get one
 * too, because tokens may have had a longer life under an earlier configuration. The expiry counts from the clock and not from the start of
 * the statement: a rotation that the statement waited for has just issued a token.
 */
export const writeFeedEntries = (sql: ISql, access_token_seconds: number): Fragment => sql`
  entries as (
    insert into signet.revocations (kind, value, expires_at)
    select 'sid', id::text, clock_timestamp() + make_interval(secs => ${access_token_seconds})
    from ended
    on conflict do nothing
  )`

type Party = Readonly<{ value: string; access_token_seconds: number }>

/**
 * CTEs `counted`, `entries`, `own_entry`, `notices`: the same, and an entry for everything that was issued to the person until now. They read the CTEs
 * `account (id)`, which has the person or no row, and `ended (id, user_id, client_id, logout_notice)`; without an account they write nothing. `own_entry (issued_until,
 * expires_at)` is the person's own entry. Its time is read after every family has been ended: a rotation or a sign-in that held a row was
 * waited for, and took its token's `iat` from the same clock before that. The time is the second before this one, because a sign-in that
 * follows within this second must live; tokens of this second are ended by the entries of their sign-ins.
 */
export const writePersonEntries = (sql: ISql, person: Party): Fragment => sql`
  ${countEnded(sql, sql``)},
  ${writeEntriesOfPerson(sql, person)}`

/**
 * The same, but the person gets an entry only when the CTE `living` is full, so that more sign-ins are left than the statement ends: the
 * entry covers the rest at once.
 */
export const writeRestEntries = (sql: ISql, person: Party): Fragment => sql`
  ${countEnded(sql, sql`having (select count(*) from living) >= ${FAMILIES_AT_ONCE}`)},
  ${writeEntriesOfPerson(sql, person)}`

/**
 * CTEs `entries`, `own_entry`: an entry for everything that was issued to a client until now, this second included, because a client's own
 * tokens have no sign-in. Reads the CTE `counted (families)`, after which the time is read.
 */
export const writeClientEntry = (sql: ISql, { value, access_token_seconds }: Party): Fragment =>
  writeEntriesUntilNow(sql, {
    ended: sql``,
    kind: 'client_id',
    value,
    seconds_before: 0,
    access_token_seconds,
  })

/** CTE `counted (families)`: one row, which can be read only after every family has been ended; no row without an account. */
const countEnded = (sql: ISql, having: Fragment): Fragment => sql`
  counted as materialized (
    select count(ended.id)::int as families
    from account
    left join ended on true
    group by account.id
    ${having}
  )`

const writeEntriesOfPerson = (sql: ISql, { value, access_token_seconds }: Party): Fragment => sql`
  ${writeEntriesUntilNow(sql, {
    ended: sql`
      select 'sid', id::text, null::timestamptz, clock_timestamp() + make_interval(secs => ${access_token_seconds})
      from ended
      union all`,
    kind: 'sub',
    value,
    seconds_before: 1,
    access_token_seconds,
  })},
  ${writeLogoutNoticesOfPerson(sql)}`

type Until = Party &
  Readonly<{
    /** The rows of sign-ins, followed by `union all`; or empty. */
    ended: Fragment
    kind: 'sub' | 'client_id'
    seconds_before: number
  }>

/**
 * Existing entries of sign-ins stay as they are. The entry of a person or a client is raised and loses its number, so that followers get it
 * again; its transaction id is renewed for followers of the version before.
 */
const writeEntriesUntilNow = (
  sql: ISql,
  { ended, kind, value, seconds_before, access_token_seconds }: Until,
): Fragment => sql`
  entries as (
    insert into signet.revocations as known (kind, value, issued_until, expires_at)
    ${ended}
    select
      ${kind}, ${value},
      date_trunc('second', clock_timestamp()) - make_interval(secs => ${seconds_before}),
      clock_timestamp() + make_interval(secs => ${access_token_seconds + 1})
    from counted
    where families >= 0
    on conflict (kind, value) do update
    set issued_until = greatest(known.issued_until, excluded.issued_until),
      expires_at = greatest(known.expires_at, excluded.expires_at),
      revoked_at = excluded.revoked_at,
      number = null,
      transaction_id = default
    where known.kind = ${kind}
    returning kind, issued_until, expires_at
  ),
  own_entry as (
    select issued_until, expires_at from entries where kind = ${kind}
  )`

/** The columns of `own_entry`, as the port's Ended. */
export const endedColumns = (sql: ISql): Fragment => sql`
  floor(extract(epoch from own_entry.issued_until))::float8 as issued_until,
  ceil(extract(epoch from own_entry.expires_at - clock_timestamp()))::float8 as seconds`
