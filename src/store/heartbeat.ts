import { CLOCK_TOLERANCE_SECONDS } from '../domain/base/clock-tolerance.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Clock, Log } from '../ports/effects.ts'
import type { Database } from './postgres/index.ts'

/** Milliseconds for which a written heartbeat stands for the next ones: many probes cost one write a second. */
const FRESH_MILLISECONDS = 1_000
/** Milliseconds that a caller waits. A probe waits for two seconds. */
const PATIENCE_MILLISECONDS = 1_500
/** Seconds after which the row of an instance counts as that of a dead one. */
const HEARTBEAT_SECONDS = 60

export type Heartbeat = Readonly<{
  /**
   * Writes the row of this instance and commits, at most once a second for all callers. Rejects with Unavailable when the commit takes
   * longer than PATIENCE_MILLISECONDS, and at once while an earlier commit hangs. A pool that is full while Postgres answers is no fault.
   */
  beat: () => Promise<void>
  /** Seconds by which the clock of Postgres was ahead of the one here at the last heartbeat; null before the first one. */
  clockOffset: () => number | null
  /** True while both clocks agree, or Postgres has not been asked. */
  isClockRight: () => boolean
  /**
   * The clock here; the clock of Postgres where the last heartbeat found that they differ. Postgres judges every row, so that a token of
   * another clock would be dead when it is issued, or live too long.
   */
  clock: Clock
}>

type Needs = Readonly<{ database: Database; holder: string; clock: Clock; log: Pick<Log, 'warn'> }>

/**
 * Ours – Proves that Postgres commits: a primary that has lost its synchronous standby, or whose disk hangs, goes on answering reads. A
 * hanging commit keeps its connection, so that there is never a second one.
 */
export const createHeartbeat = ({ database, holder, clock, log }: Needs): Heartbeat => {
  const task = `heartbeat:${holder}`
  let attempt: Readonly<{ began_at: number; done: Promise<void> }> | null = null
  let hanging = 0
  let written_at = -Infinity
  let clock_offset: number | null = null

  const isClockRight = () => Math.abs(clock_offset ?? 0) <= CLOCK_TOLERANCE_SECONDS

  const write = async (): Promise<void> => {
    const before = clock()
    const rows = await database.run(async sql => {
      hanging++
      try {
        return await sql<{ at: Date }[]>`
          insert into signet.leases (task, holder, expires_at)
          values (${task}, ${holder}, statement_timestamp() + make_interval(secs => ${HEARTBEAT_SECONDS}))
          on conflict (task) do update
          set expires_at = excluded.expires_at
          returning clock_timestamp() as at`
      } finally {
        hanging--
      }
    })
    written_at = performance.now()
    const wasRight = isClockRight()
    for (const { at } of rows) clock_offset = offsetOf(at, { before, after: clock() })
    if (wasRight && !isClockRight()) log.warn({ event: 'clock_differs' }, describe(clock_offset))
  }
  const begin = () => ({
    began_at: performance.now(),
    done: write().finally(() => {
      attempt = null
    }),
  })
  const isFresh = () => performance.now() - written_at < FRESH_MILLISECONDS && database.load().isAnswering

  return {
    beat: async () => {
      if (isFresh()) return
      if (attempt === null && hanging > 0) throw unavailable()
      attempt ??= begin()
      const { began_at, done } = attempt
      const isOver = await isOverWithin(done, began_at + PATIENCE_MILLISECONDS - performance.now())
      if (!isOver && (hanging > 0 || !database.load().isAnswering)) throw unavailable()
    },
    clockOffset: () => clock_offset,
    isClockRight,
    clock: () => {
      const now = clock()
      return isClockRight() ? now : new Date(now.getTime() + (clock_offset ?? 0) * 1000)
    },
  }
}

const describe = (seconds: number | null) =>
  `the clock of Postgres differs by ${seconds} s from the one here, and is the one that counts: keep both right by NTP`

const unavailable = () => new Unavailable('database', 1, 'a commit hangs')

type Span = Readonly<{ before: Date; after: Date }>

/** Seconds from the nearer end of the span in which `at` was read; 0 for a time within it. */
const offsetOf = (at: Date, { before, after }: Span): number => {
  const [early, late] = [at.getTime() - before.getTime(), at.getTime() - after.getTime()]
  return (early < 0 ? early : Math.max(0, late)) / 1000
}

/** True when the work is done in time, false when the time is over. Rejects with the work's own fault in time. */
const isOverWithin = async (done: Promise<void>, milliseconds: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(resolve, Math.max(0, milliseconds), false)
  })
  try {
    return await Promise.race([done.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
