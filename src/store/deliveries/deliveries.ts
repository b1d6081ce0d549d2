import {
  CLAIM_SECONDS,
  DELIVERIES_PER_RECEIVER,
  DELIVERY_SECONDS,
  type Delivery,
} from '../../domain/outbound/delivery.ts'
import type { Deliveries } from '../../ports/deliveries.ts'
import type { Database } from '../postgres/index.ts'

/** The ends of sign-ins, which wait for their clients. */
export const createDeliveries = (database: Database): Deliveries => ({
  claim: createClaim(database),

  finish: async ({ user_id, id }) => {
    await database.run(sql => sql`delete from signet.deliveries where user_id = ${user_id} and id = ${id}`)
  },

  // The count of attempts tells a claim from the next one.
  postpone: async ({ user_id, id, attempts }, seconds) => {
    await database.run(
      sql => sql`
        update signet.deliveries
        set due_at = statement_timestamp() + make_interval(secs => ${seconds})
        where user_id = ${user_id} and id = ${id} and attempts = ${attempts}`,
    )
  },

  oldestSeconds: async () => {
    const [oldest] = await database.run(
      sql => sql<{ seconds: number | null }[]>`
        select extract(epoch from statement_timestamp() - min(expires_at))::float8 + ${DELIVERY_SECONDS}::int as seconds
        from signet.deliveries
        where kind = 'backchannel_logout' and expires_at > statement_timestamp()`,
    )
    return oldest?.seconds ?? null
  },
})

/**
 * The receivers are found one after the other, each by one step down the index, so that thousands of deliveries to one receiver are not
 * read. A delivery that another instance is claiming is left to that instance.
 */
const createClaim =
  (database: Database): Deliveries['claim'] =>
  ({ except, limit }) =>
    database.run(
      sql => sql<Delivery[]>`
        with recursive receivers (kind, receiver) as (
          (
            select d.kind, d.receiver
            from signet.deliveries d
            where d.kind = 'backchannel_logout'
            order by d.kind, d.receiver
            limit 1
          )
          union all
          select next.kind, next.receiver
          from receivers
          cross join lateral (
            select d.kind, d.receiver
            from signet.deliveries d
            where d.kind = receivers.kind and d.receiver > receivers.receiver
            order by d.kind, d.receiver
            limit 1
          ) next
        ),
        due as materialized (
          select waiting.user_id, waiting.id
          from receivers
          cross join lateral (
            select d.user_id, d.id, d.due_at
            from signet.deliveries d
            where d.kind = receivers.kind
              and d.receiver = receivers.receiver
              and d.due_at <= statement_timestamp()
              and d.expires_at > statement_timestamp()
            order by d.due_at
            limit ${DELIVERIES_PER_RECEIVER}
            for update skip locked
          ) waiting
          where receivers.receiver <> all(${except}::text[])
          order by waiting.due_at
          limit ${limit}
        )
        update signet.deliveries d
        set attempts = d.attempts + 1,
          due_at = statement_timestamp() + make_interval(secs => ${CLAIM_SECONDS})
        from due
        where d.user_id = due.user_id and d.id = due.id and d.due_at <= statement_timestamp()
        returning
          d.user_id, d.id, d.kind, d.receiver, d.sid, null as number, d.attempts,
          extract(epoch from d.expires_at - statement_timestamp())::float8 as seconds_left`,
    )
