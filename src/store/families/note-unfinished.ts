import type { Fragment, ISql } from 'postgres'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
import type { Caller } from '../postgres/index.ts'
import { ofPerson } from '../schema/caller-forms.ts'

/** Families that one statement ends, at most, so that it ends before statement_timeout and does not hold its rows for long. */
export const FAMILIES_AT_ONCE = 2_000
/** Seconds after which another instance may continue, because the first one has died or is slow. */
export const DUE_SECONDS = 10
/** The ending that continues until the account itself is deleted. No other reason replaces it. */
export const DELETED: EndReason = 'deleted'

type Ending = Readonly<{
  reason: EndReason
  /** The person of `account`; null: not known. */
  user_id: string | null
}>

/**
 * CTE that notes an unfinished ending of the CTE `account`: always for a deletion, otherwise when the CTE `living` is full, so that more
 * sign-ins may be left. The count of found sign-ins decides, not that of ended ones, because a found one may have ended meanwhile.
 */
export const noteUnfinished = (sql: ISql, caller: Caller, { reason, user_id }: Ending): Fragment => sql`
  unfinished as (
    insert into signet.unfinished_endings as known (user_id, reason, due_at)
    select id, ${reason}, statement_timestamp() + make_interval(secs => ${DUE_SECONDS})
    from ${ofPerson(sql, caller, { user_id, rows: sql`account`, column: sql`id` })}
    where ${reason === DELETED}::boolean or (select count(*) from living) >= ${FAMILIES_AT_ONCE}
    on conflict (user_id) do update
    set due_at = excluded.due_at,
      reason = case when known.reason = ${DELETED} then known.reason else excluded.reason end
  )`
