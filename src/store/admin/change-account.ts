import type { Fragment, ISql } from 'postgres'
import type { AdministeredAccount } from '../../domain/account/administered-account.ts'
import type { ProfileField } from '../../domain/account/profile.ts'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { AdministeredAccounts } from '../../ports/administration.ts'
import { type Database, UNIQUE_VIOLATION } from '../postgres/index.ts'
import { accountVersion, isOfVersion } from '../schema/account-columns.ts'

type Changed = AdministeredAccount | Readonly<{ id: null; is_known: boolean }>

/**
 * Ours – Makes every change of an administrator's form, or none. The version is compared on the row that the update holds: of two
 * administrators who have looked at one version, the second waits and changes nothing.
 */
export const createChangeAccount =
  (database: Database): AdministeredAccounts['change'] =>
  async ({ id, versions, change }) => {
    try {
      const [changed] = await database.run(
        sql => sql<Changed[]>`
          with given as materialized (
            select ${JSON.stringify(change)}::text::jsonb as fields
          ),
          changed as (
            update signet.users u
            set roles = case when given.fields ? 'roles'
                then array(select jsonb_array_elements_text(given.fields -> 'roles')) else u.roles end,
              external_id = ${changedTo(sql, 'external_id')},
              email_verified_at = case (given.fields ->> 'email_verified')::boolean
                when true then coalesce(u.email_verified_at, statement_timestamp())
                when false then null
                else u.email_verified_at end,
              name = ${changedTo(sql, 'name')},
              given_name = ${changedTo(sql, 'given_name')},
              family_name = ${changedTo(sql, 'family_name')},
              preferred_username = ${changedTo(sql, 'preferred_username')},
              picture = ${changedTo(sql, 'picture')},
              locale = ${changedTo(sql, 'locale')},
              zoneinfo = ${changedTo(sql, 'zoneinfo')},
              profile_updated_at = case
                when jsonb_build_object(
                  'name', u.name, 'given_name', u.given_name, 'family_name', u.family_name,
                  'preferred_username', u.preferred_username, 'picture', u.picture, 'locale', u.locale,
                  'zoneinfo', u.zoneinfo
                ) @> given.fields - '{roles,external_id,email_verified}'::text[]
                then u.profile_updated_at
                else statement_timestamp()
              end
            from given
            where u.id = ${id} and ${isOfVersion(sql, versions)}
            returning ${administeredColumns(sql)}
          )
          select changed.*, exists (select from signet.users where id = ${id}) as is_known
          from given
          left join changed on true`,
      )
      if (changed === undefined) throw new Error('a change without an outcome')
      if (changed.id !== null) return changed
      return changed.is_known ? 'changed' : 'unknown'
    } catch (error) {
      if (errorCodeOf(error) === UNIQUE_VIOLATION) return 'external_id_taken'
      throw error
    }
  }

/** On `users u` and `given`: the new value of a column, or the present one where it is not among those to change. */
const changedTo = (sql: ISql, name: ProfileField | 'external_id'): Fragment => sql`
  case when given.fields ? ${name}::text then given.fields ->> ${name}::text else u.${sql(name)} end`

/** The columns of `users u`, as the domain's AdministeredAccount. */
export const administeredColumns = (sql: ISql): Fragment => sql`
  u.id, u.email, u.roles, u.created_at, u.disabled_at, u.email_verified_at, u.external_id,
  u.password_digest is not null as has_password, u.name, u.given_name, u.family_name, u.preferred_username, u.picture,
  u.locale, u.zoneinfo, ${accountVersion(sql)} as version`
