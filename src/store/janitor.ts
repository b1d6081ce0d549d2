import type { Sql } from 'postgres'
import {
  EVENT_RETENTION_DAYS,
  type ExpiringTable,
  IDLE_SESSION_SECONDS,
  RETENTIONS,
} from '../domain/base/retention.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Log, Metrics } from '../ports/effects.ts'
import { createCountLiving } from './events/count-living.ts'
import { placeAll } from './events/place-events.ts'
import { createRetainEvents } from './events/retain-events.ts'
import type { Database } from './postgres/index.ts'
import { numberAll } from './revocations/number-revocations.ts'
import { PLACEMENTS } from './schema/distribution.ts'

/** Rows that one statement deletes, at most: it occupies the only connection of the embedded database for milliseconds. */
const BATCH_ROWS = 500

/** Seconds after the last renewal for which no other replica may take the lease. */
const LEASE_SECONDS = 60

/**
 * The columns by which the rows of each table are deleted: its primary key on Citus, which is that of one Postgres or has the person before
 * it. Every table has an indexed column `expires_at`; `leases`, of a row an instance, needs no index.
 */
export const PRIMARY_KEYS: Readonly<Record<ExpiringTable, string>> = {
  refresh_families: 'user_id, id',
  revocations: 'kind, value',
  feed_positions: 'number',
  spent_assertions: 'client_id, jti_digest',
  status_entries: 'idx',
  import_batches: 'digest',
  email_links: 'user_id, purpose',
  account_names: 'kind, value',
  ceremonies: 'digest',
  authorization_codes: 'user_id, digest',
  browser_sessions: 'user_id, id',
  device_authorizations: 'digest',
  pushed_requests: 'digest',
  client_logos: 'uri_digest',
  client_changes: 'number',
  invitations: 'email',
  registration_tokens: 'digest',
  spent_proofs: 'digest',
  deliveries: 'user_id, id',
  exchanged_sessions: 'user_id, digest, client_id',
  activity: 'span, begins_at, instance, measure, label',
  leases: 'task',
}

const isOfPeople = ([table]: (typeof RETENTIONS)[number]): boolean => 'by' in PLACEMENTS[table]
const RETENTIONS_OF_PEOPLE = RETENTIONS.filter(isOfPeople)
const RETENTIONS_OF_COORDINATOR = RETENTIONS.filter(each => !isOfPeople(each))

/** Where the walk through the browser sessions begins, and begins again. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000'

type Deleted = Readonly<Partial<Record<ExpiringTable, number>>>

/** Deletes a batch of each table and returns the counts of deleted rows; null while another replica has the lease. */
export type Sweep = () => Promise<Deleted | null>

type SweepOptions = Readonly<{ holder: string; event_retention_days?: number }>

/**
 * Ours – Deletes a batch of each table, by the one replica that holds the lease. Living rows are never locked, and dead rows that another
 * transaction has locked are left for the next sweep, so that no refresh waits for a sweep.
 */
export const createSweep = (
  database: Database,
  { holder, event_retention_days = EVENT_RETENTION_DAYS }: SweepOptions,
): Sweep => {
  const retainEvents = createRetainEvents(database, event_retention_days)
  const deleteIdleSessions = createDeleteIdleSessions(database)
  const countLivingNowAndThen = createCountLivingNowAndThen(database)
  return async () => {
    if (!(await takeLease(database, holder))) return null
    const deleted: Partial<Record<ExpiringTable, number>> = {}
    const deleteFrom = async (tables: typeof RETENTIONS_OF_PEOPLE) => {
      for (const [table, seconds] of tables) deleted[table] = await deleteBatch(database, table, seconds)
    }
    // Entries are numbered here too, because without followers the feed has no reader that numbers them.
    await numberAll(database)
    await deleteFrom(RETENTIONS_OF_COORDINATOR)
    // What follows asks every worker of Citus, and ends the sweep while one is away.
    await placeAll(database)
    await deleteFrom(RETENTIONS_OF_PEOPLE)
    deleted.browser_sessions = (deleted.browser_sessions ?? 0) + (await deleteIdleSessions())
    await retainEvents()
    await countLivingNowAndThen()
    return deleted
  }
}

/** Between two counts of the living sign-ins. */
const LIVING_MILLISECONDS = 300_000

const createCountLivingNowAndThen = (database: Database) => {
  const countLiving = createCountLiving(database)
  let counted_at = Number.NEGATIVE_INFINITY
  return async (): Promise<void> => {
    const now = performance.now()
    if (now - counted_at < LIVING_MILLISECONDS) return
    counted_at = now
    await countLiving()
  }
}

/** Atomic: true for one holder at a time. Another replica can take the lease of a dead holder after its expiry. */
const takeLease = async (database: Database, holder: string): Promise<boolean> => {
  const taken = await database.run(
    sql => sql`
      insert into signet.leases (task, holder, expires_at)
      values ('janitor', ${holder}, statement_timestamp() + make_interval(secs => ${LEASE_SECONDS}))
      on conflict (task) do update
      set holder = excluded.holder, expires_at = excluded.expires_at
      where leases.holder = excluded.holder or leases.expires_at <= statement_timestamp()
      returning holder`,
  )
  return taken.length > 0
}

