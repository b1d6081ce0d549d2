import type { Sql } from 'postgres'
import type { PasswordDigest } from '../domain/password-digest.ts'
import type { RevokeReason } from '../domain/refresh-family.ts'

type Ending = Readonly<{
  id: string
  credential_epoch: number
  keep: string | null
  /** Null leaves the password as it is. */
  password_digest: PasswordDigest | null
  reason: RevokeReason
  access_token_seconds: number
}>

/**
 * The first members of a statement that changes how somebody signs in: `account` in its new epoch, `kept`, `ended` and
 * `announced`. `account` is empty, and nothing is done, when the account is disabled or its epoch is another by now.
 */
export const endingOthers = (sql: Sql, ending: Ending) => {
  const { id, credential_epoch, keep, password_digest, reason, access_token_seconds } = ending
  return sql`
    account as (
      update users
      set credential_epoch = credential_epoch + 1,
        password_digest = coalesce(${password_digest}::text, password_digest)
      where id = ${id} and credential_epoch = ${credential_epoch} and disabled_at is null
      returning id, credential_epoch
    ),
    kept as (
      update refresh_families f
      set credential_epoch = account.credential_epoch
      from account
      where f.id = ${keep}
        and f.user_id = account.id
        and f.credential_epoch = account.credential_epoch - 1
        and f.revoked_at is null
    ),
    ended as (
      update refresh_families f
      set revoked_at = statement_timestamp(), revoke_reason = ${reason}
      from account
      where f.user_id = account.id
        and f.id is distinct from ${keep}
        and f.revoked_at is null
        and f.expires_at > statement_timestamp()
      returning f.id
    ),
    announced as (
      insert into revocations (kind, value, expires_at)
      select 'sid', id::text, statement_timestamp() + make_interval(secs => ${access_token_seconds})
      from ended
      on conflict do nothing
    )`
}
