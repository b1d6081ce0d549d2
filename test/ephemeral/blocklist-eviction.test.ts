import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, it, type TestContext } from 'vitest'
import { BLOCKLIST_COMPLETE, blocklistKey } from '../../src/domain/revocations/blocklist-key.ts'
import { createBlocklistMirror } from '../../src/ephemeral/blocklist-mirror.ts'
import { openRedis } from '../../src/ephemeral/redis.ts'
import { mirrorRevocations } from '../../src/flows/revocations/mirror.ts'
import { redisRevocations } from '../../src/sdk/redis.ts'
import { createRevocationFeed } from '../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../src/store/revocations/revocations.ts'
import { backends, hasRedis, type OpenBackend } from '../support/backends.ts'
import { createLog } from '../support/effects.ts'
import { openOwnRedis } from '../support/services/own-redis.ts'

const EVICTING = ['lru', 'lfu', 'random']
  .flatMap(order => [`allkeys-${order}`, `volatile-${order}`])
  .concat('volatile-ttl')
const PREFIX = 'signet:'
const MARKER = PREFIX + BLOCKLIST_COMPLETE
const NOW = Math.floor(Date.now() / 1000)
const tokenOf = (jti: string) => ({ jti, sub: 'ada', client_id: 'web', iat: NOW, exp: NOW + 900 })

// A server reads the policy every half second, so the tests run at the same time, each with a Redis of its own.
describe.skipIf(!hasRedis)('the blocklist in a Redis that evicts', { concurrent: true }, () => {
  let backend: OpenBackend
  beforeAll(async () => {
    const last = backends.at(-1)
    if (last === undefined) throw new Error('there is a backend')
    backend = await last.open()
  })
  afterAll(() => backend.close())

  const begin = async ({ expect, onTestFinished }: TestContext) => {
    const own = await openOwnRedis()
    onTestFinished(own.close)
    const jti = randomUUID()
    const expires_at = new Date(Date.now() + 900_000)
    await createRevocations(backend.database, { access_token_seconds: 900 }).revokeAccessToken({
      jti,
      expires_at,
    })
    const open = async () => {
      const { log, lines } = createLog()
      const redis = openRedis({ url: own.url, prefix: PREFIX, log })
      onTestFinished(() => redis.close())
      await redis.connect()
      return { redis, mirror: createBlocklistMirror(redis), log, lines }
    }
    const copy = async () => {
      const { redis, mirror, log, lines } = await open()
      const feed = createRevocationFeed(backend.database)
      onTestFinished(mirrorRevocations({ feed, mirror, clock: () => new Date(), log, poll_milliseconds: 10 }))
      return { redis, lines }
    }
    const source = redisRevocations({ prefix: PREFIX, mget: keys => own.admin.mget(keys) })
    /** Evicts whatever may be evicted, as a full memory would. */
    const evict = async () => {
      await own.admin.config('SET', 'maxmemory', '1')
      await own.admin.set('one', 'more').catch(() => {})
      await own.admin.config('SET', 'maxmemory', '0')
      expect(await own.admin.exists(PREFIX + blocklistKey('jti', jti))).toBe(0)
    }
    return {
      expect,
      own,
      open,
      copy,
      evict,
      revoked: () => source.check(tokenOf(jti)),
      living: () => source.check(tokenOf(randomUUID())),
      setPolicy: (policy: string) => own.admin.config('SET', 'maxmemory-policy', policy),
    }
  }

  it.for(EVICTING)('is never said to be complete from the start on: %s', async (policy, context) => {
    const { expect, own, copy, living, setPolicy } = await begin(context)
    await setPolicy(policy)
    const { redis, lines } = await copy()
    await expect
      .poll(() => lines)
      .toContainEqual(expect.objectContaining({ message: 'the blocklist in Redis is not complete for now' }))
    expect([await living(), await own.admin.exists(MARKER)]).toEqual(['stale', 0])
    expect(redis.isHealthy()).toBe(true)
    expect(redis.isKeeping()).toBe(false)
    expect(redis.fault()).toContain(
      `redis may evict what was revoked: maxmemory-policy is ${policy}, not noeviction`,
    )
    expect(lines.filter(({ message }) => message.startsWith('redis may evict'))).toHaveLength(1)
  })

  it.for(EVICTING)(
    'is not any longer when that begins meanwhile, until all is there again: %s',
    async (policy, context) => {
      const { expect, copy, evict, revoked, living, setPolicy } = await begin(context)
      const { redis } = await copy()
      await expect.poll(living).toBe('live')
      await setPolicy(policy)
      await expect.poll(living).toBe('stale')
      await evict()
      expect(await revoked()).toBe('stale')
      await expect.poll(redis.isKeeping, { timeout: 5_000 }).toBe(false)
      await setPolicy('noeviction')
      const standings = new Set<unknown>()
      await expect
        .poll(async () => {
          standings.add(await revoked())
          return living()
        })
        .toBe('live')
      expect(standings).not.toContain('live')
      expect(await revoked()).toBe('revoked')
      await expect.poll(redis.fault, { timeout: 5_000 }).toBeNull()
    },
  )

  it('is not completed when an entry was evicted since it was begun, whatever the policy is by then', async context => {
    const { expect, own, open, evict, revoked, living, setPolicy } = await begin(context)
    const { mirror } = await open()
    const ticket = await mirror.begin()
    await createRevocationFeed(backend.database).readAll(some => mirror.write(some, new Date()))
    await setPolicy('volatile-ttl')
    await expect(mirror.complete(ticket)).rejects.toThrow('maxmemory-policy is volatile-ttl')
    await setPolicy('noeviction')
    await mirror.complete(ticket)
    expect(await revoked()).toBe('revoked')
    const second = await mirror.begin()
    await setPolicy('volatile-random')
    await evict()
    await setPolicy('noeviction')
    await own.admin.set(PREFIX + second, 'restored by hand')
    await expect(mirror.complete(second)).rejects.toThrow('keys were evicted')
    expect(await mirror.renew()).toBe(false)
    expect(await living()).toBe('stale')
  })

  it('is not renewed when evictions came and went between two looks, or another run has the rows', async context => {
    const { expect, own, open, living } = await begin(context)
    const { mirror } = await open()
    await mirror.complete(await mirror.begin())
    expect(await mirror.renew()).toBe(true)
    expect(await living()).toBe('live')
    // A server that was started with rows of its past has another run_id.
    await own.admin.set(MARKER, `${'0'.repeat(40)}:0`)
    await mirror.begin()
    expect(await living()).toBe('stale')
    await own.admin.set(MARKER, '1', 'EX', 60)
    expect(await mirror.renew()).toBe(false)
    expect(await living()).toBe('stale')
  })

  it('counts as evicted where the policy cannot be known', async context => {
    const { expect, own, copy, living } = await begin(context)
    await own.admin.call('acl', 'setuser', 'signet', '-info')
    const { redis, lines } = await copy()
    await expect.poll(() => lines.some(({ message }) => message.startsWith('the blocklist'))).toBe(true)
    expect(await living()).toBe('stale')
    expect(redis.fault()).toContain('maxmemory-policy is unknown')
    expect(redis.isHealthy()).toBe(true)
  })
})
