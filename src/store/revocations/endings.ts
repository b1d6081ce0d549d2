import type { EndReason, Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { Ended, Endings } from '../../ports/revocations.ts'
import { endPerson } from '../accounts/end-person.ts'
import { signInsEnded, writeEvents } from '../events/write-events.ts'
import { endedColumns, writeClientEntry } from '../families/feed-entries.ts'
import { writeLogoutNotices } from '../families/logout-notices.ts'
import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { isUnmarked, toldColumns } from '../schema/family-predicates.ts'

/** More than FAMILIES_AT_ONCE, because the families of an ended client get no feed entries of their own. */
const CLIENT_FAMILIES_AT_ONCE = 10_000

const REVOKED_GLOBALLY: EndReason = 'revoked_globally'

export const createEndings = (database: Database, { access_token_seconds }: Lifetimes): Endings => ({
  endPerson: id => endPerson(database, { id, reason: REVOKED_GLOBALLY, access_token_seconds }),

  endClient: async client_id => {
    for (let isFirst = true; ; isFirst = false) {
      const { families, ...end } = await endSomeOfClient(database, {
        client_id,
        isFirst,
        access_token_seconds,
      })
      // The count of found families decides, because some of them may have been ended by others while more are left.
      if (families < CLIENT_FAMILIES_AT_ONCE) return end
    }
  },
})

type Batch = Readonly<{ client_id: string; isFirst: boolean; access_token_seconds: number }>

/**
 * Atomic: ends a batch of families. The feed entry covers the whole client from the first batch on, and each batch writes it again. The
 * event of the client is of the first batch, which ends its tokens, and of each later one that ended sign-ins.
 */
const endSomeOfClient = async (database: Database, { client_id, isFirst, access_token_seconds }: Batch) => {
  const [end] = await database.run(
    (sql, caller) => sql<(Ended & { families: number })[]>`
      with ${inTwoPhases(sql, caller)}
      living as materialized (
        select f.user_id, f.id
        from signet.refresh_families f
        where f.client_id = ${client_id} and ${isUnmarked(sql)}
        limit ${CLIENT_FAMILIES_AT_ONCE}
      ),
      ended as (
        update signet.refresh_families f
        set revoked_at = statement_timestamp(), revoke_reason = ${REVOKED_GLOBALLY}
        from living
        where f.user_id = living.user_id and f.id = living.id and f.revoked_at is null
        returning ${toldColumns(sql)}
      ),
      counted as materialized (
        select (select count(*) from living)::int as families, count(*) as ended from ended
      ),
      ${writeClientEntry(sql, { value: client_id, access_token_seconds })},
      ${writeLogoutNotices(sql)},
      ${writeEvents(sql, caller.origin, [
        {
          kind: 'client.everything_revoked',
          from: sql`counted where ended > 0 or ${isFirst}`,
          client_id,
          details: sql`jsonb_build_object('sign_ins', counted.ended)`,
        },
        signInsEnded(sql, REVOKED_GLOBALLY),
      ])}
      select ${endedColumns(sql)}, families
      from own_entry, counted`,
  )
  if (end === undefined) throw new Error('the statement that ends sign-ins returned no row')
  return end
}
