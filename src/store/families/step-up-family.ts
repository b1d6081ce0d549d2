import type { Family, Lifetimes, RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Database } from '../postgres/database.ts'

type SteppedUp = Family & { readonly refresh_transport: RefreshTransport }

/**
 * Opens the family that a sign-in becomes with one factor more, and ends the one that it was: one statement, so that there is
 * never a moment with both. The account's row is held as by `open`. A rotation of the former family that runs beside is waited for
 * and its successor dies with it; of two step-ups one gets a family. The absolute expiry is handed on: nothing extends it.
 */
export const createStepUpFamily =
  (database: Database, { idle_seconds, access_token_seconds }: Lifetimes): RefreshFamilies['stepUp'] =>
  async ({ id, replaces, user_id, credential_epoch, amr, salt, pepper_id, token_digest, source }) => {
    const [family] = await database.run(
      sql => sql<SteppedUp[]>`
        with account as (
          select id, roles, credential_epoch
          from signet.users
          where id = ${user_id} and credential_epoch = ${credential_epoch} and disabled_at is null
          for share
        ),
        ended as (
          update signet.refresh_families f
          set revoked_at = statement_timestamp(), revoke_reason = 'stepped_up'
          from account
          where f.id = ${replaces}
            and f.user_id = account.id
            and f.credential_epoch = account.credential_epoch
            and f.revoked_at is null
            and least(f.idle_expires_at, f.expires_at) > statement_timestamp()
          returning f.*
        ),
        announced as (
          insert into signet.revocations (kind, value, expires_at)
          select 'sid', id::text, clock_timestamp() + make_interval(secs => ${access_token_seconds})
          from ended
          on conflict do nothing
        ),
        opened as (
          insert into signet.refresh_families (
            id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
            refresh_transport, idle_expires_at, expires_at, last_ip, last_user_agent
          )
          select
            ${id}, user_id, credential_epoch, client_id, scope, audience, statement_timestamp(), ${amr}::text[],
            ${salt}, ${pepper_id}, ${token_digest}, refresh_transport,
            least(statement_timestamp() + make_interval(secs => ${idle_seconds}), expires_at), expires_at,
            ${source.ip}, ${source.user_agent}
          from ended
          returning *
        )
        select
          opened.id, user_id, client_id, scope, audience, account.roles, auth_time, amr, salt, pepper_id, generation,
          refresh_transport, idle_expires_at, expires_at, statement_timestamp() as at
        from opened, account`,
    )
    return family ?? null
  }
