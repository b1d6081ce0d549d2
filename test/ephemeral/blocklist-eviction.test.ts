import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { BLOCKLIST_COMPLETE, blocklistKey } from '../../src/domain/revocations/blocklist-key.ts'
import { createBlocklistMirror } from '../../src/ephemeral/blocklist-mirror.ts'
import { openRedis, type RedisConnection } from '../../src/ephemeral/redis.ts'
import { mirrorRevocations } from '../../src/flows/revocations/mirror.ts'
import { redisRevocations } from '../../src/sdk/redis.ts'
import { createRevocationFeed } from '../../src/store/revocations/revocation-feed.ts'
import { createRevocations } from '../../src/store/revocations/revocations.ts'
import { backends, hasRedis, type OpenBackend } from '../support/backends.ts'
import { createLog, type LogLine } from '../support/effects.ts'
import { type OwnRedis, openOwnRedis } from '../support/services/own-redis.ts'

const EVICTING = ['lru', 'lfu', 'random']
  .flatMap(order => [`allkeys-${order}`, `volatile-${order}`])
  .concat('volatile-ttl')
const PREFIX = 'signet:'
const MARKER = PREFIX + BLOCKLIST_COMPLETE
const NOW = Math.floor(Date.now() / 1000)
const tokenOf = (jti: string) => ({ jti, sub: 'ada', client_id: 'web', iat: NOW, exp: NOW + 900 })

describe.skipIf(!hasRedis)('the blocklist in a Redis that evicts', () => {
  let backend: OpenBackend
  let own: OwnRedis
  let redis: RedisConnection
  let lines: readonly LogLine[]
  let jti: string
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const last = backends.at(-1)
    if (last === undefined) throw new Error('there is a backend')
    backend = await last.open()
  })
  afterAll(() => backend.close())
  beforeEach(async () => {
    own = await openOwnRedis()
    jti = randomUUID()
    const expires_at = new Date(Date.now() + 900_000)
    await createRevocations(backend.database, { access_token_seconds: 900 }).revokeAccessToken({
      jti,
      expires_at,
    })
  })
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
    await own.close()
  })

  const open = async () => {
    const log = createLog()
    lines = log.lines
    redis = openRedis({ url: own.url, prefix: PREFIX, log: log.log })
    closers.push(() => redis.close())
    await redis.connect()
    return { mirror: createBlocklistMirror(redis), log: log.log }
  }
  const copy = async () => {
    const { mirror, log } = await open()
    const feed = createRevocationFeed(backend.database)
    closers.push(mirrorRevocations({ feed, mirror, clock: () => new Date(), log, poll_milliseconds: 10 }))
  }
  const source = redisRevocations({ prefix: PREFIX, mget: keys => own.admin.mget(keys) })
  const revoked = () => source.check(tokenOf(jti))
  const living = () => source.check(tokenOf(randomUUID()))
  const setPolicy = (policy: string) => own.admin.config('SET', 'maxmemory-policy', policy)
  /** Evicts whatever may be evicted, as a full memory would. */
  const evict = async () => {
    await own.admin.config('SET', 'maxmemory', '1')
    await own.admin.set('one', 'more').catch(() => {})
    await own.admin.config('SET', 'maxmemory', '0')
    expect(await own.admin.exists(PREFIX + blocklistKey('jti', jti))).toBe(0)
  }

  it.each(EVICTING)('is never said to be complete from the start on: %s', async policy => {
    await setPolicy(policy)
    await copy()
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

  it.each(EVICTING)(
    'is not any longer when that begins meanwhile, until all is there again: %s',
    async policy => {
      await copy()
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

  it('is not completed when an entry was evicted since it was begun, whatever the policy is by then', async () => {
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

  it('is not renewed when evictions came and went between two looks, or another run has the rows', async () => {
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

  it('counts as evicted where the policy cannot be known', async () => {
    await own.admin.call('acl', 'setuser', 'signet', '-info')
    await copy()
    await expect.poll(() => lines.some(({ message }) => message.startsWith('the blocklist'))).toBe(true)
    expect(await living()).toBe('stale')
    expect(redis.fault()).toContain('maxmemory-policy is unknown')
    expect(redis.isHealthy()).toBe(true)
  })
})
