import { CLOCK_TOLERANCE_MAX_SECONDS } from '../domain/base/clock-tolerance.ts'
import { blocklistKey as keyOf } from '../domain/revocations/blocklist-key.ts'
import type { WritableBlocklist } from '../ports/revocations.ts'
import type { RedisConnection } from './redis.ts'

/**
 * Entries live as long as the token would have for the latest clock, so that the list cannot grow without bound. Of `sub` and
 * `client_id` the value is the last second whose tokens are ended.
 */
export const createRedisBlocklist = ({ client, isReady }: RedisConnection): WritableBlocklist => ({
  add: async (entries, seconds) => {
    if (!isReady() || seconds <= 0) return
    const pipeline = client.pipeline()
    for (const { kind, value, issued_until = 1 } of entries)
      pipeline.set(
        keyOf(kind, value),
        String(issued_until),
        'EX',
        Math.ceil(seconds) + CLOCK_TOLERANCE_MAX_SECONDS,
      )
    // What is lost here is written by each instance that copies the feed, before it says again that nothing is missing.
    await pipeline.exec().catch(() => null)
  },
  has: async ({ jti, sid, sub, client_id, iat }) => {
    if (!isReady()) return false
    const keys = [keyOf('sub', sub), keyOf('client_id', client_id), keyOf('jti', jti)]
    if (sid !== undefined) keys.push(keyOf('sid', sid))
    const [person, app, ...own] = await client.mget(keys).catch(() => [])
    return own.some(found => found !== null) || [person, app].some(until => Number(until ?? 0) >= iat)
  },
})

/** Without Redis there is nothing faster than Postgres to ask. */
export const absentBlocklist: WritableBlocklist = {
  add: async () => {},
  has: async () => false,
}
