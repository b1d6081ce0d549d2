import type { Fragment, ISql } from 'postgres'
import type { LinkPurpose } from '../../domain/account/email-link.ts'
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

/** For a `with` with the `link` of `followLink`: spends it, and every other link of the person whom `account` gives. */
export const spendLinks = (sql: ISql): Fragment => sql`
  spent as (
    delete from signet.email_links l
    using link
    where l.user_id = link.user_id and (l.purpose = link.purpose or exists (select from account))
  )`
