import type { Fragment, ISql } from 'postgres'
import { linkText } from '../../domain/account/account-name.ts'
import { LINK_SECONDS, type LinkPurpose } from '../../domain/account/email-link.ts'
import { findNamed, isNamed } from '../accounts/names.ts'
import { holding } from '../families/end-families.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { isBound, isLiving, isOfToken } from '../schema/link-predicates.ts'

/** The link of a token. `user_id` is what `findNamed` has returned for it. */
export type PresentedLink = Readonly<{ digest: Uint8Array; user_id: string | null }>

export const findPresented = async (database: Database, digest: Uint8Array): Promise<PresentedLink> => ({
  digest,
  user_id: await findNamed(database, { kind: 'link', value: linkText(digest) }),
})

/** On `email_links link`: true for the row whose newer or older link is the presented one. */
export const isPresented = (sql: ISql, { digest, user_id }: PresentedLink): Fragment =>
  sql`${isOfToken(sql, digest)} and ${isNamed(sql, sql`link.user_id`, user_id)}`

type Work<T> = (sql: ISql, link: PresentedLink, caller: Caller) => PromiseLike<T>

/**
 * Ours – Runs a statement about a mailed link, after a first one that locks the row of its account. Every transaction locks the account
 * before its links: otherwise a deletion, or two links of one person that are followed at once, could deadlock. Atomic.
 */
export const onAccountOfLink = async <T>(
  database: Database,
  digest: Uint8Array,
  work: Work<T>,
): Promise<T> => {
  const link = await findPresented(database, digest)
  return holding(
    database,
    {
      row: `link:${linkText(digest)}`,
      hold: sql => sql`
        select from signet.users u
        where u.id = (select link.user_id from signet.email_links link where ${isPresented(sql, link)})
          and ${isNamed(sql, sql`u.id`, link.user_id)}
        for no key update`,
    },
    (sql, caller) => work(sql, link, caller),
  )
}

type Followed = Readonly<{ link: PresentedLink; purpose: LinkPurpose }>

/**
 * CTE `link`: the unexpired link of this token, locked, with its account as it was before the statement. `is_valid` while the account is
 * enabled and the link is bound to it. `followed_at` and `long_ago` are read here: Citus refuses a function of the time in a `case` or a
 * `coalesce` of an update.
 */
export const followLink = (sql: ISql, { link, purpose }: Followed): Fragment => sql`
  link as materialized (
    select
      link.*, u.email as old_email, u.email_verified_at is not null as was_verified,
      ${isBound(sql, link.digest)} and u.disabled_at is null as is_valid,
      statement_timestamp() as followed_at,
      statement_timestamp() - make_interval(secs => ${LINK_SECONDS}) as long_ago
    from signet.email_links link
    join signet.users u on u.id = link.user_id
    where ${isPresented(sql, link)} and link.purpose = ${purpose} and ${isLiving(sql, link.digest)}
    for update of link
  )`

/** On `users u` and the CTE `link` of `followLink`: true for the link's account, if the link is valid. */
export const isFollowedBy = (sql: ISql, { user_id }: PresentedLink): Fragment => sql`
  u.id = link.user_id and ${isNamed(sql, sql`u.id`, user_id)} and link.is_valid`

/** A CTE `spent`, with the `link` of `followLink`: spends it. */
export const spendLink = (sql: ISql, link: PresentedLink): Fragment => spend(sql, link, sql`false`)

/** The same, and every other link of the person whom the CTE `account` gives. */
export const spendLinks = (sql: ISql, link: PresentedLink): Fragment =>
  spend(sql, link, sql`exists (select from account)`)

/**
 * The links have expired, also for a statement that began earlier and waited for this one. The janitor deletes the row a day later; until
 * then a second click can be told that the first one did its work.
 */
const spend = (sql: ISql, { user_id }: PresentedLink, isEvery: Fragment): Fragment => sql`
  spent as (
    update signet.email_links l
    set expires_at = link.long_ago,
      previous_expires_at = case when l.previous_expires_at is not null then link.long_ago end
    from link
    where l.user_id = link.user_id
      and ${isNamed(sql, sql`l.user_id`, user_id)}
      and (l.purpose = link.purpose or ${isEvery})
  )`
