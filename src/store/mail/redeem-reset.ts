import type { Addressee } from '../../domain/account/mail.ts'
import { TOTP_FAILURES_AT_MOST, TOTP_TRIES_OF_A_RESET } from '../../domain/factors/totp.ts'
import type { Lifetimes } from '../../domain/sign-in/refresh-family.ts'
import type { EmailLinks } from '../../ports/mail.ts'
import { endFamilies, foundCount, onAccountOfLink } from '../families/end-families.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Database } from '../postgres/database.ts'
import { isBound, isLiving, isOfToken } from '../schema/link-predicates.ts'

/**
 * Ours – Who first proves to read the mail of an address has the account, and whoever registered it before has nothing of it left:
 * a passkey that a stranger enrolled would go on signing in, and a second factor of theirs would keep the owner out. Where the
 * address was proven before, the factors stay: a mailbox alone must not do away with them,
 * nor guess at a TOTP for as long as links are to be had: each opens a closed one for three tries.
 */
export const createRedeemReset =
  (database: Database, { access_token_seconds }: Lifetimes): EmailLinks['redeemReset'] =>
  async ({ digest, password_digest }) => {
    const [row] = await onAccountOfLink(
      database,
      digest,
      sql => sql<(Addressee & { families: string[]; found: number })[]>`
        with link as (
          delete from signet.email_links link
          where ${isOfToken(sql, digest)} and purpose = 'reset_password' and ${isLiving(sql, digest)}
          returning link.*
        ),
        account as (
          update signet.users u
          set password_digest = ${password_digest},
            credential_epoch = u.credential_epoch + 1,
            device_epoch = u.device_epoch + 1,
            email_verified_at = coalesce(u.email_verified_at, statement_timestamp())
          from link
          where u.id = link.user_id
            and u.email = link.email
            and ${isBound(sql, digest)}
            and u.disabled_at is null
          returning u.id, u.email, u.language
        ),
        others as (
          delete from signet.email_links l
          using account
          where l.user_id = account.id and l.purpose <> 'reset_password'
        ),
        unproven as (
          -- As it was before this statement.
          select u.id
          from signet.users u
          join account on account.id = u.id
          where u.email_verified_at is null
        ),
        opened as (
          update signet.totp_factors t
          set failures = least(t.failures, ${TOTP_FAILURES_AT_MOST - TOTP_TRIES_OF_A_RESET}),
            known_failures = least(t.known_failures, ${TOTP_FAILURES_AT_MOST - TOTP_TRIES_OF_A_RESET})
          from account
          where t.user_id = account.id and not exists (select from unproven)
        ),
        totp as (
          delete from signet.totp_factors t using unproven where t.user_id = unproven.id
        ),
        keys as (
          delete from signet.passkeys p using unproven where p.user_id = unproven.id
        ),
        codes as (
          delete from signet.recovery_codes r using unproven where r.user_id = unproven.id
        ),
        ${endFamilies(sql, { reason: 'password_changed', access_token_seconds })}
        select
          id as account_id, email, language, array(select id::text from ended) as families,
          ${foundCount(sql)} as found
        from account`,
    )
    if (row === undefined) return null
    const { found, ...reset } = row
    await goOnEnding(database, { user_id: reset.account_id, found, access_token_seconds })
    return reset
  }
