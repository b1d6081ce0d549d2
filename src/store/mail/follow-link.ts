import type { Fragment, ISql } from 'postgres'
import type { LinkPurpose } from '../../domain/account/email-link.ts'
import { isBound, isLiving, isOfToken } from '../schema/link-predicates.ts'

type Followed = Readonly<{ digest: Uint8Array; purpose: LinkPurpose }>

/** CTE `link`: the unexpired link of this token, locked, with the `old_email` of its account. */
export const followLink = (sql: ISql, { digest, purpose }: Followed): Fragment => sql`
  link as materialized (
    select link.*, u.email as old_email
    from signet.email_links link
    join signet.users u on u.id = link.user_id
    where ${isOfToken(sql, digest)} and link.purpose = ${purpose} and ${isLiving(sql, digest)}
    for update of link
  )`

/** On `users u` and the CTE `link` of `followLink`: true for the link's account, if it is enabled and the link is still bound to it. */
export const isFollowedBy = (sql: ISql, digest: Uint8Array): Fragment => sql`
  u.id = link.user_id and ${isBound(sql, digest)} and u.disabled_at is null`

/** CTE that deletes the `link` of `followLink`, and every other link of the account when the CTE `account` has a row. */
export const spendLinks = (sql: ISql): Fragment => sql`
  spent as (
    delete from signet.email_links l
    using link
    where l.user_id = link.user_id and (l.purpose = link.purpose or exists (select from account))
  )`
