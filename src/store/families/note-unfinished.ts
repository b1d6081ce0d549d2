import type { Fragment, ISql } from 'postgres'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'

/** Families that one statement ends, at most: it must not outlast statement_timeout, nor hold its rows for long. */
export const FAMILIES_AT_ONCE = 2_000
/** Seconds after which another instance may go on: the one that began has died, or is slow. */
export const DUE_SECONDS = 10
/** Goes on until the account itself is gone; no other reason takes its place. */
export const DELETED: EndReason = 'deleted'

/**
 * For a `with` in which `account` gives the person and `living` what the statement has found: notes that more may be left. Not by what
 * it has ended: one of them may have signed out meanwhile, and there are more behind it.
 */
export const noteUnfinished = (sql: ISql, reason: EndReason): Fragment => sql`
  unfinished as (
    insert into signet.unfinished_endings as known (user_id, reason, due_at)
    select account.id, ${reason}, statement_timestamp() + make_interval(secs => ${DUE_SECONDS})
    from account
    where ${reason === DELETED}::boolean or (select count(*) from living) >= ${FAMILIES_AT_ONCE}
    on conflict (user_id) do update
    set due_at = excluded.due_at,
      reason = case known.reason when ${DELETED} then known.reason else excluded.reason end
  )`
