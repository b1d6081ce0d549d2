import type { Fragment, Sql } from 'postgres'
import { CLOCK_TOLERANCE_MAX_SECONDS } from '../../domain/base/clock-tolerance.ts'
import type { StatusEntries } from '../../ports/revocations.ts'
import type { Caller, Database } from '../postgres/index.ts'
import { accountOfFamily } from '../schema/family-predicates.ts'

export const createStatusEntries = (database: Database): StatusEntries => ({
  /**
   * The token is issued after its place is reserved, and may take its times from the database's clock. The entry therefore has the earlier
   * start and the later end of both clocks.
   */
  reserve: async ({ jti, sid, sub, client_id, iat, exp }) => {
    const [entry] = await database.run(
      sql => sql<{ idx: number }[]>`
        insert into signet.status_entries (jti, sid, sub, client_id, issued_at, expires_at)
        values (
          ${jti}, ${sid ?? null}, ${sub}, ${client_id},
          least(to_timestamp(${iat}), date_trunc('second', statement_timestamp())),
          greatest(to_timestamp(${exp}), statement_timestamp() + make_interval(secs => ${exp - iat}))
        )
        returning idx::float8 as idx`,
    )
    if (entry === undefined) throw new Error('a status entry without its place')
    return entry.idx
  },

  bounds: async () => {
    const [bounds] = await database.run(
      sql => sql<{ first: number | null; last: number | null }[]>`
        select min(idx)::float8 as first, max(idx)::float8 as last from signet.status_entries`,
    )
    const { first = null, last = null } = bounds ?? {}
    return first === null || last === null ? null : { first, last }
  },

  /**
   * The rules of `livingAt`, as joins, for a whole list. The limit changes no result and is a hint for the planner, as a literal: a generic
   * plan expects few rows and looks up each of 131,072 singly, which takes four times as long.
   */
  findEnded: async ({ first, size, registered }) =>
    database.run((sql, caller) => {
      const entries = sql`
        select *
        from signet.status_entries
        where idx >= ${first}::bigint
        order by idx
        limit ${sql.unsafe(String(size))}`
      const living = joinLiving(sql, caller, entries)
      return sql<{ byte: number; bits: number }[]>`
        with ${living.before}
        ended as (
          select (e.idx - ${first}::bigint)::int as place
          from (${entries}) e
          left join signet.revocations token on token.kind = 'jti' and token.value = e.jti::text
          left join signet.revocations person
            on person.kind = 'sub' and person.value = e.sub and person.issued_until >= e.issued_at
          left join signet.revocations client
            on client.kind = 'client_id' and client.value = e.client_id and client.issued_until >= e.issued_at
          ${living.join}
          left join unnest(${idsOf(registered)}::text[]) as known (client_id) on known.client_id = e.client_id
          left join unnest(${idsOf(registered.filter(({ mayActForItself }) => mayActForItself))}::text[]) as acting (client_id)
            on acting.client_id = e.client_id
          where e.idx < ${first}::bigint + ${size}::bigint
            and e.expires_at > statement_timestamp() - make_interval(secs => ${CLOCK_TOLERANCE_MAX_SECONDS})
            and (
              token.value is not null
              or person.value is not null
              or client.value is not null
              or e.sid is not null and u.id is null
              or known.client_id is null
              or e.sid is null and acting.client_id is null
            )
        )
        select place / 8 as byte, bit_or(1 << place % 8) as bits
        from ended
        group by byte`
    }),
})

/**
 * `join` gives the entry `e` of a living sign-in its account as `u.id`; `before` has the CTEs that `join` needs. For an outer join, Citus
 * would copy all sign-ins to the coordinator; its CTEs therefore find the sign-ins of the entries first, by their persons.
 */
const joinLiving = (sql: Sql, { isDistributed }: Pick<Caller, 'isDistributed'>, entries: Fragment) => {
  const account = sql`${accountOfFamily(sql)} and u.disabled_at is null`
  if (!isDistributed)
    return {
      before: sql``,
      join: sql`
        left join signet.refresh_families f on f.id = e.sid and f.revoked_at is null
        left join ${account}`,
    }
  return {
    before: sql`
      of_people as materialized (
        select idx, sid, case when sid is not null then sub::uuid end as user_id from (${entries}) e
      ),
      living as materialized (
        select e.idx, u.id
        from of_people e
        join signet.refresh_families f on f.user_id = e.user_id and f.id = e.sid and f.revoked_at is null
        join ${account}
      ),`,
    join: sql`left join living u on u.idx = e.idx`,
  }
}

const idsOf = (clients: readonly Readonly<{ client_id: string }>[]) =>
  clients.map(({ client_id }) => client_id)