/**
 * The limit is a literal: a generic plan, which must serve any limit, would read the whole table to find the rows of the batch again. Citus
 * locks no rows over several shards: there, the deletion judges each row again, and waits for a row that another transaction has locked.
 */
const deleteBatch = async (database: Database, table: ExpiringTable, seconds: number): Promise<number> => {
  const [deleted] = await database.run((sql, { isDistributed }) => {
    const key = sql.unsafe(PRIMARY_KEYS[table])
    const isDead = sql`expires_at < statement_timestamp() - make_interval(secs => ${seconds})`
    const canLock = !isDistributed || !('by' in PLACEMENTS[table])
    return sql<{ rows: number }[]>`
      with dead as materialized (
        select ${key}
        from signet.${sql(table)}
        where ${isDead}
        order by expires_at
        limit ${sql.unsafe(String(BATCH_ROWS))}
        ${canLock ? sql`for update skip locked` : sql``}
      ),
      deleted as (
        delete from signet.${sql(table)}
        where (${key}) in (select ${key} from dead)
          ${canLock ? sql`` : sql`and ${isDead}`}
        returning 1
      )
      select count(*)::integer as rows from deleted`
  })
  return deleted?.rows ?? 0
}

/**
 * Ours – Deletes the browser sessions of the next batch by primary key that were idle for too long. A session of an epoch that has passed is never
 * used again, and becomes idle. The idle expiry has no index, which each move would have to update.
 */
const createDeleteIdleSessions = (database: Database) => {
  let last = { user_id: FIRST_ID, id: FIRST_ID }
  return async (): Promise<number> => {
    const [walked] = await database.run(
      (sql, { isDistributed }) => sql<
        { rows: number; read: number; user_id: string | null; id: string | null }[]
      >`
        with next as materialized (
          select s.user_id, s.id
          from signet.browser_sessions s
          where (s.user_id, s.id) > (${last.user_id}, ${last.id})
          order by s.user_id, s.id
          limit ${sql.unsafe(String(BATCH_ROWS))}
        ),
        dead as materialized (
          select s.user_id, s.id
          from signet.browser_sessions s
          join next on next.user_id = s.user_id and next.id = s.id
          where ${isIdle(sql)}
          ${isDistributed ? sql`` : sql`for update of s skip locked`}
        ),
        deleted as (
          delete from signet.browser_sessions s
          where (user_id, id) in (select user_id, id from dead) and ${isIdle(sql)}
          returning 1
        ),
        furthest as (
          select user_id, id from next order by user_id desc, id desc limit 1
        )
        select
          (select count(*) from deleted)::integer as rows, (select count(*) from next)::integer as read,
          (select user_id from furthest) as user_id, (select id from furthest) as id`,
    )
    const { rows = 0, read = 0, user_id = null, id = null } = walked ?? {}
    const isAtEnd = read < BATCH_ROWS || user_id === null || id === null
    last = isAtEnd ? { user_id: FIRST_ID, id: FIRST_ID } : { user_id, id }
    return rows
  }
}

const isIdle = (sql: Sql) => sql`
  s.idle_expires_at < statement_timestamp() - make_interval(secs => ${IDLE_SESSION_SECONDS})`

/** True when a table may have more dead rows than the sweep has deleted. */
const isUnfinished = (deleted: Deleted): boolean => Object.values(deleted).some(rows => rows >= BATCH_ROWS)

/** Milliseconds between two sweeps when no dead rows were left. */
const PAUSE_MILLISECONDS = 60_000

type Needs = Readonly<{ sweep: Sweep; metrics: Metrics; log: Log; pause_milliseconds?: number }>

/** Sweeps repeatedly; while dead rows are left, pauses for as long as a sweep took. Returns `stop`, which waits for the current sweep. */
export const keepSweeping = ({ sweep, metrics, log, pause_milliseconds = PAUSE_MILLISECONDS }: Needs) => {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  let underway = Promise.resolve()
  const look = async (): Promise<number> => {
    const began = performance.now()
    const deleted = await sweep()
    if (deleted === null) return pause_milliseconds
    for (const [table] of RETENTIONS) metrics.deleted(table, deleted[table] ?? 0)
    return isUnfinished(deleted) ? performance.now() - began : pause_milliseconds
  }
  const guarded = async (): Promise<number> => {
    try {
      return await look()
    } catch (error) {
      // An unavailable Postgres is logged elsewhere.
      if (!(error instanceof Unavailable))
        log.error({ error: String(error) }, 'dead rows could not be deleted')
      return pause_milliseconds
    }
  }
  const schedule = (milliseconds: number) => {
    if (isStopped) return
    timer = setTimeout(() => {
      underway = guarded().then(schedule)
    }, milliseconds).unref()
  }
  schedule(pause_milliseconds)
  return async (): Promise<void> => {
    isStopped = true
    clearTimeout(timer)
    await underway
  }
}
