import { OID } from './array-types.ts'
import type { Connection } from './connection.ts'
import type { Dialer } from './dialer.ts'
import type { Tagged } from './qualify.ts'

/** A connection of the pool, as the watchdog sees it. */
type WatchedConnection = Pick<Connection, 'pid' | 'address' | 'isAbandoned' | 'destroy'>

type Needs = Readonly<{
  /** Opens a client of its own, because those of the pool may all be waiting. */
  open: () => Tagged & Pick<Dialer, 'address' | 'destroy'>
  connections: () => readonly WatchedConnection[]
  /** Seconds that a statement must have waited before it is cancelled. */
  patience_seconds: number
}>

const PAUSE_MILLISECONDS = 1_000
/** A hanging watchdog is one more connection, so it is replaced once a minute at most. */
const HANGING_MILLISECONDS = 60_000

/**
 * Ours – While a connection is abandoned, a further one asks Postgres for the state of its process. If the process is gone, the connection
 * is destroyed, although its end was not received. A process that waits for a row is cancelled. A process that never got the statement, or
 * whose answer was lost, is terminated. A commit that waits for its standby is left alone: if it were cancelled, the commit would be
 * visible here but not on the standby, and a retry, which finds nothing to write and waits for no standby, would confirm what a failover
 * loses.
 */
export const createWatchdog = ({ open, connections, patience_seconds }: Needs) => {
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  /** True behind a pooler, where the processes have other numbers. */
  let isBlind = false

  const watch = () => {
    if (isStopped || isBlind) return
    timer ??= setTimeout(() => void lookUntilQuiet(), PAUSE_MILLISECONDS).unref()
  }

  const lookUntilQuiet = async () => {
    const watchdog = open()
    const giveUp = setTimeout(watchdog.destroy, HANGING_MILLISECONDS).unref()
    await look(watchdog).catch(() => undefined)
    clearTimeout(giveUp)
    await watchdog.sql.end({ timeout: 0 }).catch(() => undefined)
    timer = undefined
    if (connections().some(({ isAbandoned }) => isAbandoned())) watch()
  }

  const look = async ({ sql, pid, address }: ReturnType<Needs['open']>) => {
    const asked = connections().filter(connection => connection.pid() !== null)
    const pidsOf = (some: readonly WatchedConnection[]) => some.map(connection => connection.pid() ?? 0)
    const abandoned = pidsOf(asked.filter(({ isAbandoned }) => isAbandoned()))
    const known = asked.map(connection => ({ connection, pid: connection.pid() }))
    const rows = await sql<{ own: number; pid: number | null }[]>`
      select
        pg_backend_pid() as own,
        backend.pid,
        case
          when backend.pid <> all(${sql.typed(abandoned, OID.int_array)}::int[]) then null
          when state = 'active' and wait_event_type in ('Lock', 'Timeout')
            and extract(epoch from statement_timestamp() - query_start) > ${patience_seconds}::float8
            then pg_cancel_backend(backend.pid)
          when state = 'idle' and extract(epoch from statement_timestamp() - state_change) > ${patience_seconds}::float8
            then pg_terminate_backend(backend.pid)
        end as ended
      from (select) as here
      left join pg_stat_activity as backend
        on backend.pid = any(${sql.typed(pidsOf(asked), OID.int_array)}::int[]) and backend.usename = session_user`
    if (rows[0]?.own !== pid()) {
      isBlind = true
      return
    }
    const living = new Set(rows.map(row => row.pid))
    for (const { connection, pid: before } of known)
      if (!living.has(before) && connection.pid() === before && connection.address() === address())
        connection.destroy()
  }

  const stop = () => {
    isStopped = true
    clearTimeout(timer)
  }

  return { watch, stop }
}
