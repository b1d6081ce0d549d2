import type { Blocklist } from '../ports.ts'
import type { RedisConnection } from './redis.ts'

const keyOf = (kind: 'jti' | 'sid', value: string) => `signet:revoked:${kind}:${value}`

/** Entries live exactly as long as the token would have, so that the list cannot grow without bound. */
export const createRedisBlocklist = ({ client, isReady }: RedisConnection): Blocklist => ({
  add: async (entries, seconds) => {
    if (!isReady() || seconds <= 0) return
    const pipeline = client.pipeline()
    for (const { kind, value } of entries) pipeline.set(keyOf(kind, value), '1', 'EX', Math.ceil(seconds))
    await pipeline.exec().catch(() => null)
  },
  has: async ({ jti, sid }) => {
    if (!isReady()) return false
    const keys = [keyOf('jti', jti), ...(sid === undefined ? [] : [keyOf('sid', sid)])]
    const found = await client.exists(...keys).catch(() => 0)
    return found > 0
  },
})

/** Without Redis there is nothing faster than Postgres to ask. */
export const absentBlocklist: Blocklist = {
  add: async () => {},
  has: async () => false,
}
