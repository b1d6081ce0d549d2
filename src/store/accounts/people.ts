import type { Person } from '../../domain/account/profile.ts'
import type { Accounts } from '../../ports/accounts.ts'
import type { Database } from '../postgres/index.ts'
import { personColumns } from '../schema/account-columns.ts'

export const createFindPerson =
  (database: Database): Accounts['findPerson'] =>
  async id => {
    const [person] = await database.run(
      sql => sql<Person[]>`
        select u.id, ${personColumns(sql)}
        from signet.users u
        where u.id = ${id} and u.disabled_at is null`,
    )
    return person ?? null
  }

export const createChangeProfile =
  (database: Database): Accounts['changeProfile'] =>
  async ({ id, profile }) => {
    const [person] = await database.run(
      sql => sql<Person[]>`
        update signet.users u
        set name = ${profile.name},
          given_name = ${profile.given_name},
          family_name = ${profile.family_name},
          preferred_username = ${profile.preferred_username},
          picture = ${profile.picture},
          locale = ${profile.locale},
          zoneinfo = ${profile.zoneinfo},
          profile_updated_at = case
            when (u.name, u.given_name, u.family_name, u.preferred_username, u.picture, u.locale, u.zoneinfo)
              is distinct from (
                ${profile.name}::text, ${profile.given_name}::text, ${profile.family_name}::text,
                ${profile.preferred_username}::text, ${profile.picture}::text, ${profile.locale}::text,
                ${profile.zoneinfo}::text
              )
            then statement_timestamp()
            else u.profile_updated_at
          end
        where u.id = ${id} and u.disabled_at is null
        returning u.id, ${personColumns(sql)}`,
    )
    return person ?? null
  }
