import type { Fragment, ISql } from 'postgres'
import { MAX_UUID } from '../../domain/base/uuid.ts'
import type { AdministeredSignIn } from '../../domain/sign-in/administered-sign-in.ts'
import type { AdministeredSignIns } from '../../ports/administration.ts'
import { isNamed } from '../accounts/names.ts'
import type { Database } from '../postgres/index.ts'

export const createAdministeredSignIns = (database: Database): AdministeredSignIns => ({
  list: ({ of, after, limit }) =>
    database.run((sql, { isDistributed }) => {
      // Citus finds the shard of a person by an equality alone. One Postgres goes without: see `pageOf`.
      const user_id = isDistributed && of !== null && 'sub' in of ? of.sub : null
      return sql<AdministeredSignIn[]>`
        with page as materialized (
          select f.*, statement_timestamp() as judged_at
          from signet.refresh_families f
          where ${isNamed(sql, sql`f.user_id`, user_id)}
            and ${pageOf(sql, of, after ?? MAX_UUID)}
          limit ${sql.unsafe(String(PAGE_MOST))}
        )
        ${judgedFrom(sql, sql`(select * from page order by id desc limit ${limit})`, user_id)}
        order by f.id desc`
    }),

  find: async sid => {
    const [signIn] = await database.run(
      sql => sql<AdministeredSignIn[]>`
        with found as materialized (
          select f.*, statement_timestamp() as judged_at
          from signet.refresh_families f
          where f.id = ${sid}
        )
        ${judgedFrom(sql, sql`found`, null)}`,
    )
    return signIn ?? null
  },

  findRevokedToken: async jti => {
    const [revoked] = await database.run(
      sql => sql<{ revoked_at: Date }[]>`
        select revoked_at
        from signet.revocations
        where kind = 'jti' and value = ${jti}`,
    )
    return revoked ?? null
  },
})

/** A literal, because a generic plan, which must serve any limit, would sort the whole table. */
const PAGE_MOST = 201

/**
 * The condition and the order of a page. A column that is compared for equality plays no part in the order, and the planner would then walk
 * the primary key past every newer sign-in of others; compared as rows, the index of both columns alone has the order.
 */
const pageOf = (
  sql: ISql,
  of: Parameters<AdministeredSignIns['list']>[0]['of'],
  before: string,
): Fragment => {
  if (of === null) return sql`f.id < ${before} order by f.id desc`
  return 'sub' in of
    ? sql`
        (f.user_id, f.id) < (${of.sub}::uuid, ${before}::uuid) and f.user_id >= ${of.sub}::uuid
        order by f.user_id desc, f.id desc`
    : sql`
        (f.client_id, f.id) < (${of.client_id}::text, ${before}::uuid) and f.client_id >= ${of.client_id}::text
        order by f.client_id desc, f.id desc`
}

/**
 * The families `f` of a query that has `judged_at`, with their state: by the same order of reasons as a refresh that is refused. The time comes
 * with the query, because Citus allows no function of the time in a query without a table. `user_id` is for `isNamed`.
 */
const judgedFrom = (sql: ISql, families: Fragment, user_id: string | null): Fragment => sql`
  select
    f.id, f.user_id, u.email, f.client_id, f.scope, f.amr, f.created_at,
    coalesce(f.rotated_at, f.created_at) as last_used_at, f.generation, f.last_ip, f.last_user_agent, f.expires_at,
    f.idle_expires_at, judged.state,
    case judged.state when 'ended' then f.revoke_reason when 'account_disabled' then 'disabled'
      when 'living' then null else judged.state end as reason,
    case judged.state when 'ended' then f.revoked_at when 'expired' then f.expires_at when 'idle' then f.idle_expires_at
      when 'account_disabled' then u.disabled_at end as ended_at
  from ${families} f
  join signet.users u on u.id = f.user_id and ${isNamed(sql, sql`u.id`, user_id)}
  cross join lateral (
    select case
      when f.revoked_at is not null then 'ended'
      when f.expires_at <= f.judged_at then 'expired'
      when f.idle_expires_at <= f.judged_at then 'idle'
      when u.disabled_at is not null then 'account_disabled'
      when f.credential_epoch < u.credential_epoch then 'epoch_passed'
      else 'living'
    end as state
  ) judged`
