import type { Fragment, ISql } from 'postgres'
import type { AdministeredAccount } from '../../domain/account/administered-account.ts'
import type { ProfileField } from '../../domain/account/profile.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { AdministeredAccounts } from '../../ports/administration.ts'
import { giveNames, replaceExternalId } from '../accounts/names.ts'
import { type EventRows, writeEventsOf } from '../events/write-events.ts'
import { type Caller, type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { accountVersion, formerAccount, isOfVersion, profileUpdatedAt } from '../schema/account-columns.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'

type Changed = AdministeredAccount | Readonly<{ id: null; is_known: boolean }>

/**
 * Ours – Makes every change of an administrator's form, or none. The version is compared on the row that the update holds: of two
 * administrators who have looked at one version, the second waits and changes nothing.
 */
export const createChangeAccount =
  (database: Database): AdministeredAccounts['change'] =>
  async ({ id, versions, change }) => {
    try {
      const fields = JSON.stringify(change)
      const work = (sql: ISql, caller: Caller) => sql<Changed[]>`
          with ${'external_id' in change ? inTwoPhases(sql, caller) : sql``}
          ${formerAccount(sql, id)},
          given as materialized (
            select
              asked.fields,
              u.id is not null as is_known,
              ${isOfVersion(sql, versions)} as is_of_version,
              coalesce(u.email_verified_at, statement_timestamp()) as verified_at,
              ${profileUpdatedAt(sql, sql`asked.fields - '{roles,external_id,email_verified}'::text[]`)} as profile_updated_at
            from (select ${fields}::text::jsonb as fields) asked
            left join former u on true
          ),
          changed as (
            update signet.users u
            set roles = case when given.fields ? 'roles'
                then array(select jsonb_array_elements_text(given.fields -> 'roles')) else u.roles end,
              external_id = ${changedTo(sql, 'external_id')},
              email_verified_at = case
                when given.fields ->> 'email_verified' = 'true' then given.verified_at
                when given.fields ->> 'email_verified' = 'false' then null
                else u.email_verified_at end,
              name = ${changedTo(sql, 'name')},
              given_name = ${changedTo(sql, 'given_name')},
              family_name = ${changedTo(sql, 'family_name')},
              preferred_username = ${changedTo(sql, 'preferred_username')},
              picture = ${changedTo(sql, 'picture')},
              locale = ${changedTo(sql, 'locale')},
              zoneinfo = ${changedTo(sql, 'zoneinfo')},
              profile_updated_at = given.profile_updated_at
            from given
            where u.id = ${id} and given.is_of_version
            returning u.*
          ),
          ${'external_id' in change ? giveNames(sql, caller, externalIdNow(sql)) : sql``}
          ${writeEventsOf(sql, caller, id, eventsOf(sql, fields))}
          select ${administeredColumns(sql)}, given.is_known
          from given
          left join changed u on true`
      const [changed] =
        'external_id' in change
          ? await replaceExternalId(database, id, work)
          : await database.run(work, `account:${id}`)
      if (changed === undefined) throw new Error('a change without an outcome')
      if (changed.id !== null) return changed
      return changed.is_known ? 'changed' : 'unknown'
    } catch (error) {
      if (errorCodeOf(error) === UNIQUE_VIOLATION) return 'external_id_taken'
      throw error
    }
  }

/** The row for `giveNames`: of the CTE `changed`, or of `former` where `changed` is empty because the account is of another version. */
const externalIdNow = (sql: ISql): Fragment => sql`
  select 'external_id'::text, account.external_id, account.id
  from (
    select id, external_id from changed
    union all
    select id, external_id from former where not exists (select id from changed)
  ) account
  where account.external_id is not null`

/**
 * The events of what has another value in the CTE `changed` than in `former`. The fields are a parameter again and not the CTE `given`: Citus
 * estimates a thousand rows for each CTE, and would compile a product of three of them for two seconds.
 */
const eventsOf = (sql: ISql, fields: string): [EventRows, ...EventRows[]] => {
  const formerly = sql`changed join former on former.id = changed.id`
  const user_id = sql`changed.id`
  return [
    {
      kind: 'account.roles_changed',
      from: sql`${formerly} and former.roles is distinct from changed.roles`,
      user_id,
      details: sql`jsonb_build_object('from', former.roles, 'to', changed.roles)`,
    },
    {
      kind: 'account.external_id_changed',
      from: sql`${formerly} and former.external_id is distinct from changed.external_id`,
      user_id,
    },
    {
      kind: 'account.profile_changed',
      from: sql`
        ${formerly}
          and (
            former.name, former.given_name, former.family_name, former.preferred_username, former.picture,
            former.locale, former.zoneinfo, former.email_verified_at
          ) is distinct from (
            changed.name, changed.given_name, changed.family_name, changed.preferred_username, changed.picture,
            changed.locale, changed.zoneinfo, changed.email_verified_at
          )`,
      user_id,
      details: sql`
        jsonb_build_object(
          'members',
          array(
            select member from jsonb_object_keys(${fields}::text::jsonb) as member
            where member not in ('roles', 'external_id')
          )
        )`,
    },
  ]
}

/** On `users u` and `given`: the new value of a column, or the present one where it is not among those to change. */
const changedTo = (sql: ISql, name: ProfileField | 'external_id'): Fragment => sql`
  case when given.fields ? ${name}::text then given.fields ->> ${name}::text else u.${sql(name)} end`

/** The columns of `users u`, as the domain's AdministeredAccount. */
export const administeredColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.roles, u.created_at, u.disabled_at, u.email_verified_at, u.external_id,
  u.password_digest is not null as has_password, u.name, u.given_name, u.family_name, u.preferred_username, u.picture,
  u.locale, u.zoneinfo, ${accountVersion(sql)} as version`
