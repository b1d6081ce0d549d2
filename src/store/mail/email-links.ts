import type { Addressee } from '../../domain/account/mail.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { EmailLinks } from '../../ports/mail.ts'
import { moveNames } from '../accounts/names.ts'
import { writeEventsOf } from '../events/write-events.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { CHANGE_EMAIL, isBound, isLiving, VERIFY_EMAIL } from '../schema/link-predicates.ts'
import {
  findPresented,
  followLink,
  isFollowedBy,
  isPresented,
  onAccountOfLink,
  spendLink,
  spendLinks,
} from './follow-link.ts'
import { createIssueLinks } from './issue-links.ts'
import { createRedeemReset } from './redeem-reset.ts'

/**
 * Ours – Every verb is atomic. Of several requests with one link, the first one spends it; the others have waited for the account and
 * find a link that has expired. The link must still be of the address and the password that the account has: judged on the account's row
 * while it is held, so that a password change at the same moment wins or loses as a whole.
 */
export const createEmailLinks = (database: Database, lifetimes: Lifetimes): EmailLinks => ({
  ...createIssueLinks(database),
  find: createFind(database),
  isConfirmed: createIsConfirmed(database),
  redeemVerification: createRedeemVerification(database),
  redeemReset: createRedeemReset(database, lifetimes),
  redeemChange: createRedeemChange(database),
})

const createFind =
  (database: Database): EmailLinks['find'] =>
  async digest => {
    const presented = await findPresented(database, digest)
    const [link] = await database.run(
      sql => sql<NonNullable<Awaited<ReturnType<EmailLinks['find']>>>[]>`
        select link.purpose, link.email
        from signet.email_links link
        join signet.users u on u.id = link.user_id
        where ${isPresented(sql, presented)}
          and ${isLiving(sql, digest)}
          and ${isBound(sql, digest)}
          and (link.purpose = ${CHANGE_EMAIL} or link.email = u.email)
          and u.disabled_at is null`,
    )
    return link ?? null
  }

const createIsConfirmed =
  (database: Database): EmailLinks['isConfirmed'] =>
  async digest => {
    const presented = await findPresented(database, digest)
    const confirmed = await database.run(
      sql => sql`
        select
        from signet.email_links link
        join signet.users u on u.id = link.user_id
        where ${isPresented(sql, presented)}
          and link.purpose in (${VERIFY_EMAIL}, ${CHANGE_EMAIL})
          and link.email = u.email
          and u.email_verified_at is not null
          and u.disabled_at is null`,
    )
    return confirmed.length > 0
  }

const createRedeemVerification =
  (database: Database): EmailLinks['redeemVerification'] =>
  async digest => {
    const [addressee] = await onAccountOfLink(
      database,
      digest,
      (sql, presented, caller) => sql<Addressee[]>`
        with ${followLink(sql, { link: presented, purpose: 'verify_email' })},
        ${spendLink(sql, presented)},
        verified as (
          update signet.users u
          set email_verified_at = coalesce(u.email_verified_at, link.followed_at)
          from link
          where ${isFollowedBy(sql, presented)} and u.email = link.email
          returning u.id as account_id, u.email, u.language, link.was_verified
        ),
        ${writeEventsOf(sql, caller, presented.user_id, [
          {
            kind: 'account.email_verified',
            from: sql`verified where not verified.was_verified`,
            user_id: sql`verified.account_id`,
          },
        ])}
        select account_id, email, language from verified`,
    )
    return addressee ?? null
  }

const createRedeemChange =
  (database: Database): EmailLinks['redeemChange'] =>
  async digest => {
    try {
      const [addressee] = await onAccountOfLink(
        database,
        digest,
        (sql, presented, caller) => sql<Addressee[]>`
          with ${inTwoPhases(sql, caller)}
          ${followLink(sql, { link: presented, purpose: 'change_email' })},
          account as (
            update signet.users u
            set email = link.email, email_verified_at = statement_timestamp()
            from link
            where ${isFollowedBy(sql, presented)} and u.email = link.old_email
            returning u.id, link.old_email, u.email, u.language
          ),
          ${spendLinks(sql, presented)},
          ${moveNames(sql, caller, { kind: 'email', account: sql`(select id, old_email as old_value, email as value from account)` })}
          ${writeEventsOf(sql, caller, presented.user_id, [
            { kind: 'account.email_changed', from: sql`account`, user_id: sql`account.id` },
          ])}
          select id as account_id, old_email as email, language from account`,
      )
      return addressee ?? null
    } catch (error) {
      if (errorCodeOf(error) === UNIQUE_VIOLATION) return 'taken'
      throw error
    }
  }
