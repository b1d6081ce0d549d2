import type {
  Family,
  Lifetimes,
  RefreshTransport,
  RevokeReason,
} from '../../domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Database } from '../postgres/index.ts'
import { announceSignIns } from './announce-endings.ts'
import { insertedColumns, openedColumns, openFamily } from './open-family.ts'

type SteppedUp = Family & { readonly refresh_transport: RefreshTransport }

const STEPPED_UP: RevokeReason = 'stepped_up'

/**
 * Opens the family that a sign-in becomes with one factor more, and ends the one that it was: one statement, so that there is
 * never a moment with both. The account's row is held as by `open`. A rotation of the former family that runs beside is waited for
 * and its successor dies with it; of two step-ups one gets a family. The absolute expiry is handed on: nothing extends it.
 * The former family's row, inserted once more, conflicts with itself, so that one insert writes both.
 */
export const createStepUpFamily =
  (database: Database, { idle_seconds, access_token_seconds }: Lifetimes): RefreshFamilies['stepUp'] =>
  async ({ replaces, user_id, credential_epoch, ...opening }) => {
    const [family] = await database.run(
      sql => sql<SteppedUp[]>`
        with account as (
          select id, roles, credential_epoch
          from signet.users
          where id = ${user_id} and credential_epoch = ${credential_epoch} and disabled_at is null
          for share
        ),
        origin as materialized (
          select
            f.*, account.roles, statement_timestamp() as proved_at, ${opening.amr}::text[] as proved_by,
            ${idle_seconds}::int as idle_seconds
          from signet.refresh_families f
          join account on account.id = f.user_id and account.credential_epoch = f.credential_epoch
          where f.id = ${replaces}
            and f.revoked_at is null
            and least(f.idle_expires_at, f.expires_at) > statement_timestamp()
          for no key update of f
        ),
        written as (
          ${openFamily(sql, opening)}
          union all
          select ${insertedColumns(sql)} from origin
          on conflict (id) do update
          set revoked_at = statement_timestamp(), revoke_reason = ${STEPPED_UP}
          returning *
        ),
        ended as (
          select id from written where id = ${replaces}
        ),
        ${announceSignIns(sql, access_token_seconds)}
        select ${openedColumns(sql)}, opened.refresh_transport, statement_timestamp() as at
        from written opened, origin
        where opened.id = ${opening.id}`,
    )
    return family ?? null
  }
