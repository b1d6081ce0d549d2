import type { Fragment, ISql } from 'postgres'
import type { Account } from '../../domain/account/account.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import {
  type EndReason,
  type Lifetimes,
  type NamedFamily,
  TOKENS_REVOKED_AT_MOST,
} from '../../domain/sign-in/refresh-family.ts'
import type { Revocable, Revocations } from '../../ports/revocations.ts'
import { writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { accountColumns } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { accountOfFamily, isFamily } from '../schema/family-predicates.ts'

/** Names no family: for a token without a sign-in. */
const NO_FAMILY = { family_id: NIL_UUID, user_id: NIL_UUID }
const TOKENS_REVOKED: EndReason = 'tokens_revoked'

export const createRevocations = (
  database: Database,
  { access_token_seconds }: Pick<Lifetimes, 'access_token_seconds'>,
): Revocations => ({
  /**
   * Tokens of an ended family get no entry, because the family's entry covers them. On Citus, the token of a deleted account gets an entry
   * without an event: the deletion has ended the token already, and has its own event.
   */
  revokeAccessToken: async ({ jti, family = NO_FAMILY, client_id = null, expires_at }) => {
    const [revoked] = await database.run(
      (sql, caller) => sql<{ ended: string | null; is_new: boolean }[]>`
        with ${inTwoPhases(sql, caller)}
        known as materialized (
          select value from signet.revocations where kind = 'jti' and value = ${jti}
        ),
        family as materialized (
          select
            id, user_id, client_id, revoked_at, statement_timestamp() as at,
            case
              when tokens_revoked_since > statement_timestamp() - make_interval(secs => ${access_token_seconds})
              then tokens_revoked
            end as lately
          from signet.refresh_families f
          where ${isFamily(sql, family)}
          for no key update
        ),
        counted as (
          update signet.refresh_families f
          set tokens_revoked = coalesce(lately, 0) + 1,
            tokens_revoked_since = case when lately is null then at else tokens_revoked_since end,
            revoked_at = case when lately >= ${TOKENS_REVOKED_AT_MOST} then at end,
            revoke_reason = case when lately >= ${TOKENS_REVOKED_AT_MOST} then ${TOKENS_REVOKED} end
          from family
          where ${isFamily(sql, family)}
            and family.revoked_at is null
            and not exists (select value from known)
          returning f.id, f.user_id, f.client_id, f.revoked_at
        ),
        entry as (
          insert into signet.revocations (kind, value, expires_at)
          select 'sid', id::text, clock_timestamp() + make_interval(secs => ${access_token_seconds})
          from counted
          where revoked_at is not null
          union all
          select 'jti', ${jti}, ${expires_at}
          where not exists (select from counted where revoked_at is not null)
            and not exists (select from family where revoked_at is not null)
          on conflict do nothing
          returning kind
        ),
        ${writeEventsOf(sql, caller, family === NO_FAMILY ? null : family.user_id, [
          {
            kind: 'access_token.revoked',
            from: sql`(select from entry where kind = 'jti') told left join family on true`,
            user_id: family.user_id,
            client_id: sql`coalesce(family.client_id, ${client_id}::text)`,
            sid: sql`family.id`,
            jti,
          },
          {
            kind: 'sign_in.ended',
            from: sql`counted where revoked_at is not null`,
            reason: TOKENS_REVOKED,
            user_id: sql`user_id`,
            client_id: sql`client_id`,
            sid: sql`id`,
          },
        ])}
        select
          (select id::text from counted where revoked_at is not null) as ended,
          exists (select from entry) as is_new`,
      family === NO_FAMILY ? undefined : `family:${family.family_id}`,
    )
    return revoked ?? { ended: null, is_new: false }
  },

  livingAt: async ({ sid, ...claims }) => {
    const [token] = await database.run(
      sql => sql<{ at: Date }[]>`
        select statement_timestamp() as at
        ${sid === undefined ? sql`where true` : sql`from ${livingFamily(sql, { family_id: sid, user_id: claims.sub })}`}
          and not ${isRevoked(sql, claims)}`,
    )
    return token?.at ?? null
  },

  findAccount: async ({ sid, ...claims }) => {
    if (sid === undefined) return null
    const [account] = await database.run(
      sql => sql<Account[]>`
        select ${accountColumns(sql)}
        from ${livingFamily(sql, { family_id: sid, user_id: claims.sub })}
          and not ${isRevoked(sql, claims)}`,
    )
    return account ?? null
  },
})

/** After `from`: the family `f` and its account `u`, while neither has been ended. Its access tokens live until their expiry, idle or not. */
const livingFamily = (sql: ISql, named: NamedFamily): Fragment => sql`
  signet.refresh_families f
  join ${accountOfFamily(sql)}
  where ${isFamily(sql, named)}
    and f.revoked_at is null
    and u.disabled_at is null`

/** True for an access token that an entry of its own, of its person or of its client ends. */
const isRevoked = (sql: ISql, { jti, sub, client_id, iat }: Omit<Revocable, 'sid'>): Fragment => sql`
  exists (
    select value
    from signet.revocations
    where (
        kind = 'jti' and value = ${jti}
        or kind = 'sub' and value = ${sub}
        or kind = 'client_id' and value = ${client_id}
      )
      and (issued_until is null or issued_until >= to_timestamp(${iat}))
  )`
