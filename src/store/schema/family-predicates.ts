import type { Fragment, ISql } from 'postgres'
import type { NamedFamily } from '../../domain/sign-in/refresh-family.ts'
import type { Caller } from '../postgres/index.ts'

/** What several statements ask of a sign-in: of `refresh_families f`, and of its account as `users u`. */

/** True for the family `f` that is named. Where the person is named, a distributed Postgres finds the row on one of its nodes. */
export const isFamily = (sql: ISql, { family_id, user_id }: NamedFamily): Fragment =>
  user_id === null ? sql`f.id = ${family_id}` : sql`f.user_id = ${user_id} and f.id = ${family_id}`

/**
 * True for the family `f` that a row of a CTE (user_id, id) names; `user_id` is the person of all its rows, where the caller knows the id.
 * Citus finds the shard by a parameter. Given one, one Postgres may compare each family of the person with each row.
 */
export const isFamilyOfRow = (
  sql: ISql,
  { isDistributed }: Pick<Caller, 'isDistributed'>,
  { rows, user_id }: Readonly<{ rows: Fragment; user_id: string | null }>,
): Fragment =>
  isDistributed && user_id !== null
    ? sql`f.user_id = ${user_id} and f.id = ${rows}.id`
    : sql`f.user_id = ${rows}.user_id and f.id = ${rows}.id`

/** For a `join`: the account of `f`; no row once the account's credential epoch has passed, which ends the family, marked or not. */
export const accountOfFamily = (sql: ISql): Fragment => sql`
  signet.users u on u.id = f.user_id and u.credential_epoch = f.credential_epoch`

/** The columns of a CTE `ended`, of `f`: what the feed, the events and the client are told. A family's owner and client never change. */
export const toldColumns = (sql: ISql): Fragment => sql`f.id, f.user_id, f.client_id, f.logout_notice`

/** True while `f` may be refreshed, by its own row alone: not marked as ended, not idle for too long, not expired. */
export const isLivingFamily = (sql: ISql): Fragment => sql`
  (f.revoked_at is null and least(f.idle_expires_at, f.expires_at) > statement_timestamp())`

/**
 * True while an ending has to mark `f`. A family that was idle for too long is marked too, because its last access token may still live;
 * no token outlives `expires_at`.
 */
export const isUnmarked = (sql: ISql): Fragment => sql`
  (f.revoked_at is null and f.expires_at > statement_timestamp())`

/** True for a sign-in that ends with the browser session that it was opened from: it has `openid`. */
export const endsWithSession = (sql: ISql): Fragment => sql`
  ('openid' = any(string_to_array(f.scope, ' ')) and not ${outlivesSession(sql)})`

/** OpenID Connect Core §11 – True for a sign-in that goes on without its browser session, as the person has allowed. */
export const outlivesSession = (sql: ISql): Fragment => sql`
  'offline_access' = any(string_to_array(f.scope, ' '))`
