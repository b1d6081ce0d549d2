import type { SignIn } from '../../domain/sign-in/sign-in.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { accountOfFamily, isLivingFamily } from '../schema/family-predicates.ts'
import { onHeldAccount } from './end-families.ts'
import { type EndedBatch, endInBatches, endSelectedFamilies, isLastBatch } from './end-selected-families.ts'

/**
 * Ours – Families as their person sees them: all that one client has opened from one browser session are one sign-in. An application opens
 * a family with each code that it trades.
 */
export const createListGrouped =
  (database: Database): RefreshFamilies['list'] =>
  account_id =>
    database.run(
      sql => sql<SignIn[]>`
        with living as (
          select
            f.id, f.client_id, f.session_id, f.created_at, coalesce(f.rotated_at, f.created_at) as last_used_at, f.last_ip,
            coalesce(s.last_user_agent, f.last_user_agent) as last_user_agent
          from signet.refresh_families f
          join ${accountOfFamily(sql)}
          left join signet.browser_sessions s on s.user_id = f.user_id and s.id = f.session_id
          where f.user_id = ${account_id}
            and ${isLivingFamily(sql)}
        )
        select
          (array_agg(id order by last_used_at desc, id desc))[1] as id,
          array_agg(id::text order by last_used_at desc, id desc) as family_ids,
          client_id, session_id, min(created_at) as created_at, max(last_used_at) as last_used_at,
          (array_agg(last_ip order by last_used_at desc, id desc))[1] as last_ip,
          (array_agg(last_user_agent order by last_used_at desc, id desc))[1] as last_user_agent
        from living
        group by client_id, session_id, case when session_id is null then id end
        order by last_used_at desc, id desc`,
    )

/** The account is held: a code that is being redeemed is waited for, and what it bought is ended too. */
export const createEndGrouped =
  (
    database: Database,
    { access_token_seconds }: Readonly<{ access_token_seconds: number }>,
  ): RefreshFamilies['endSignIn'] =>
  async ({ id, user_id, reason }) =>
    (await endInBatches(() =>
      onHeldAccount(
        database,
        user_id,
        (sql, caller) => sql<EndedBatch[]>`
          with ${inTwoPhases(sql, caller)}
          named as (
            select session_id, client_id
            from signet.refresh_families
            where id = ${id} and user_id = ${user_id}
          ),
          ${endSelectedFamilies(sql, caller, {
            user_id,
            condition: sql`
              (f.id = ${id} or (f.session_id, f.client_id) in (select session_id, client_id from named))`,
            reason,
            access_token_seconds,
          })},
          ${writeEventsOf(sql, caller, user_id, [signInsEnded(sql, reason)])}
          select array(select id::text from ended) as ended, ${isLastBatch(sql)} as is_last`,
      ),
    )) ?? []
