import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { migrate } from '../../src/store/migrations/migrate.ts'
import { createAsk } from '../support/ask.ts'
import { CLIENTS, INTROSPECTOR, PEPPER, SERVICE } from '../support/clients.ts'
import { becomesReady, openSandbox } from '../support/process.ts'
import { hasPatroni, openPatroni, startHaproxyOf } from '../support/services/patroni.ts'
import { freePort, startOwnRedis } from '../support/services/services.ts'

const QUIET_MILLISECONDS = 3_000
/** The lease of Patroni's leader, and the time in which a proxy and an instance find the next one. */
const PROMOTED = { timeout: 60_000, interval: 200 }

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))

const has_programs = hasPatroni()
if (!has_programs)
  console.warn('SKIPPED: Patroni, since patroni, etcd-server, haproxy or postgresql is missing')

describe.skipIf(!has_programs)('a cluster of Patroni, by every host in the URL and through HAProxy', () => {
  const closers: (() => Promise<unknown> | void)[] = []
  afterEach(async () => {
    for (const close of closers.splice(0).toReversed()) await close()
  })

  it('loses no acknowledged ending in a switchover, in a failover and beside a former primary', async () => {
    const cluster = await openPatroni()
    closers.push(cluster.close)
    await migrate({ url: cluster.url })
    const proxy = await startHaproxyOf(cluster.nodes)
    closers.push(proxy.stop)
    const redis = await startOwnRedis()
    if (redis === null) throw new Error('no Redis')
    closers.push(redis.stop)
    const sandbox = await openSandbox()
    closers.push(sandbox.close)
    const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
    writeFileSync(CLIENTS_FILE, JSON.stringify(CLIENTS))
    const environment = {
      REDIS_URL: redis.url,
      REFRESH_TOKEN_PEPPER: PEPPER,
      CLIENTS_FILE,
      TRUSTED_PROXIES: '127.0.0.1',
      ISSUER: 'http://localhost:8080',
      RATE_LIMIT_REVOKE: 'off',
      // No token may be dead for its age at the end.
      ACCESS_TOKEN_TTL_SECONDS: '900',
    }
    const urls = [cluster.url, proxy.url]
    const ports = [sandbox.port, await freePort()]
    const programs = urls.map((DATABASE_URL, index) =>
      sandbox.start({ ...environment, DATABASE_URL, PORT: String(ports[index]) }),
    )
    await Promise.all(programs.map(becomesReady))
    const asks = ports.map(port => createAsk(`http://127.0.0.1:${port}`))

    const ended: string[] = []
    const stopping = new AbortController()
    const work = async (ask: ReturnType<typeof createAsk>) => {
      while (!stopping.signal.aborted) {
        await pause(10)
        // A server that has no database refuses, and acknowledges nothing.
        const { body } = await ask('/token', { form: { grant_type: 'client_credentials' }, headers: SERVICE })
        const token = body.access_token
        if (typeof token !== 'string') continue
        const { status } = await ask('/revoke', { form: { token }, headers: SERVICE })
        if (status === 200) ended.push(token)
      }
    }
    const workers = asks.map(work)
    const areReady = () =>
      Promise.all(asks.map(ask => expect.poll(async () => (await ask('/readyz')).status, PROMOTED).toBe(200)))
    const changes = async (fault: (former: (typeof cluster.nodes)[0]) => Promise<void>) => {
      await pause(QUIET_MILLISECONDS)
      const former = await cluster.primary()
      if (former === null) throw new Error('no primary')
      const before = ended.length
      const began = performance.now()
      await fault(former)
      const next = cluster.nodes.find(node => node !== former)
      await expect.poll(() => next?.isPrimary(), PROMOTED).toBe(true)
      const promoted = performance.now()
      await areReady()
      await pause(QUIET_MILLISECONDS)
      const seconds = [promoted - began, performance.now() - QUIET_MILLISECONDS - promoted].map(
        milliseconds => Math.round(milliseconds / 100) / 10,
      )
      console.log({
        seconds_to_promotion: seconds[0],
        then_ready: seconds[1],
        acknowledged: ended.length - before,
      })
      return former
    }

    await changes(cluster.switchOver)
    await cluster.isSynchronous()
    const killed = await changes(node => node.kill())
    killed.start()
    await cluster.isSynchronous()
    // Its Postgres goes on as a primary that no manager stops.
    await changes(node => node.killManager())
    const [ask] = asks
    await expect
      .poll(async () => (await ask?.('/readyz'))?.body.degraded, PROMOTED)
      .toEqual(['former_primary'])
    expect(programs[0]?.log().map(({ event }) => event)).toContain('former_primary')

    stopping.abort()
    await Promise.all(workers)
    expect(ended.length).toBeGreaterThan(100)
    for (const ask of asks) {
      const living = await ask('/token', { form: { grant_type: 'client_credentials' }, headers: SERVICE })
      const form = { token: living.body.access_token }
      const { body } = await ask('/introspect', { form, headers: INTROSPECTOR })
      expect(body.active).toBe(true)
      const alive = []
      for (const token of ended) {
        const { body } = await ask('/introspect', { form: { token }, headers: INTROSPECTOR })
        if (body.active) alive.push(token)
      }
      expect(alive).toEqual([])
    }
  }, 280_000)
})
