import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import type { RateLimit } from '../domain/rate-limit.ts'
import type { Allowance, Limit, Metrics } from '../ports.ts'
import type { RedisConnection } from './redis.ts'

/** Keys that this process remembers as used up, at most. Beyond them the store is asked again. */
const REMEMBERED = 10_000

/** Fixed windows: one atomic step in Redis, in process while there is none. */
export const createLimit = (
  name: string,
  limit: RateLimit,
  { redis, metrics }: Readonly<{ redis: RedisConnection | null; metrics: Metrics }>,
): Limit => {
  if (limit === null) return unlimited
  const { count, window_seconds } = limit
  const options = { keyPrefix: `signet:limit:${name}`, points: count, duration: window_seconds }
  const memory = new RateLimiterMemory(options)
  const limiter =
    redis === null
      ? memory
      : new RateLimiterRedis({
          ...options,
          storeClient: redis.client,
          insuranceLimiter: memory,
          rejectIfRedisNotReady: true,
        })
  const exhausted = new Map<string, number>()

  const remember = (key: string, allowance: Allowance) => {
    if (exhausted.size >= REMEMBERED) exhausted.clear()
    exhausted.set(key, Date.now() + allowance.reset_seconds * 1000)
    return allowance
  }
  const toAllowance = (state: RateLimiterRes, isAllowed: boolean): Allowance => ({
    name,
    window_seconds,
    isAllowed,
    limit: count,
    remaining: Math.max(0, state.remainingPoints),
    reset_seconds: Math.max(1, Math.ceil(state.msBeforeNext / 1000)),
  })

  return {
    consume: async key => {
      try {
        return toAllowance(await limiter.consume(key), true)
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error
        metrics.limited(name)
        return remember(key, toAllowance(error, false))
      }
    },
    isExhausted: key => {
      const until = exhausted.get(key)
      if (until === undefined) return null
      const reset_seconds = Math.ceil((until - Date.now()) / 1000)
      if (reset_seconds <= 0) {
        exhausted.delete(key)
        return null
      }
      metrics.limited(name)
      return { name, window_seconds, isAllowed: false, limit: count, remaining: 0, reset_seconds }
    },
  }
}

const unlimited: Limit = {
  consume: async () => null,
  isExhausted: () => null,
}
