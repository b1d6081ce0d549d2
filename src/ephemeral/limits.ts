import type { LimitName } from '../domain/base/limit-names.ts'
import type { Metrics } from '../ports/effects.ts'
import type { Allowance, Limit, RateLimit } from '../ports/limits.ts'
import { type Count, openCounts } from './counts.ts'
import type { RedisConnection } from './redis.ts'

/** The most exhausted keys that this process remembers. When the map is full it is emptied, and the counts decide again. */
const REMEMBERED = 10_000

type Needs = Readonly<{ redis: RedisConnection | null; metrics: Pick<Metrics, 'limited'> }>

/** Creates limits. Each limit needs a unique name, because the name is part of its keys. */
export const createLimits =
  (needs: Needs) =>
  (name: LimitName, limit: RateLimit): Limit =>
    limit === null ? unlimited : createLimit(needs, { name, ...limit })

type Named = Readonly<{ name: LimitName; count: number; window_seconds: number }>

const createLimit = ({ redis, metrics }: Needs, { name, count, window_seconds }: Named): Limit => {
  const counts = openCounts(redis, { name: `limit:${name}`, seconds: window_seconds })
  const exhausted = new Map<string, number>()

  const remember = (key: string, allowance: Allowance) => {
    if (exhausted.size >= REMEMBERED) exhausted.clear()
    exhausted.set(key, performance.now() + allowance.reset_seconds * 1000)
    return allowance
  }
  const toAllowance = ({ points, milliseconds }: Count): Allowance => ({
    name,
    window_seconds,
    isAllowed: points <= count,
    limit: count,
    remaining: Math.max(0, count - points),
    reset_seconds: Math.max(1, secondsUp(milliseconds)),
  })

  return {
    consume: async key => {
      const allowance = toAllowance(await counts.add(key))
      if (allowance.isAllowed) return allowance
      metrics.limited(name)
      return remember(key, allowance)
    },
    isExhausted: key => {
      const until = exhausted.get(key)
      if (until === undefined) return null
      const reset_seconds = secondsUp(until - performance.now())
      if (reset_seconds <= 0) {
        exhausted.delete(key)
        return null
      }
      metrics.limited(name)
      return { name, window_seconds, isAllowed: false, limit: count, remaining: 0, reset_seconds }
    },
  }
}

/** Rounds to whole milliseconds first, because adding and subtracting floats can leave a tiny excess, which would cost a whole second. */
const secondsUp = (milliseconds: number): number => Math.ceil(Math.round(milliseconds) / 1000)

const unlimited: Limit = {
  consume: async () => null,
  isExhausted: () => null,
}
