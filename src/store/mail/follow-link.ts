import type { Fragment, ISql } from 'postgres'
import { LINK_SECONDS, type LinkPurpose } from '../../domain/account/email-link.ts'
import { isBound, isLiving, isOfToken } from '../schema/link-predicates.ts'

type Followed = Readonly<{ digest: Uint8Array; purpose: LinkPurpose }>

/** For a `with`: `link` gives the link of this token, held, while it may be followed, with the `old_email` of its account. */
export const followLink = (sql: ISql, { digest, purpose }: Followed): Fragment => sql`
  link as materialized (
    select link.*, u.email as old_email
    from signet.email_links link
    join signet.users u on u.id = link.user_id
    where ${isOfToken(sql, digest)} and link.purpose = ${purpose} and ${isLiving(sql, digest)}
    for update of link
  )`

/** Of `users u` and the `link` of `followLink`: true for the enabled account whose password the link was made for. */
export const isFollowedBy = (sql: ISql, digest: Uint8Array): Fragment => sql`
  u.id = link.user_id and ${isBound(sql, digest)} and u.disabled_at is null`

/**
 * For `update email_links l set …`: the link has expired, also for a statement that began earlier and waited for this one. The janitor
 * deletes the row a day later; until then a second click can be told that the first one did its work.
 */
export const setSpent = (sql: ISql): Fragment => {
  const long_ago = sql`statement_timestamp() - make_interval(secs => ${LINK_SECONDS})`
  return sql`
    expires_at = ${long_ago},
    previous_expires_at = case when l.previous_expires_at is not null then ${long_ago} end`
}

/** For a `with` with the `link` of `followLink`: spends it, and every other link of the person whom `account` gives. */
export const spendLinks = (sql: ISql): Fragment => sql`
  spent as (
    update signet.email_links l
    set ${setSpent(sql)}
    from link
    where l.user_id = link.user_id and (l.purpose = link.purpose or exists (select from account))
  )`
