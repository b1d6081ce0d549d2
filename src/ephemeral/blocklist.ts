import { CLOCK_TOLERANCE_MAX_SECONDS } from '../domain/base/clock-tolerance.ts'
import { blocklistKey as keyOf } from '../domain/revocations/blocklist-key.ts'
import type { WritableBlocklist } from '../ports/revocations.ts'
import type { RedisConnection } from './redis.ts'

/**
 * An entry expires once its token has expired even on a clock that is slow by the largest tolerance. The list is therefore bounded.
 * The value of a `sub` or `client_id` is the last second whose tokens are ended.
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
    // A lost entry does no harm: each instance that copies the feed writes it before it marks the copy as complete.
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

/** The blocklist of a server without Redis: every look-up goes to Postgres. */
export const absentBlocklist: WritableBlocklist = {
  add: async () => {},
  has: async () => false,
}
