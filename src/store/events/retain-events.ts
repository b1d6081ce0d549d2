import type { Fragment, ISql } from 'postgres'
import { dropEventMonths, prepareEventMonths, readEventMonths } from '../partitions/event-months.ts'
import type { Database } from '../postgres/index.ts'

/** Rows that one statement deletes, and statements of one sweep, at most. */
const BATCH_ROWS = 500
const BATCHES = 20

/** Months that the janitor prepares ahead, where its role may: `signetd migrate` prepares a year. */
const MONTHS_AHEAD = 2

/** Between two looks at the partitions. */
const MONTHS_MILLISECONDS = 3_600_000

/**
 * Ours – Deletes events that are older than the retention. A role that may change tables drops whole months, so that an event is kept for up
 * to a month longer, and deletes rows of the default partition alone; any other role deletes rows, by batch.
 */
export const createRetainEvents = (database: Database, retention_days: number) => {
  let looked_at = Number.NEGATIVE_INFINITY
  let table = 'events'

  const lookAtMonths = async () => {
    const known = await database.run(sql => readEventMonths(sql))
    table = known?.may_change === true ? 'events_default' : 'events'
    if (known === null || !known.may_change) return
    await database.run(sql => prepareEventMonths(sql, known, MONTHS_AHEAD))
    await database.run(sql => dropEventMonths(sql, known, retention_days))
  }

  return async (): Promise<void> => {
    const now = performance.now()
    if (now - looked_at >= MONTHS_MILLISECONDS) {
      looked_at = now
      await lookAtMonths()
    }
    await untilFew(() => deleteEvents(database, { table, retention_days }))
    await untilFew(() => deletePlaces(database, retention_days))
  }
}

const untilFew = async (deleteBatch: () => Promise<number>): Promise<void> => {
  for (let batches = 0; batches < BATCHES; batches++) if ((await deleteBatch()) < BATCH_ROWS) return
}

type Old = Readonly<{ table: string; retention_days: number }>

/** By the id, whose first 48 bits are the milliseconds of the event. */
const deleteEvents = async (database: Database, { table, retention_days }: Old): Promise<number> => {
  const [deleted] = await database.run(
    sql => sql<{ rows: number }[]>`
      with old as materialized (
        select user_id, id
        from signet.${sql(table)}
        where id < ${oldestId(sql, retention_days)}
        order by id
        limit ${sql.unsafe(String(BATCH_ROWS))}
      ),
      deleted as (
        delete from signet.${sql(table)}
        where (user_id, id) in (select user_id, id from old)
        returning 1
      )
      select count(*)::int as rows from deleted`,
  )
  return deleted?.rows ?? 0
}

/**
 * From the first place on: places are in the order of their events, but for transactions that committed late. The last place stays, so that
 * followers of a quiet server find the one that they know.
 */
const deletePlaces = async (database: Database, retention_days: number): Promise<number> => {
  const [deleted] = await database.run(
    sql => sql<{ rows: number }[]>`
      with first as materialized (
        select number, event_id
        from signet.event_places
        order by number
        limit ${sql.unsafe(String(BATCH_ROWS))}
      ),
      deleted as (
        delete from signet.event_places
        where number in (select number from first where event_id < ${oldestId(sql, retention_days)})
          and number <> (select number from signet.event_head where id = 1)
        returning 1
      )
      select count(*)::int as rows from deleted`,
  )
  return deleted?.rows ?? 0
}

/** RFC 9562 §5.7 – Sorts before every UUIDv7 of the events that are kept. */
const oldestId = (sql: ISql, retention_days: number): Fragment => sql`
  (
    lpad(
      to_hex(
        floor(extract(epoch from statement_timestamp() - make_interval(days => ${retention_days})) * 1000)::bigint
      ),
      12,
      '0'
    ) || repeat('0', 20)
  )::uuid`
