import type { Fragment, ISql } from 'postgres'

/** The columns of `users u`, as the domain's Account. */
export const accountColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.roles, u.credential_epoch, u.device_epoch, u.disabled_at, u.created_at, u.email_verified_at, u.language`

/** The columns of `users u`, as the domain's Person without its `id`. */
export const personColumns = (sql: ISql): Fragment => sql`
  u.email, u.email_verified_at, u.name, u.given_name, u.family_name, u.preferred_username, u.picture, u.locale, u.zoneinfo,
  coalesce(u.profile_updated_at, u.created_at) as updated_at`

/** The columns of `users u`, as the domain's AccountLine. */
export const accountLineColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.password_digest, u.roles, u.email_verified_at is not null as email_verified,
  u.disabled_at is not null as disabled,
  to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at,
  u.external_id, u.name, u.given_name, u.family_name, u.preferred_username, u.picture, u.locale, u.zoneinfo`
