import type { EndedPerson } from '../ports/published-revocations.ts'
import type { Database } from './database.ts'
import { announceUntilNow, endedColumns, onHeldAccount } from './end-families.ts'

type Deletion = Readonly<{
  id: string
  /** Null: whatever it is, and also when the account is disabled. */
  credential_epoch: number | null
  access_token_seconds: number
}>

/**
 * Ours – Deletes an account. What stays behind names nobody: the ids of the person and of the sign-ins in the feed, until the last
 * access token has expired. The families are deleted by hand, although they would go with the account: a rotation that holds
 * one is thereby waited for before `issued_until` is read.
 */
export const deletePerson = async (
  database: Database,
  { id, credential_epoch, access_token_seconds }: Deletion,
): Promise<EndedPerson | null> => {
  const [end] = await onHeldAccount(
    database,
    id,
    sql => sql<EndedPerson[]>`
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
        select 'sid', id::text, clock_timestamp() + make_interval(secs => ${access_token_seconds})
        from gone
        where was_living
        on conflict do nothing
      ),
      counted as materialized (
        select count(gone.id)::int as families
        from account
        left join gone on true
        group by account.id
      ),
      ${announceUntilNow(sql, { kind: 'sub', value: id, access_token_seconds })}
      select ${endedColumns(sql)}, array(select id::text from gone where was_living) as families
      from announced`,
  )
  return end ?? null
}
