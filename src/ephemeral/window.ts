import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible'
import type { RedisConnection } from './redis.ts'

/** Points of one key, at most, in so many seconds from the first of them. */
type Window = Readonly<{ name: string; points: number; seconds: number }>

/** Counts in fixed windows: by one atomic step in Redis; in process without one, and for as long as it is away. */
export const openWindow = (
  redis: RedisConnection | null,
  { name, points, seconds }: Window,
): RateLimiterMemory | RateLimiterRedis => {
  const options = { keyPrefix: `signet:${name}`, points, duration: seconds }
  const memory = new RateLimiterMemory(options)
  if (redis === null) return memory
  return new RateLimiterRedis({
    ...options,
    storeClient: redis.client,
    insuranceLimiter: memory,
    rejectIfRedisNotReady: true,
  })
}
