import { REFUSALS_CHANGED, type RegistrationRefusal } from '../../domain/clients/registration-refusals.ts'
import type { RegistrationRefusals } from '../../ports/clients.ts'
import type { Database } from '../postgres/index.ts'
import { advanceHead, noteChange } from './client-registrations.ts'

/** Ours – What operators refuse of the clients that have registered themselves. A change has its number among those of the clients. */
export const createRegistrationRefusals = (database: Database): RegistrationRefusals => ({
  add: async ({ kind, value }) => {
    await database.run(
      sql => sql`
        with client as materialized (
          select true as is_self_registered
          where not exists (
            select from signet.registration_refusals where kind = ${kind} and value = ${value}
          )
        ),
        ${advanceHead(sql, 0)},
        ${noteChange(sql, REFUSALS_CHANGED)}
        insert into signet.registration_refusals (kind, value)
        select ${kind}, ${value} from advanced
        on conflict do nothing`,
    )
  },

  remove: async ({ kind, value }) => {
    const removed = await database.run(
      sql => sql`
        with client as materialized (
          select true as is_self_registered
          from signet.registration_refusals
          where kind = ${kind} and value = ${value}
          for update
        ),
        ${advanceHead(sql, 0)},
        ${noteChange(sql, REFUSALS_CHANGED)}
        delete from signet.registration_refusals r
        using advanced
        where r.kind = ${kind} and r.value = ${value}
        returning r.kind`,
    )
    return removed.length > 0
  },

  all: createReadRefusals(database),
})

export const createReadRefusals = (database: Database) => (): Promise<readonly RegistrationRefusal[]> =>
  database.run(
    sql => sql<RegistrationRefusal[]>`
      select kind, value from signet.registration_refusals order by kind, value`,
  )
