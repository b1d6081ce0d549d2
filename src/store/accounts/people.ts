import type { Fragment, ISql } from 'postgres'
import type { Person, ProfileField } from '../../domain/account/profile.ts'
import type { Accounts } from '../../ports/accounts.ts'
import { writeEventsOf } from '../events/write-events.ts'
import type { Database } from '../postgres/index.ts'
import { formerAccount, personColumns, profileUpdatedAt } from '../schema/account-columns.ts'

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

/** The claims to change are one value, so that the statement has one text whichever they are. */
export const createChangeProfile =
  (database: Database): Accounts['changeProfile'] =>
  async ({ id, change }) => {
    const claims = JSON.stringify(change)
    const [person] = await database.run(
      (sql, caller) => sql<Person[]>`
        with ${formerAccount(sql, id)},
        given as materialized (
          select
            asked.claims,
            ${profileUpdatedAt(sql, sql`asked.claims`)} as updated_at
          from former u
          cross join (select ${claims}::text::jsonb as claims) asked
        ),
        person as (
          update signet.users u
          set name = ${claim(sql, 'name')},
            given_name = ${claim(sql, 'given_name')},
            family_name = ${claim(sql, 'family_name')},
            preferred_username = ${claim(sql, 'preferred_username')},
            picture = ${claim(sql, 'picture')},
            locale = ${claim(sql, 'locale')},
            zoneinfo = ${claim(sql, 'zoneinfo')},
            profile_updated_at = given.updated_at
          from given
          where u.id = ${id} and u.disabled_at is null
          returning u.id, ${personColumns(sql)}
        ),
        ${writeEventsOf(sql, caller, id, [
          {
            kind: 'account.profile_changed',
            from: sql`
              person
              join former on former.id = person.id
                and coalesce(former.profile_updated_at, former.created_at) is distinct from person.updated_at`,
            user_id: sql`person.id`,
            details: sql`jsonb_build_object('members', array(select jsonb_object_keys(${claims}::text::jsonb)))`,
          },
        ])}
        select * from person`,
      `account:${id}`,
    )
    return person ?? null
  }

/** On `users u` and `given`: the new value of a claim, or the present one where it is not among those to change. */
const claim = (sql: ISql, name: ProfileField): Fragment => sql`
  case when given.claims ? ${name}::text then given.claims ->> ${name}::text else u.${sql(name)} end`
