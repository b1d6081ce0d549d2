import { type CountOperation, countInRedis, type SharedCount } from './count-script.ts'
import type { RedisConnection } from './redis.ts'

/** Points of one key in its window, and the milliseconds until the window ends. */
export type Count = Readonly<{ points: number; milliseconds: number }>

/** The most keys of one kind that this process counts, about 10 MB. Beyond this number the least recently counted keys are evicted. */
const MOST_KEYS = 50_000

type Row = {
  points: number
  /** On the clock of `performance.now()`. */
  until: number
  /** The last reset that this instance knows of. */
  reset: number
}

/**
 * Fixed-window counters: a window begins with the first point of a key. Every point is also counted in process, and the larger of the
 * two numbers is the count, so that this instance's points survive when Redis is away, refuses, evicts or restarts empty. While Redis
 * is not trusted with counts, this process neither writes nor reads counts there. Never rejects.
 */
export const openCounts = (
  redis: RedisConnection | null,
  { name, seconds }: Readonly<{ name: string; seconds: number }>,
) => {
  const milliseconds = seconds * 1000
  const rows = new Map<string, Row>()

  const findRow = (key: string, now: number): Row | null => {
    const row = rows.get(key)
    if (row !== undefined && row.until > now) return row
    rows.delete(key)
    return null
  }
  const createRow = (now: number): Row => {
    for (const [oldest, { until }] of rows) {
      if (until > now && rows.size < MOST_KEYS) break
      rows.delete(oldest)
    }
    return { points: 0, until: now + milliseconds, reset: Date.now() }
  }
  /** The row becomes the most recently counted one. */
  const addOwn = (key: string, now: number): Row => {
    const row = findRow(key, now) ?? createRow(now)
    row.points += 1
    rows.delete(key)
    rows.set(key, row)
    return row
  }
  const ask = async (operation: CountOperation, key: string): Promise<SharedCount | null> =>
    (await redis?.count(client =>
      countInRedis(client, operation, { key: `count:${name}:${key}`, milliseconds }),
    )) ?? null

  return {
    /** Adds a point. Returns the count that includes the point. */
    add: async (key: string): Promise<Count> => {
      const now = performance.now()
      const row = addOwn(key, now)
      const own = { points: row.points, milliseconds: row.until - now }
      const shared = await ask('add', key)
      if (shared === null) return own
      if (own.points === 1) row.until = Math.min(row.until, now + shared.milliseconds)
      if (!learnReset(row, shared)) return larger(own, shared)
      row.points = 1
      return shared
    },
    read: async (key: string): Promise<Count> => {
      const shared = await ask('read', key)
      const now = performance.now()
      const row = findRow(key, now)
      if (row === null) return shared ?? { points: 0, milliseconds }
      if (shared === null) return { points: row.points, milliseconds: row.until - now }
      if (!learnReset(row, shared))
        return larger({ points: row.points, milliseconds: row.until - now }, shared)
      row.points = 0
      return shared
    },
    reset: async (key: string): Promise<void> => {
      rows.delete(key)
      await ask('reset', key)
    },
  }
}

/** True when the points were reset since this instance last read the shared count. */
const learnReset = (row: Row, { reset }: SharedCount): boolean => {
  const isNew = reset > row.reset
  row.reset = reset
  return isNew
}

const larger = (own: Count, shared: Count): Count => (own.points > shared.points ? own : shared)
