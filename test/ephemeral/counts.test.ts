import { describe, expect, it, type TestContext } from 'vitest'
import { openCounts } from '../../src/ephemeral/counts.ts'
import { createGuessFailures } from '../../src/ephemeral/guess-failures.ts'
import { createLimits } from '../../src/ephemeral/limits.ts'
import { openRedis } from '../../src/ephemeral/redis.ts'
import { hasRedis } from '../support/backends.ts'
import { createLog } from '../support/effects.ts'
import { openFaultProxy } from '../support/services/fault-proxy.ts'
import { openOwnRedis, PARTIAL_STATES } from '../support/services/own-redis.ts'

const metrics = { limited: () => {} }
const repeat = async (times: number, work: () => Promise<unknown>) => {
  for (let turn = 0; turn < times; turn++) await work()
}

// A Redis takes a second to refuse and to come back, so the tests run at the same time, each with a Redis of its own.
describe.skipIf(!hasRedis)('counts in Redis', { concurrent: true }, () => {
  const begin = async ({ expect, onTestFinished }: TestContext) => {
    const own = await openOwnRedis('--databases', '16')
    onTestFinished(own.close)
    const connect = async ({ url = own.url, prefix = 'signet:' } = {}) => {
      const { log, lines } = createLog()
      const redis = openRedis({ url, prefix, log })
      onTestFinished(() => redis.close())
      await redis.connect()
      const limits = createLimits({ redis, metrics })
      return { redis, lines, failures: createGuessFailures(redis), limits }
    }
    return { expect, own, connect }
  }

  describe.each(Object.entries(PARTIAL_STATES))('that %s', (_, state) => {
    it('go on in process, say so, and are not lost when it is over', async context => {
      const { expect, own, connect } = await begin(context)
      const { redis, lines, failures, limits } = await connect()
      const limit = limits('login', { count: 5, window_seconds: 60 })
      expect(redis.fault()).toBeNull()
      await repeat(3, () => failures.add('account'))
      await repeat(3, () => limit.consume('address'))
      await failures.add('forgotten')
      await state.begin(own)
      await repeat(3, () => failures.add('account'))
      expect(await failures.count('account')).toBe(6)
      expect(await failures.count('other')).toBe(0)
      await failures.forget('forgotten')
      expect(await failures.count('forgotten')).toBe(0)
      await repeat(2, () => limit.consume('address'))
      expect(await limit.consume('address')).toMatchObject({ isAllowed: false, remaining: 0 })
      expect(await limit.consume('other')).toMatchObject({ isAllowed: true, remaining: 4 })
      await expect.poll(redis.isHealthy, { timeout: 5_000 }).toBe(false)
      await expect.poll(redis.fault).toMatch(/^redis (?:refuses what the limits need|does not answer)/)
      expect(lines.filter(({ message }) => message.startsWith('redis refuses'))).toHaveLength(1)
      await state.end(own)
      await expect.poll(redis.isHealthy, { timeout: 5_000 }).toBe(true)
      expect(await failures.count('account')).toBe(6)
      await failures.add('account')
      expect(await failures.count('account')).toBe(7)
      expect(await limit.consume('address')).toMatchObject({ isAllowed: false })
      expect(await limit.consume('other')).toMatchObject({ isAllowed: true, remaining: 3 })
      await failures.forget('account')
      expect(await failures.count('account')).toBe(0)
      expect(lines.at(-1)).toMatchObject({ message: 'redis takes what the limits need again' })
    })

    it('begin in process when it is so at the start', async context => {
      const { expect, own, connect } = await begin(context)
      await state.begin(own)
      const { redis, failures } = await connect()
      expect(redis.isHealthy()).toBe(false)
      await repeat(6, () => failures.add('account'))
      expect(await failures.count('account')).toBe(6)
      await state.end(own)
      await expect.poll(redis.isHealthy, { timeout: 5_000 }).toBe(true)
      expect(await failures.count('account')).toBe(6)
    })
  })

  it('are in process in a cluster as long as no node has the slot of the keys', async context => {
    const { expect, onTestFinished } = context
    const { connect } = await begin(context)
    const cluster = await openOwnRedis('--cluster-enabled', 'yes', '--cluster-require-full-coverage', 'no')
    onTestFinished(cluster.close)
    const slot = Number(await cluster.admin.call('cluster', 'keyslot', '{signet:}'))
    for (const [from, to] of [
      [0, slot - 1],
      [slot + 1, 16_383],
    ])
      await cluster.admin.call('cluster', 'addslotsrange', String(from), String(to))
    const { redis, failures } = await connect({ url: cluster.url.replace('redis:', 'redis+cluster:') })
    expect(redis.fault()).toContain('the cluster has no node for the keys of Signet now')
    expect(redis.isMisnamed()).toBe(false)
    await repeat(6, () => failures.add('account'))
    expect(await failures.count('account')).toBe(6)
    await cluster.admin.call('cluster', 'addslots', String(slot))
    await expect.poll(redis.fault, { timeout: 10_000 }).toBeNull()
    expect(await failures.count('account')).toBe(6)
    await failures.add('account')
    expect(await cluster.admin.keys('*')).toContain('{signet:}count:failures:account')
  })

  it('are in process where the URL names one server, and a node of a cluster answers', async context => {
    const { expect, onTestFinished } = context
    const { connect } = await begin(context)
    const cluster = await openOwnRedis('--cluster-enabled', 'yes')
    onTestFinished(cluster.close)
    await cluster.admin.call('cluster', 'addslotsrange', '0', '16383')
    const { redis, failures } = await connect({ url: cluster.url })
    expect(redis.fault()).toContain('this redis is a node of a cluster; write redis+cluster://')
    expect(redis.isMisnamed()).toBe(true)
    await repeat(6, () => failures.add('account'))
    expect(await failures.count('account')).toBe(6)
    expect(await cluster.admin.dbsize()).toBe(0)
  })

  it('are not lost when Redis forgets them: evicted, emptied or restarted', async context => {
    const { expect, own, connect } = await begin(context)
    const { failures, limits } = await connect()
    const limit = limits('login', { count: 5, window_seconds: 60 })
    await repeat(6, () => failures.add('account'))
    await repeat(5, () => limit.consume('address'))
    await own.admin.flushall()
    expect(await failures.count('account')).toBe(6)
    expect(await limit.consume('address')).toMatchObject({ isAllowed: false })
    await failures.forget('account')
    expect(await failures.count('account')).toBe(0)
  })

  it('are one over two instances, and so is their reset', async context => {
    const { expect, connect } = await begin(context)
    const [one, other] = [await connect(), await connect()]
    await repeat(3, () => one.failures.add('account'))
    await repeat(3, () => other.failures.add('account'))
    await one.failures.add('bystander')
    expect(await one.failures.count('account')).toBe(6)
    expect(await other.failures.count('account')).toBe(6)
    await other.failures.forget('account')
    expect(await one.failures.count('account')).toBe(0)
    await one.failures.add('account')
    expect(await other.failures.count('account')).toBe(1)
    await one.failures.forget('account')
    await other.failures.add('account')
    expect(await other.failures.count('account')).toBe(1)
    expect(await other.failures.count('bystander')).toBe(1)
  })

  it('allow exactly as many concurrent requests as the limit, over two instances', async context => {
    const { expect, connect } = await begin(context)
    const [one, other] = [await connect(), await connect()]
    const limits = [one, other].map(({ limits }) => limits('login', { count: 5, window_seconds: 60 }))
    const all = Array.from({ length: 10 }, () => limits).flat()
    const answers = await Promise.all(all.map(limit => limit.consume('address')))
    expect(answers.filter(answer => answer?.isAllowed)).toHaveLength(5)
  })

  it('leave no key for what never failed', async context => {
    const { expect, own, connect } = await begin(context)
    const { failures } = await connect()
    await failures.forget('account')
    expect(await failures.count('account')).toBe(0)
    expect((await own.admin.keys('*')).filter(key => !key.endsWith(':probe'))).toEqual([])
  })

  it('have an end in Redis and in process', async context => {
    const { expect, connect } = await begin(context)
    const { redis } = await connect()
    for (const counts of [
      openCounts(redis, { name: 'a', seconds: 1 }),
      openCounts(null, { name: 'b', seconds: 1 }),
    ]) {
      await counts.add('x')
      const began = performance.now()
      expect(await counts.read('x')).toMatchObject({ points: 1 })
      await expect.poll(async () => (await counts.read('x')).points, { interval: 20, timeout: 3_000 }).toBe(0)
      expect(performance.now() - began).toBeGreaterThan(800)
    }
  })

  it('of two deployments on one Redis do not meet', async context => {
    const { expect, own, connect } = await begin(context)
    const [one, other] = [await connect(), await connect({ prefix: 'signet:https://other.example:' })]
    await repeat(6, () => one.failures.add('account'))
    expect(await other.failures.count('account')).toBe(0)
    await other.failures.add('account')
    await other.failures.forget('account')
    expect(await one.failures.count('account')).toBe(6)
    const keys = await own.admin.keys('*')
    expect(keys.every(key => key.startsWith('signet:'))).toBe(true)
    expect(keys).toContain('signet:https://other.example:count:failures:probe')
  })

  it('follow the name of a demoted primary to its successor', async context => {
    const { expect, own, connect } = await begin(context)
    const successor = await openOwnRedis()
    const target = { host: '127.0.0.1', port: Number(new URL(own.url).port) }
    const proxy = await openFaultProxy(target)
    const { redis, failures } = await connect({ url: `redis://signet:secret@127.0.0.1:${proxy.port}` })
    await repeat(3, () => failures.add('account'))
    target.port = Number(new URL(successor.url).port)
    await own.admin.replicaof('127.0.0.1', String(target.port))
    await expect
      .poll(async () => (await successor.admin.keys('signet:count:limit:probe')).length, { timeout: 5_000 })
      .toBe(1)
    await expect.poll(redis.fault, { timeout: 5_000 }).toBeNull()
    await repeat(3, () => failures.add('account'))
    expect(await failures.count('account')).toBe(6)
    expect(await successor.admin.exists('signet:count:failures:account')).toBe(1)
    await proxy.close()
    await successor.close()
  })

  it('are in process when Redis closes the connection without a word, which the log says once', async context => {
    const { expect, own, connect } = await begin(context)
    const { redis, lines, failures } = await connect()
    await failures.add('account')
    await own.admin.config('SET', 'maxclients', '1')
    await own.admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes')
    await expect.poll(redis.fault).toMatch(/^redis (?:does not answer|takes no further connection)/)
    await failures.add('account')
    expect(await failures.count('account')).toBe(2)
    await expect.poll(() => lines).toMatchObject([{ message: 'redis is away: limits count in process' }])
    await own.admin.config('SET', 'maxclients', '1000')
    await expect.poll(redis.fault, { timeout: 5_000 }).toBeNull()
    expect(lines.map(({ level }) => level)).toEqual(['warn', 'info'])
    await redis.close()
    expect(lines).toHaveLength(2)
  })

  it('are never written to another database than that of the URL', async context => {
    const { expect, own, connect } = await begin(context)
    const { redis, lines, failures } = await connect({ url: `${own.url}/99` })
    expect(redis.fault()).toContain('out of range')
    expect(redis.isMisnamed()).toBe(true)
    expect(redis.isHealthy()).toBe(false)
    await failures.add('account')
    expect(await failures.count('account')).toBe(1)
    expect(await own.admin.dbsize()).toBe(0)
    expect(lines).toEqual([expect.objectContaining({ level: 'warn' })])
  })
})

describe('counts in process', () => {
  it('forget the keys that were counted longest ago when there are too many', async () => {
    const counts = openCounts(null, { name: 'flood', seconds: 3_600 })
    await counts.add('watched')
    for (let key = 0; key < 60_000; key++) {
      await counts.add(String(key))
      if (key % 10_000 === 0) await counts.add('watched')
    }
    expect((await counts.read('0')).points).toBe(0)
    expect((await counts.read('59999')).points).toBe(1)
    expect((await counts.read('watched')).points).toBe(7)
  })
})
