import type { PastSignIn } from '../../domain/sign-in/sign-in-history.ts'
import type { AccountAdministration } from '../../ports/accounts.ts'
import type { Database } from '../postgres/index.ts'

/** Sign-ins of one list: a person has fewer, and a program that made more must not fill the memory with them. */
const SIGN_INS_AT_MOST = 1_000

/** A row that a request ended says so; the others are over by their times, their account or its epoch. */
export const createListSignIns =
  (database: Database): AccountAdministration['listSignIns'] =>
  account_id =>
    database.run(
      sql => sql<PastSignIn[]>`
        with judged as (
          select
            f.*,
            case
              when f.revoked_at is not null then f.revoke_reason
              when f.expires_at <= statement_timestamp() then 'expired'
              when f.idle_expires_at <= statement_timestamp() then 'idle'
              when u.disabled_at is not null then 'disabled'
              when f.credential_epoch < u.credential_epoch then 'epoch_passed'
            end as end_reason,
            u.disabled_at
          from signet.refresh_families f
          join signet.users u on u.id = f.user_id
          where f.user_id = ${account_id}
        )
        select
          id, client_id, amr, created_at, coalesce(rotated_at, created_at) as last_used_at, end_reason,
          case end_reason
            when 'expired' then expires_at
            when 'idle' then idle_expires_at
            when 'disabled' then coalesce(revoked_at, disabled_at)
            else revoked_at
          end as ended_at,
          last_ip, last_user_agent
        from judged
        order by created_at desc, id desc
        limit ${SIGN_INS_AT_MOST}`,
    )
