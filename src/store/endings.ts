import type { Lifetimes } from '../domain/refresh-family.ts'
import type { Ended, Endings } from '../ports.ts'
import type { Database } from './database.ts'
import { endPerson } from './end-person.ts'

/** Families that one statement ends, at most: it must not outlast statement_timeout, nor hold its rows for long. */
const FAMILIES_AT_ONCE = 10_000

export const createEndings = (database: Database, { access_token_seconds }: Lifetimes): Endings => ({
  endPerson: id => endPerson(database, { id, reason: 'revoked_globally', access_token_seconds }),

  endClient: async client_id => {
    for (;;) {
      const { families, ...end } = await endSomeOfClient(database, client_id, access_token_seconds)
      if (families < FAMILIES_AT_ONCE) return end
    }
  },
})

/** The entry of the feed covers the client from the first statement on, and is written again by each. */
const endSomeOfClient = async (database: Database, client_id: string, access_token_seconds: number) => {
  const [end] = await database.run(
    sql => sql<(Ended & { families: number })[]>`
      with living as materialized (
        select id
        from refresh_families
        where client_id = ${client_id} and revoked_at is null and expires_at > statement_timestamp()
        limit ${FAMILIES_AT_ONCE}
      ),
      ended as (
        update refresh_families f
        set revoked_at = statement_timestamp(), revoke_reason = 'revoked_globally'
        from living
        where f.id = living.id and f.revoked_at is null
        returning f.id
      ),
      counted as materialized (
        select count(*)::int as families from ended
      ),
      announced as (
        insert into revocations as known (kind, value, issued_until, expires_at)
        select
          'client_id', ${client_id}, date_trunc('second', clock_timestamp()),
          clock_timestamp() + make_interval(secs => ${access_token_seconds + 1})
        from counted
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
        families
      from announced, counted`,
  )
  if (end === undefined) throw new Error('an ending without its entry')
  return end
}
