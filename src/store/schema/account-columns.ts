import type { Fragment, ISql } from 'postgres'

/** The columns of `users u`, as the domain's Account. */
export const accountColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.roles, u.credential_epoch, u.device_epoch, u.disabled_at, u.created_at, u.email_verified_at, u.language`

/**
 * CTE `former`: the account as it stands once its row is locked. An update of `users` that joins it takes place after a concurrent one, so
 * that an event compares with what was there before its own change; the row of the snapshot could be older.
 */
export const formerAccount = (sql: ISql, id: string): Fragment => sql`
  former as materialized (
    select * from signet.users where id = ${id} for no key update
  )`

/** The columns of `users u`, as the domain's Person without its `id`. */
export const personColumns = (sql: ISql): Fragment => sql`
  u.email, u.email_verified_at, u.name, u.given_name, u.family_name, u.preferred_username, u.picture, u.locale, u.zoneinfo,
  coalesce(u.profile_updated_at, u.created_at) as updated_at`

/** On `users u`: `profile_updated_at` once the account has these claims, a jsonb object. It stays where each of them is there already. */
export const profileUpdatedAt = (sql: ISql, claims: Fragment): Fragment => sql`
  case
    when jsonb_build_object(
      'name', u.name, 'given_name', u.given_name, 'family_name', u.family_name,
      'preferred_username', u.preferred_username, 'picture', u.picture, 'locale', u.locale, 'zoneinfo', u.zoneinfo
    ) @> (${claims})
    then u.profile_updated_at
    else statement_timestamp()
  end`

/** The columns of `users u`, as the domain's AccountLine. */
export const accountLineColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.password_digest, u.roles, u.email_verified_at is not null as email_verified,
  u.disabled_at is not null as disabled,
  to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
  u.external_id, u.name, u.given_name, u.family_name, u.preferred_username, u.picture, u.locale, u.zoneinfo`

/**
 * Ours – The version of `users u`: a digest of every column that administrators change. It is compared in the statement that makes the
 * change, so that of two administrators who have seen one version, one succeeds.
 */
export const accountVersion = (sql: ISql): Fragment => sql`
  encode(
    substring(
      sha256(
        convert_to(
          jsonb_build_array(
            u.email, extract(epoch from u.email_verified_at), u.roles, extract(epoch from u.disabled_at), u.external_id, u.name, u.given_name, u.family_name,
            u.preferred_username, u.picture, u.locale, u.zoneinfo
          )::text,
          'UTF8'
        )
      )
      from 1 for 16
    ),
    'hex'
  )`

/** On `users u`: true where the account has one of these versions; always true for null. */
export const isOfVersion = (sql: ISql, versions: readonly string[] | null): Fragment => sql`
  (${versions}::text[] is null or ${accountVersion(sql)} = any(${versions}::text[]))`

/** True where the column has the person of the CTE `account (id)`, whose id a parameter names too: Citus then finds the shard. */
export const isOfAccount = (sql: ISql, column: Fragment, id: string): Fragment =>
  sql`${column} = ${id} and ${column} = account.id`
