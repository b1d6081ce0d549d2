import type { RevokeReason } from '../domain/refresh-family.ts'
import type { Ended } from '../ports.ts'
import type { Database } from './database.ts'

type Ending = Readonly<{
  id: string
  reason: RevokeReason
  /** What changes beside, in the same statement. */
  isDisabled?: true
  roles?: readonly string[]
  access_token_seconds: number
}>

/**
 * Ours – Ends everything of a person. `issued_until` is read when every family is ended: a rotation or a sign-in that held a row
 * before us was waited for, and took its token's `iat` from the same clock before that. Null when there is no such person.
 */
export const endPerson = async (
  database: Database,
  { id, reason, isDisabled, roles, access_token_seconds }: Ending,
): Promise<(Ended & Readonly<{ families: readonly string[] }>) | null> => {
  const [end] = await database.run(
    sql => sql<(Ended & { families: readonly string[] })[]>`
      with account as (
        update users
        set credential_epoch = credential_epoch + 1,
          disabled_at = case when ${isDisabled ?? false}::boolean
            then coalesce(disabled_at, statement_timestamp()) else disabled_at end,
          roles = coalesce(${roles ?? null}::text[], roles)
        where id = ${id}
        returning id
      ),
      ended as (
        update refresh_families f
        set revoked_at = statement_timestamp(), revoke_reason = ${reason}
        from account
        where f.user_id = account.id and f.revoked_at is null and f.expires_at > statement_timestamp()
        returning f.id
      ),
      sign_ins as (
        insert into revocations (kind, value, expires_at)
        select 'sid', id::text, statement_timestamp() + make_interval(secs => ${access_token_seconds})
        from ended
        on conflict do nothing
      ),
      announced as (
        insert into revocations as known (kind, value, issued_until, expires_at)
        select
          'sub', id::text, date_trunc('second', clock_timestamp()),
          clock_timestamp() + make_interval(secs => ${access_token_seconds + 1})
        from account, (select count(*) as families from ended) counted
        where families >= 0
        on conflict (kind, value) do update
        set issued_until = greatest(known.issued_until, excluded.issued_until),
          expires_at = greatest(known.expires_at, excluded.expires_at),
          revoked_at = excluded.revoked_at,
          transaction_id = pg_current_xact_id()
        returning issued_until, expires_at
      )
      select
        floor(extract(epoch from issued_until))::float8 as issued_until,
        ceil(extract(epoch from expires_at - clock_timestamp()))::float8 as seconds,
        (select coalesce(array_agg(id::text), '{}') from ended) as families
      from announced`,
  )
  return end ?? null
}
