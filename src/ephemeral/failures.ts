import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import type { Failures } from '../ports.ts'
import type { RedisConnection } from './redis.ts'

/** How long a row of failures is remembered, from its first. */
const REMEMBERED_SECONDS = 3_600

/** Rows of failures: counted by one atomic step in Redis, in process while there is none. */
export const createFailures = (redis: RedisConnection | null): Failures => {
  // Points are only counted here; what they lead to is the domain's to say.
  const options = { keyPrefix: 'signet:failures', points: 1, duration: REMEMBERED_SECONDS }
  const memory = new RateLimiterMemory(options)
  const rows =
    redis === null
      ? memory
      : new RateLimiterRedis({
          ...options,
          storeClient: redis.client,
          insuranceLimiter: memory,
          rejectIfRedisNotReady: true,
        })
  return {
    count: async key => (await rows.get(key))?.consumedPoints ?? 0,
    add: async key => {
      await rows.penalty(key)
    },
    forget: async key => {
      await rows.delete(key)
    },
  }
}
