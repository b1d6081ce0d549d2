import type { Fragment, ISql } from 'postgres'
import type { PasswordDigest } from '../../domain/account/password-digest.ts'
import type { KeptSession } from '../../domain/sign-in/browser-session.ts'
import type { EndReason } from '../../domain/sign-in/refresh-family.ts'
import type { Caller } from '../postgres/index.ts'
import { isOfAccount } from '../schema/account-columns.ts'
import { endFamilies } from './end-families.ts'
import { writeSignInEntries } from './feed-entries.ts'

type Ending = Readonly<{
  id: string
  credential_epoch: number
  keep: string | null
  /** Null: no browser session goes on. */
  keep_session?: KeptSession | null
  /** Null: the password stays. */
  password_digest: PasswordDigest | null
  reason: EndReason
  access_token_seconds: number
}>

/**
 * The first CTEs of a statement that changes the credentials of an account: `account`, in its new epoch, and those of `endFamilies`, with
 * their entries of the revocation feed. `account` is empty, and nothing changes, when the account is disabled, its epoch is another by now,
 * or the sign-in that asks has been ended meanwhile. Devices stay known unless the password changes: a thief with a stolen sign-in must not
 * be able to make the owner's devices unknown.
 */
export const endOtherFamilies = (
  sql: ISql,
  caller: Caller,
  { id, credential_epoch, keep, keep_session, password_digest, reason, access_token_seconds }: Ending,
): Fragment => {
  const kept = keep_session ?? NO_SESSION
  return sql`
  account as (
    update signet.users
    set credential_epoch = credential_epoch + 1,
      epoch_raised_at = statement_timestamp(),
      device_epoch = device_epoch + ${password_digest === null ? 0 : 1},
      password_digest = coalesce(${password_digest}::text, password_digest)
    where id = ${id}
      and credential_epoch = ${credential_epoch}
      and disabled_at is null
      and (
        ${keep}::uuid is null
        or exists (
          select f.id from signet.refresh_families f where f.user_id = ${id} and f.id = ${keep}::uuid and f.revoked_at is null
        )
      )
      and (
        ${kept.id}::uuid is null
        or exists (select from signet.browser_sessions s where s.user_id = ${id} and s.id = ${kept.id}::uuid)
      )
    returning id, credential_epoch, device_epoch
  ),
  session as (
    update signet.browser_sessions s
    set credential_epoch = account.credential_epoch,
      digest = ${kept.digest}::bytea,
      amr = coalesce(${kept.amr}::text[], s.amr)
    from account
    where ${isOfAccount(sql, sql`s.user_id`, id)}
      and s.id = ${kept.id}::uuid
      and s.credential_epoch = account.credential_epoch - 1
  ),
  ${endFamilies(sql, caller, { reason, keep, keep_session: kept.id, user_id: id })},
  ${writeSignInEntries(sql, access_token_seconds)}`
}

const NO_SESSION = { id: null, digest: null, amr: null }
