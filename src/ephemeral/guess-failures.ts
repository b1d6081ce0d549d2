import type { GuessFailures } from '../ports/limits.ts'
import { openCounts } from './counts.ts'
import type { RedisConnection } from './redis.ts'

/** Failures are forgotten this long after the first one. */
const REMEMBERED_SECONDS = 3_600

export const createGuessFailures = (redis: RedisConnection | null): GuessFailures => {
  const rows = openCounts(redis, { name: 'failures', seconds: REMEMBERED_SECONDS })
  return {
    count: async key => (await rows.read(key)).points,
    add: async key => {
      await rows.add(key)
    },
    forget: rows.reset,
  }
}
