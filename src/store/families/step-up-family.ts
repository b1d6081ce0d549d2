import type { EndReason, Family, Lifetimes, RefreshTransport } from '../../domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { isFamily, isLivingFamily } from '../schema/family-predicates.ts'
import { writeFeedEntries } from './feed-entries.ts'
import { jsonText, openAndEndFamilies, openedColumns } from './open-family.ts'

type SteppedUp = Family & { readonly refresh_transport: RefreshTransport }

const STEPPED_UP: EndReason = 'stepped_up'

/**
 * Opens the family of a sign-in with one more factor and ends the former family, in one statement, so that they never both live. The
 * account's row is locked as in `open`. The statement waits for a concurrent rotation of the former family, and ends its successor too; of
 * two concurrent step-ups one gets a family. The absolute expiry stays the same. The client is not told: its person is signed in as before.
 */
export const createStepUpFamily =
  (database: Database, { idle_seconds, access_token_seconds }: Lifetimes): RefreshFamilies['stepUp'] =>
  async ({ replaces, user_id, credential_epoch, claims, ...opening }) => {
    const [family] = await database.run(
      (sql, caller) => sql<SteppedUp[]>`
        with ${inTwoPhases(sql, caller)}
        origin as materialized (
          select
            f.*, account.roles, statement_timestamp() as proved_at, ${opening.amr}::text[] as proved_by,
            ${idle_seconds}::int as idle_seconds
          from (
            select roles, credential_epoch
            from signet.users
            where id = ${user_id} and credential_epoch = ${credential_epoch} and disabled_at is null
            for share
          ) account
          cross join lateral (
            select *
            from signet.refresh_families f
            where ${isFamily(sql, { family_id: replaces, user_id })}
              and f.credential_epoch = account.credential_epoch
              and ${isLivingFamily(sql)}
            for no key update
          ) f
        ),
        written as (
          ${openAndEndFamilies(sql, caller, {
            user_id,
            ...opening,
            logout_notice: sql`logout_notice`,
            sender_key: sql`sender_key`,
            claims: sql`coalesce(${jsonText(claims)}::text::jsonb, claims)`,
            former: { from: sql`origin`, reason: STEPPED_UP },
          })}
          returning *
        ),
        ended as (
          select id, user_id, client_id from written where id = ${replaces}
        ),
        ${writeFeedEntries(sql, access_token_seconds)},
        ${writeEventsOf(sql, caller, user_id, [
          {
            kind: 'sign_in.stepped_up',
            from: sql`written where written.id = ${opening.id}`,
            user_id: sql`written.user_id`,
            client_id: sql`written.client_id`,
            sid: sql`written.id`,
            details: sql`jsonb_build_object('amr', written.amr, 'replaces', ${replaces}::uuid)`,
          },
          signInsEnded(sql, STEPPED_UP),
        ])}
        select ${openedColumns(sql)}, opened.refresh_transport, statement_timestamp() as at
        from written opened, origin
        where opened.id = ${opening.id}`,
      `account:${user_id}`,
    )
    return family ?? null
  }
