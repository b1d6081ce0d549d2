import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRedisBlocklist } from '../../src/ephemeral/blocklist.ts'
import { createBlocklistMirror } from '../../src/ephemeral/blocklist-mirror.ts'
import { openRedis } from '../../src/ephemeral/redis.ts'
import { hasRedis } from '../support/backends.ts'
import { createLog } from '../support/effects.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { redisRights } from '../support/repository/redis-rights.ts'

const PREFIX = 'signet:https://id.example:'

describe.skipIf(!hasRedis)('the rights that docs/redis.md grants', () => {
  const rights = redisRights('signet')
  let server: RedisServer
  beforeAll(async () => {
    server = await openRedisServer()
  })
  afterAll(() => server.close())

  /** Everything that an instance does in Redis, by a user with these rights. Returns what Redis refused. */
  const refusedOf = async (granted: readonly string[]): Promise<readonly string[]> => {
    const { admin } = server
    await admin.call('acl', 'setuser', 'signet', 'reset', 'on', '>secret', `~${PREFIX}*`, ...granted)
    await admin.call('acl', 'log', 'reset')
    await admin.call('script', 'flush')
    await admin.flushall()
    const redis = openRedis({
      url: `redis://signet:secret@127.0.0.1:${server.port}/1`,
      prefix: PREFIX,
      log: createLog().log,
    })
    await redis.connect()
    const mirror = createBlocklistMirror(redis)
    const entry = { kind: 'jti', value: 'ended' } as const
    const expires_at = Math.floor(Date.now() / 1000) + 900
    const copied = await (async () => {
      const ticket = await mirror.begin()
      await mirror.write([{ ...entry, issued_until: null, expires_at }], new Date())
      await mirror.complete(ticket)
      return mirror.renew()
    })().catch(() => false)
    const blocklist = createRedisBlocklist(redis)
    await blocklist.add([entry], 900)
    const isBlocked = await blocklist.has({ jti: 'ended', sub: 'ada', client_id: 'web', iat: 1 })
    const isWhole = redis.fault() === null && copied && isBlocked
    await redis.close()
    const log = await admin.call('acl', 'log')
    const refused = (Array.isArray(log) ? log : []).map(line => JSON.stringify(line))
    return isWhole ? refused : [...refused, 'not whole']
  }

  it('are enough, and Redis refuses nothing', async () => {
    expect(await refusedOf(rights)).toEqual([])
  })

  it.each(rights.map(right => [right]))('are all needed: %s', async right => {
    expect(await refusedOf(rights.filter(other => other !== right))).toContain('not whole')
  })
})
