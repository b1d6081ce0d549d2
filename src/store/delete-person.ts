import type { Ended } from '../ports.ts'
import type { Database } from './database.ts'

type Deletion = Readonly<{
  id: string
  /** Null: whatever it is, and also when the account is disabled. */
  credential_epoch: number | null
  access_token_seconds: number
}>

/**
 * Ours – Deletes an account. What stays behind names nobody: the ids of the person and of the sign-ins in the feed, until the last
 * access token has expired. The families are deleted by hand, although they would go with the account: a rotation that holds
 * one is thereby waited for before `issued_until` is read, and a sign-in holds the account itself.
 */
export const deletePerson = async (
  database: Database,
  { id, credential_epoch, access_token_seconds }: Deletion,
): Promise<(Ended & Readonly<{ families: readonly string[] }>) | null> => {
  const [end] = await database.run(
    sql => sql<(Ended & { families: readonly string[] })[]>`
      with account as (
        delete from users
        where id = ${id}
          and (
            ${credential_epoch}::int is null
            or credential_epoch = ${credential_epoch}::int and disabled_at is null
          )
        returning id
      ),
      gone as (
        delete from refresh_families f
        using account
        where f.user_id = account.id
        returning f.id, f.revoked_at is null and f.expires_at > statement_timestamp() as was_living
      ),
      sign_ins as (
        insert into revocations (kind, value, expires_at)
        select 'sid', id::text, statement_timestamp() + make_interval(secs => ${access_token_seconds})
        from gone
        where was_living
        on conflict do nothing
      ),
      announced as (
        insert into revocations as known (kind, value, issued_until, expires_at)
        select
          'sub', id::text, date_trunc('second', clock_timestamp()),
          clock_timestamp() + make_interval(secs => ${access_token_seconds + 1})
        from account, (select count(*) as families from gone) counted
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
        (select coalesce(array_agg(id::text), '{}') from gone where was_living) as families
      from announced`,
  )
  return end ?? null
}
