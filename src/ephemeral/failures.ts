import type { Failures } from '../ports.ts'
import type { RedisConnection } from './redis.ts'
import { openWindow } from './window.ts'

/** How long a row of failures is remembered, from its first. */
const REMEMBERED_SECONDS = 3_600

export const createFailures = (redis: RedisConnection | null): Failures => {
  // Points are only counted here; what they lead to is the domain's to say.
  const rows = openWindow(redis, { name: 'failures', points: 1, seconds: REMEMBERED_SECONDS })
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
