import { type ExpiringTable, RETENTIONS } from '../domain/base/retention.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Log, Metrics } from '../ports/effects.ts'
import type { Database } from './postgres/index.ts'
import { numberAll } from './revocations/number-revocations.ts'

/** Rows that one statement deletes, at most: it holds the embedded database's one connection up for milliseconds. */
const BATCH_ROWS = 500

/** For as long as nobody else may start after the last sign of life. */
const LEASE_SECONDS = 60

/** The columns of each primary key, by which a dead row is found again. Every table here has `expires_at`, with an index. */
export const PRIMARY_KEYS: Readonly<Record<ExpiringTable, string>> = {
  refresh_families: 'id',
  revocations: 'kind, value',
  feed_positions: 'number',
  spent_assertions: 'client_id, jti_digest',
  status_entries: 'idx',
  import_batches: 'digest',
  email_links: 'user_id, purpose',
  ceremonies: 'digest',
  authorization_codes: 'user_id, digest',
  browser_sessions: 'user_id, id',
  pushed_requests: 'digest',
}

type Deleted = Readonly<Partial<Record<ExpiringTable, number>>>

/** Deletes a batch of each table, and tells how many rows went; null when another replica is at it. */
export type Sweep = () => Promise<Deleted | null>

/**
 * Ours: a batch of each table, by the one replica that holds the lease. A living row is never locked, and a dead one that
 * somebody presents at this moment is left for the next time: no refresh waits for this.
 */
export const createSweep =
  (database: Database, { holder }: Readonly<{ holder: string }>): Sweep =>
  async () => {
    if (!(await takeLease(database, holder))) return null
    const deleted: Partial<Record<ExpiringTable, number>> = {}
    for (const [table, seconds] of RETENTIONS) deleted[table] = await deleteBatch(database, table, seconds)
    // Where no service follows the feed, its entries wait for the first one that does.
    await numberAll(database)
    return deleted
  }

/** Atomic: true for one holder at a time. A holder that died is succeeded when its lease is over. */
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

/** The limit is a literal, for the planner: a plan for any limit would read the whole table to find the rows of the batch again. */
const deleteBatch = async (database: Database, table: ExpiringTable, seconds: number): Promise<number> => {
  const [deleted] = await database.run(sql => {
    const key = sql.unsafe(PRIMARY_KEYS[table])
    return sql<{ rows: number }[]>`
      with dead as materialized (
        select ${key}
        from signet.${sql(table)}
        where expires_at < statement_timestamp() - make_interval(secs => ${seconds})
        order by expires_at
        limit ${sql.unsafe(String(BATCH_ROWS))}
        for update skip locked
      ),
      deleted as (
        delete from signet.${sql(table)}
        where (${key}) in (select ${key} from dead)
        returning 1
      )
      select count(*)::integer as rows from deleted`
  })
  return deleted?.rows ?? 0
}

/** True when a table may hold more dead rows than went just now. */
const isUnfinished = (deleted: Deleted): boolean => Object.values(deleted).includes(BATCH_ROWS)

/** Milliseconds between two looks when there was nothing left. */
const PAUSE_MILLISECONDS = 60_000

type Needs = Readonly<{ sweep: Sweep; metrics: Metrics; log: Log; pause_milliseconds?: number }>

/** Sweeps now and then; with much to do, half of the time. Returns how to stop it, which waits for the batch under way. */
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
      // That Postgres is away is on everybody's lips already.
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
