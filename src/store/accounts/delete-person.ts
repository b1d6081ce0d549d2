import type { EndedPerson } from '../../ports/revocations.ts'
import { announcePerson, endedColumns } from '../families/announce-endings.ts'
import { endFamilies, onHeldAccount } from '../families/end-families.ts'
import { FAMILIES_AT_ONCE } from '../families/note-unfinished.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Database } from '../postgres/index.ts'

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
export const deletePerson = async (database: Database, deletion: Deletion): Promise<EndedPerson | null> =>
  (await hasMany(database, deletion.id))
    ? deleteInBatches(database, deletion)
    : deleteAtOnce(database, deletion)

const hasMany = async (database: Database, id: string): Promise<boolean> => {
  const [few] = await database.run(
    sql => sql<{ count: number }[]>`
      select count(*)::int as count
      from (select from signet.refresh_families where user_id = ${id} limit ${FAMILIES_AT_ONCE}) f`,
  )
  return few?.count === FAMILIES_AT_ONCE
}

const deleteAtOnce = async (
  database: Database,
  { id, credential_epoch, access_token_seconds }: Deletion,
): Promise<EndedPerson | null> => {
  const [end] = await onHeldAccount(
    database,
    id,
    sql => sql<EndedPerson[]>`
      with account as (
        delete from signet.users
        where id = ${id}
          and (
            ${credential_epoch}::int is null
            or credential_epoch = ${credential_epoch}::int and disabled_at is null
          )
        returning id
      ),
      gone as (
        delete from signet.refresh_families f
        using account
        where f.user_id = account.id
        returning f.id, f.revoked_at is null and f.expires_at > statement_timestamp() as was_living
      ),
      ended as materialized (
        select id from gone where was_living
      ),
      ${announcePerson(sql, { value: id, access_token_seconds })}
      select ${endedColumns(sql)}, array(select id::text from ended) as families
      from announced`,
  )
  return end ?? null
}

/**
 * Of an account with so many sign-ins that one statement cannot delete them: what is left of the account is an id that no sign-in
 * reaches, its address is free, and its rows go in batches after that.
 */
const deleteInBatches = async (
  database: Database,
  { id, credential_epoch, access_token_seconds }: Deletion,
): Promise<EndedPerson | null> => {
  const [end] = await onHeldAccount(
    database,
    id,
    sql => sql<EndedPerson[]>`
      with account as (
        update signet.users
        set email = 'deleted ' || id::text,
          password_digest = null,
          roles = '{}',
          credential_epoch = credential_epoch + 1,
          disabled_at = coalesce(disabled_at, statement_timestamp()),
          email_verified_at = null,
          language = null,
          name = null,
          given_name = null,
          family_name = null,
          preferred_username = null,
          picture = null,
          locale = null,
          zoneinfo = null,
          external_id = null
        where id = ${id}
          and (
            ${credential_epoch}::int is null
            or credential_epoch = ${credential_epoch}::int and disabled_at is null
          )
        returning id, credential_epoch
      ),
      links as (
        delete from signet.email_links l using account where l.user_id = account.id
      ),
      browsers as (
        delete from signet.browser_sessions b using account where b.user_id = account.id
      ),
      granted as (
        delete from signet.consents g using account where g.user_id = account.id
      ),
      ${endFamilies(sql, { reason: 'deleted' })},
      ${announcePerson(sql, { value: id, access_token_seconds })}
      select ${endedColumns(sql)}, array(select id::text from ended) as families
      from announced`,
  )
  if (end === undefined) return null
  await goOnEnding(database, { user_id: id, found: FAMILIES_AT_ONCE, access_token_seconds })
  return end
}
