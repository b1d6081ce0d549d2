import type { Fragment, ISql } from 'postgres'
import type { EndedPerson } from '../../ports/revocations.ts'
import { type EventRows, signInsEnded, writeEventsOf } from '../events/write-events.ts'
import { endFamilies, onHeldAccount } from '../families/end-families.ts'
import { endedColumns, writePersonEntries } from '../families/feed-entries.ts'
import { FAMILIES_AT_ONCE } from '../families/note-unfinished.ts'
import { goOnEnding } from '../families/unfinished-endings.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { isOfAccount, isOfVersion } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'
import { isUnmarked, toldColumns } from '../schema/family-predicates.ts'
import { removeIdentities } from './end-person.ts'
import { deleteNames } from './names.ts'

type Deletion = Readonly<{
  id: string
  /** Null where the epoch does not matter, and a disabled account is deleted too. */
  credential_epoch: number | null
  /** The account must have one of these; null where the version does not matter. */
  versions?: readonly string[] | null
  access_token_seconds: number
}>

/**
 * Ours – Deletes an account. Only the ids of the account and of its sign-ins stay in the feed, until the last access token has expired. The
 * statement deletes the families itself, although the foreign key would, so that it waits for a rotation that holds one before it reads
 * `issued_until`. It deletes the account last: Citus carries out one CTE after the other. The foreign key would delete the families before
 * the statement has read them, and `writeEventsOf` needs the account's row.
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
  { id, credential_epoch, versions = null, access_token_seconds }: Deletion,
): Promise<EndedPerson | null> => {
  const [end] = await onHeldAccount(
    database,
    id,
    (sql, caller) => sql<EndedPerson[]>`
      with ${inTwoPhases(sql, caller)}
      account as materialized (
        select u.id
        from signet.users u
        where u.id = ${id} and ${isUnchangedSince(sql, credential_epoch)} and ${isOfVersion(sql, versions)}
        for update
      ),
      gone as (
        delete from signet.refresh_families f
        using account
        where ${isOfAccount(sql, sql`f.user_id`, id)}
        returning ${toldColumns(sql)}, f.revoked_at, f.expires_at
      ),
      ended as materialized (
        select ${toldColumns(sql)} from gone f where ${isUnmarked(sql)}
      ),
      ${deleteNamesOf(sql, caller)}
      ${writePersonEntries(sql, { value: id, access_token_seconds })},
      ${writeEventsOf(sql, caller, id, [accountDeleted(sql), signInsEnded(sql, 'deleted')])},
      deleted as (
        delete from signet.users u using account where ${isOfAccount(sql, sql`u.id`, id)}
      )
      select ${endedColumns(sql)}, array(select id::text from ended) as families
      from own_entry`,
  )
  return end ?? null
}

/**
 * Deletes an account with too many sign-ins for one statement: the first statement clears the account, frees its address and ends every
 * sign-in by the epoch; its rows are then deleted in batches.
 */
const deleteInBatches = async (
  database: Database,
  { id, credential_epoch, versions = null, access_token_seconds }: Deletion,
): Promise<EndedPerson | null> => {
  const [end] = await onHeldAccount(
    database,
    id,
    (sql, caller) => sql<EndedPerson[]>`
      with ${inTwoPhases(sql, caller)}
      former as materialized (
        select u.id, coalesce(u.disabled_at, statement_timestamp()) as disabled_at
        from signet.users u
        where u.id = ${id} and ${isUnchangedSince(sql, credential_epoch)} and ${isOfVersion(sql, versions)}
        for no key update
      ),
      account as (
        update signet.users u
        set email = 'deleted ' || u.id::text,
          password_digest = null,
          roles = '{}',
          credential_epoch = u.credential_epoch + 1,
          epoch_raised_at = statement_timestamp(),
          disabled_at = former.disabled_at,
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
        from former
        where u.id = ${id} and u.id = former.id
        returning u.id, u.credential_epoch
      ),
      links as (
        delete from signet.email_links l using account where ${isOfAccount(sql, sql`l.user_id`, id)}
      ),
      browsers as (
        delete from signet.browser_sessions b using account where ${isOfAccount(sql, sql`b.user_id`, id)}
      ),
      granted as (
        delete from signet.consents g using account where ${isOfAccount(sql, sql`g.user_id`, id)}
      ),
      ${removeIdentities(sql, id)},
      ${deleteNamesOf(sql, caller)}
      ${endFamilies(sql, caller, { reason: 'deleted', user_id: id })},
      ${writePersonEntries(sql, { value: id, access_token_seconds })},
      ${writeEventsOf(sql, caller, id, [accountDeleted(sql), signInsEnded(sql, 'deleted')])}
      select ${endedColumns(sql)}, array(select id::text from ended) as families
      from own_entry`,
  )
  if (end === undefined) return null
  await goOnEnding(database, { user_id: id, found: FAMILIES_AT_ONCE, access_token_seconds })
  return end
}

/** Deletes every name of the CTE `account (id)`, so that another account can have it at once. */
const deleteNamesOf = (sql: ISql, caller: Caller): Fragment =>
  deleteNames(sql, caller, { from: sql`account`, condition: sql`n.user_id = account.id` })

const accountDeleted = (sql: ISql): EventRows => ({
  kind: 'account.deleted',
  from: sql`account`,
  user_id: sql`account.id`,
})

/** On `users u`: true while the account is enabled and of this epoch; always true when `credential_epoch` is null. */
const isUnchangedSince = (sql: ISql, credential_epoch: number | null): Fragment => sql`
  (
    ${credential_epoch}::int is null
    or u.credential_epoch = ${credential_epoch}::int and u.disabled_at is null
  )`
