import type { Metrics } from '../ports/effects.ts'
import type { Allowance, Limit, RateLimit } from '../ports/limits.ts'
import { type Count, openCounts } from './counts.ts'
import type { RedisConnection } from './redis.ts'

/** Keys that this process remembers as used up, at most. Beyond them the store is asked again. */
const REMEMBERED = 10_000

type Needs = Readonly<{ redis: RedisConnection | null; metrics: Pick<Metrics, 'limited'> }>

/** Makes limits, each under a name of its own. */
export const createLimits =
  (needs: Needs) =>
  (name: string, limit: RateLimit): Limit =>
    limit === null ? unlimited : createLimit(needs, { name, ...limit })

type Named = Readonly<{ name: string; count: number; window_seconds: number }>

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

/** A time that was added to a fractional one and taken from it again is a hair longer than it was. */
const secondsUp = (milliseconds: number): number => Math.ceil(Math.round(milliseconds) / 1000)

const unlimited: Limit = {
  consume: async () => null,
  isExhausted: () => null,
}
