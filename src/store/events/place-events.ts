import type { Database } from '../postgres/index.ts'
import { inTwoPhases } from '../schema/caller-forms.ts'

/** Events that one statement places, at most, so that it stays short. */
const BATCH_ROWS = 1000

/**
 * Ours – Gives committed events their places in the stream and returns the count of events that waited. Atomic: while another instance
 * places, the statement does nothing. The head is locked before a place is given and released once the place is visible, so that places
 * become visible in order; an event that commits late gets a later place, and a follower that reads by place misses none. An event gets a
 * place only where the statement has deleted its row: it may still see rows that another instance has just placed, because its snapshot is
 * older, or because a shard of Citus commits after the coordinator has released the head.
 */
const placeSome = async (database: Database): Promise<number> => {
  const [placed] = await database.run(
    (sql, caller) => sql<{ rows: number }[]>`
      with ${inTwoPhases(sql, caller)}
      head as materialized (
        select id, number from signet.event_head where id = 1 for update skip locked
      ),
      waiting as materialized (
        select id, user_id
        from signet.unplaced_events
        where exists (select id from head)
        order by id
        limit ${sql.unsafe(String(BATCH_ROWS))}
      ),
      taken as (
        delete from signet.unplaced_events u
        using waiting
        where u.id = waiting.id and u.user_id = waiting.user_id
        returning u.user_id, u.id
      ),
      advanced as (
        update signet.event_head h
        set number = head.number + (select count(*) from taken)
        from head
        where h.id = head.id and exists (select id from taken)
      ),
      placed as (
        insert into signet.event_places (number, user_id, event_id)
        select head.number + row_number() over (order by taken.id), taken.user_id, taken.id
        from taken, head
      )
      select count(*)::int as rows from waiting`,
  )
  return placed?.rows ?? 0
}

/** Places events until none are left, or another instance is at work. True when events were waiting. */
export const placeAll = async (database: Database): Promise<boolean> => {
  if (database.isDistributed() && !(await isWaiting(database))) return false
  for (let hasPlaced = false; ; hasPlaced = true) {
    const rows = await placeSome(database)
    if (rows < BATCH_ROWS) return hasPlaced || rows > 0
  }
}

/** True while events wait for a place. Asked on Citus, where a deletion that finds nothing still prepares a transaction on every node. */
const isWaiting = async (database: Database): Promise<boolean> => {
  const waiting = await database.run(sql => sql`select id from signet.unplaced_events limit 1`)
  return waiting.length > 0
}
