import type { Fragment, ISql } from 'postgres'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
import type { Caller } from '../postgres/index.ts'
import { isFamilyOfRow, isUnmarked, toldColumns } from '../schema/family-predicates.ts'
import { writeFeedEntries } from './feed-entries.ts'
import { writeLogoutNotices } from './logout-notices.ts'
import { FAMILIES_AT_ONCE } from './note-unfinished.ts'

type Selection = Readonly<{
  user_id: string
  /** A condition on the person's `refresh_families f`. */
  condition: Fragment
  /** A condition for sign-ins that go on, and whose clients the last batch tells all the same. Default: no sign-in. */
  told_too?: Fragment
  reason: EndReason
  access_token_seconds: number
}>

/**
 * Ends some of a person's sign-ins with their entries in the revocation feed, for a `with`: `living` gives a batch of those that were
 * found, `ended` those of them that it ended. No epoch kills what a batch leaves, so that what caused the ending is done by the last
 * batch alone (`isLastBatch`), and a batch that died is begun again by the next request. Complete only by `onHeldAccount`.
 */
export const endSelectedFamilies = (
  sql: ISql,
  caller: Caller,
  { user_id, condition, told_too = sql`false`, reason, access_token_seconds }: Selection,
): Fragment => sql`
  living as materialized (
    select f.user_id, f.id
    from signet.refresh_families f
    where f.user_id = ${user_id}
      and ${condition}
      and f.revoked_at is null
      and f.expires_at > statement_timestamp()
    limit ${FAMILIES_AT_ONCE}
  ),
  ended as (
    update signet.refresh_families f
    set revoked_at = statement_timestamp(), revoke_reason = ${reason}
    from living
    where ${isFamilyOfRow(sql, caller, { rows: sql`living`, user_id })} and f.revoked_at is null
    returning ${toldColumns(sql)}
  ),
  told as (
    select id, user_id, client_id, logout_notice from ended
    union all
    (
      select ${toldColumns(sql)}
      from signet.refresh_families f
      where f.user_id = ${user_id}
        and ${told_too}
        and f.logout_notice is not null
        and ${isUnmarked(sql)}
        and ${isLastBatch(sql)}
      limit ${FAMILIES_AT_ONCE}
    )
  ),
  ${writeFeedEntries(sql, access_token_seconds)},
  ${writeLogoutNotices(sql, sql`told`)}`

/** Counts the sign-ins that were found, not those that were ended: one of a full batch may have signed out meanwhile, and more come after it. */
export const isLastBatch = (sql: ISql): Fragment => sql`
  (select count(*) from living) < ${FAMILIES_AT_ONCE}`

/** One row a batch, none when there is nothing to end: it is unknown, or another request has ended it. */
export type EndedBatch = Readonly<{ ended: readonly string[]; is_last: boolean }>

/** Carries out batches until the last one. The sign-ins that they ended; null when there was nothing to end. */
export const endInBatches = async (
  endBatch: () => Promise<readonly EndedBatch[]>,
): Promise<readonly string[] | null> => {
  const [batch] = await endBatch()
  if (batch === undefined) return null
  if (batch.is_last) return batch.ended
  return [...batch.ended, ...((await endInBatches(endBatch)) ?? [])]
}
