import type { Fragment, ISql } from 'postgres'
import { FAMILIES_AT_ONCE } from './note-unfinished.ts'

/**
 * The entries of the revocation feed for sign-ins, for a `with` in which `ended` gives the `id` of each. Each has one, however long
 * ago it was used: tokens had a longer life when the server was configured so. Its expiry is counted from the moment at which the
 * family was ended: a rotation that was waited for has just issued a token.
 */
export const writeSignInEntries = (sql: ISql, access_token_seconds: number): Fragment => sql`
  entries as (
    insert into signet.revocations (kind, value, expires_at)
    select 'sid', id::text, clock_timestamp() + make_interval(secs => ${access_token_seconds})
    from ended
    on conflict do nothing
  )`

type Party = Readonly<{ value: string; access_token_seconds: number }>

/**
 * The same, and one for everything that was issued to the person until now, for a `with` in which `account` gives the person, or
 * none: `own_entry` is the person's own. The time is read when every family is ended: a rotation or a sign-in that held a row before
 * us was waited for, and took its token's `iat` from the same clock before that. It is the second before this one: each sign-in that had a
 * token in this second is ended by its own entry, and a sign-in that follows in the same second is to live.
 */
export const writePersonEntries = (sql: ISql, person: Party): Fragment => sql`
  ${countEnded(sql, sql``)},
  ${writeEntriesOfPerson(sql, person)}`

/** The same, but the person's own entry only for what is left of very many sign-ins: it covers them at once. */
export const writeRestEntries = (sql: ISql, person: Party): Fragment => sql`
  ${countEnded(sql, sql`having (select count(*) from living) >= ${FAMILIES_AT_ONCE}`)},
  ${writeEntriesOfPerson(sql, person)}`

/** Everything that was issued to a client until now, this second included: a client's own tokens have no sign-in. */
export const writeClientEntry = (sql: ISql, { value, access_token_seconds }: Party): Fragment =>
  writeEntriesUntilNow(sql, {
    ended: sql``,
    kind: 'client_id',
    value,
    seconds_before: 0,
    access_token_seconds,
  })

/** Whoever reads `counted` reads it when every family is ended. No row without a person. */
const countEnded = (sql: ISql, having: Fragment): Fragment => sql`
  counted as materialized (
    select count(ended.id)::int as families
    from account
    left join ended on true
    group by account.id
    ${having}
  )`

const writeEntriesOfPerson = (sql: ISql, { value, access_token_seconds }: Party): Fragment =>
  writeEntriesUntilNow(sql, {
    ended: sql`
      select 'sid', id::text, null::timestamptz, clock_timestamp() + make_interval(secs => ${access_token_seconds})
      from ended
      union all`,
    kind: 'sub',
    value,
    seconds_before: 1,
    access_token_seconds,
  })

type Until = Party &
  Readonly<{
    /** The rows for sign-ins, which come first. */
    ended: Fragment
    kind: 'sub' | 'client_id'
    seconds_before: number
  }>

/** A sign-in that was announced before stays as it is. A party is own_entry again, also to the followers of the version before. */
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

/** Of `own_entry`, as the port's Ended. */
export const endedColumns = (sql: ISql): Fragment => sql`
  floor(extract(epoch from own_entry.issued_until))::float8 as issued_until,
  ceil(extract(epoch from own_entry.expires_at - clock_timestamp()))::float8 as seconds`
