import type { Account } from '../../domain/account/account.ts'
import {
  type EndReason,
  type Lifetimes,
  TOKENS_REVOKED_AT_MOST,
} from '../../domain/sign-in/refresh-family.ts'
import type { Revocations } from '../../ports/revocations.ts'
import { writeEvents } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { accountColumns } from '../schema/account-columns.ts'
import { accountOfFamily } from '../schema/family-predicates.ts'

const TOKENS_REVOKED: EndReason = 'tokens_revoked'

export const createRevocations = (
  database: Database,
  { access_token_seconds }: Pick<Lifetimes, 'access_token_seconds'>,
): Revocations => ({
  /** Tokens of an ended family get no entry, because the family's entry covers them. */
  revokeAccessToken: async ({ jti, sid, client_id = null, expires_at }) => {
    const [revoked] = await database.run(
      (sql, { origin }) => sql<{ ended: string | null; is_new: boolean }[]>`
        with family as materialized (
          select
            id, user_id, client_id, revoked_at,
            case
              when tokens_revoked_since > statement_timestamp() - make_interval(secs => ${access_token_seconds})
              then tokens_revoked
            end as lately
          from signet.refresh_families
          where id = ${sid ?? null}::uuid
          for no key update
        ),
        counted as (
          update signet.refresh_families f
          set tokens_revoked = coalesce(lately, 0) + 1,
            tokens_revoked_since = case when lately is null then statement_timestamp() else tokens_revoked_since end,
            revoked_at = case when lately >= ${TOKENS_REVOKED_AT_MOST} then statement_timestamp() end,
            revoke_reason = case when lately >= ${TOKENS_REVOKED_AT_MOST} then ${TOKENS_REVOKED} end
          from family
          where f.id = family.id
            and family.revoked_at is null
            and not exists (select from signet.revocations where kind = 'jti' and value = ${jti})
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
        ${writeEvents(sql, origin, [
          {
            kind: 'access_token.revoked',
            from: sql`(select from entry where kind = 'jti') told left join family on true`,
            user_id: sql`family.user_id`,
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
      sid === undefined ? undefined : `family:${sid}`,
    )
    return revoked ?? { ended: null, is_new: false }
  },

  livingAt: async ({ jti, sid, sub, client_id, iat }) => {
    const [token] = await database.run(
      sql => sql<{ at: Date }[]>`
        select statement_timestamp() as at
        where not exists (
            select from signet.revocations
            where (kind, value) in (('jti', ${jti}), ('sub', ${sub}), ('client_id', ${client_id}))
              and (issued_until is null or issued_until >= to_timestamp(${iat}))
          )
          and (
            ${sid ?? null}::uuid is null
            or exists (
              select from signet.refresh_families f
              join ${accountOfFamily(sql)}
              where f.id = ${sid ?? null} and f.revoked_at is null and u.disabled_at is null
            )
          )`,
    )
    return token?.at ?? null
  },

  findAccount: async ({ jti, sid, sub, client_id, iat }) => {
    if (sid === undefined) return null
    const [account] = await database.run(
      sql => sql<Account[]>`
        select ${accountColumns(sql)}
        from signet.refresh_families f
        join ${accountOfFamily(sql)}
        where f.id = ${sid}
          and f.revoked_at is null
          and u.disabled_at is null
          and not exists (
            select from signet.revocations
            where (kind, value) in (('jti', ${jti}), ('sub', ${sub}), ('client_id', ${client_id}))
              and (issued_until is null or issued_until >= to_timestamp(${iat}))
          )`,
    )
    return account ?? null
  },
})
