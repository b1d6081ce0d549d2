import type { Addressee } from '../../domain/account/mail.ts'
import { TOTP_FAILURES_AT_MOST, TOTP_TRIES_OF_A_RESET } from '../../domain/factors/totp.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { EmailLinks } from '../../ports/mail.ts'
import { removeFactors, removeIdentities } from '../accounts/end-person.ts'
import { deleteNames, isNamed } from '../accounts/names.ts'
import { signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { endFamilies, foundCount } from '../families/end-families.ts'
import { writeFeedEntries } from '../families/feed-entries.ts'
import { writeLogoutNoticesOfPerson } from '../families/logout-notices.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Database } from '../postgres/index.ts'
import { isOfAccount } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { followLink, isFollowedBy, onAccountOfLink, spendLinks } from './follow-link.ts'

type Reset = Addressee & {
  readonly families: readonly string[]
  readonly found: number
  /** True when no link to this address was followed before. */
  readonly isFirstProof: boolean
}

/**
 * Ours – The first person who proves to read the mail of the address owns the account. A stranger may have registered it before: the
 * stranger's passkeys and identities at other providers would still sign in, the stranger's second factor would lock the owner out, and an
 * application of the stranger's choice would get the owner's codes unasked, so all of them are removed. If the address was proven before,
 * they stay, because access to the mailbox alone must not remove them. A reset opens a closed TOTP for TOTP_TRIES_OF_A_RESET tries only,
 * because a reader of the mailbox could otherwise guess codes with further links.
 */
export const createRedeemReset =
  (database: Database, { access_token_seconds }: Lifetimes): EmailLinks['redeemReset'] =>
  async ({ digest, password_digest }) => {
    const row = await onAccountOfLink(database, digest, async (sql, link, caller) => {
      const [reset] = await sql<Reset[]>`
        with ${inTwoPhases(sql, caller)}
        ${followLink(sql, { link, purpose: 'reset_password' })},
        account as (
          update signet.users u
          set password_digest = ${password_digest},
            credential_epoch = u.credential_epoch + 1,
            epoch_raised_at = statement_timestamp(),
            device_epoch = u.device_epoch + 1,
            email_verified_at = coalesce(u.email_verified_at, link.followed_at)
          from link
          where ${isFollowedBy(sql, link)} and u.email = link.email
          returning u.id, u.email, u.language, u.credential_epoch, link.was_verified
        ),
        ${spendLinks(sql, link)},
        opened as (
          update signet.totp_factors t
          set failures = least(t.failures, ${TOTP_FAILURES_AT_MOST - TOTP_TRIES_OF_A_RESET}),
            known_failures = least(t.known_failures, ${TOTP_FAILURES_AT_MOST - TOTP_TRIES_OF_A_RESET})
          from account
          where t.user_id = account.id and ${isNamed(sql, sql`t.user_id`, link.user_id)}
        ),
        ${endFamilies(sql, caller, { reason: 'password_changed', user_id: link.user_id })},
        ${writeFeedEntries(sql, access_token_seconds)},
        ${writeLogoutNoticesOfPerson(sql)},
        ${writeEventsOf(sql, caller, link.user_id, [
          {
            kind: 'account.password_reset',
            from: sql`account`,
            user_id: sql`account.id`,
            details: sql`jsonb_build_object('is_first_proof', not account.was_verified)`,
          },
          signInsEnded(sql, 'password_changed'),
        ])}
        select
          account.id as account_id, account.email, account.language,
          array(select id::text from ended) as families, ${foundCount(sql)} as found,
          not account.was_verified as "isFirstProof"
        from account`
      if (reset?.isFirstProof)
        await sql`
          with ${inTwoPhases(sql, caller)}
          account as (select ${reset.account_id}::uuid as id),
          ${removeFactors(sql, reset.account_id)},
          ${removeIdentities(sql, reset.account_id)},
          ${deleteNames(sql, caller, {
            from: sql`account`,
            condition: sql`n.user_id = account.id and n.kind in ('passkey', 'identity')`,
          })}
          withdrawn as (
            update signet.consents c
            set version = c.version + 1, granted = '{}', declined = '{}'
            from account
            where ${isOfAccount(sql, sql`c.user_id`, reset.account_id)}
          )
          select`
      return reset
    })
    if (row === undefined) return null
    const { found, isFirstProof: _, ...reset } = row
    await goOnEnding(database, { user_id: reset.account_id, found, access_token_seconds })
    return reset
  }
