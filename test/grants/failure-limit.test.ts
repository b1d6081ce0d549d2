import { Redis } from 'ioredis'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import { basic, CLIENT_CREDENTIALS, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, deployments, type Instance, openDeployment } from '../support/deployment.ts'
import { openFaultProxy } from '../support/services/fault-proxy.ts'
import { openOwnRedis } from '../support/services/own-redis.ts'

const WRONG = basic('service', 'wrong')
const OTHER = basic('confidential', SECRETS.confidential)
const LIMITED = { RATE_LIMIT_TOKEN_FAILURES: '20/60' }

/** Fails that often, one request after the other; returns the statuses. */
const fail = async (
  signet: Instance,
  times: number,
  from?: string,
  headers: Readonly<Record<string, string>> = {},
) => {
  const statuses: number[] = []
  for (let turn = 0; turn < times; turn++)
    statuses.push((await signet.token(CLIENT_CREDENTIALS, { ...WRONG, ...headers }, from)).status)
  return statuses
}
const TWENTY_FAILURES = Array.from({ length: 20 }, () => 401)

let turn = 0
/** An address that no other test of this file uses, as counts outlive a test. */
const createAddress = () => `198.51.100.${++turn}`

describe.each(deployments)('the limit of failed client authentication, on $name', ({ open }) => {
  let deployment: Deployment | undefined
  const start = async (environment: Readonly<Record<string, string>> = {}) => {
    deployment ??= await open()
    return deployment.start({ environment: { ...LIMITED, ...environment } })
  }
  let from: string
  beforeEach(() => {
    from = createAddress()
  })
  afterAll(() => deployment?.close())

  it('refuses the 21st failure of an address with 429 and Retry-After', async () => {
    const signet = await start()
    expect(await fail(signet, 20, from)).toEqual(TWENTY_FAILURES)
    const { status, headers, body } = await signet.token(CLIENT_CREDENTIALS, WRONG, from)
    expect([status, body.error]).toEqual([429, 'temporarily_unavailable'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('then refuses the address with right credentials too, and no other address', async () => {
    const signet = await start()
    await fail(signet, 21, from)
    for (const path of ['/token', '/introspect', '/revoke'])
      expect((await signet.post(path, { ...CLIENT_CREDENTIALS, token: 'x' }, SERVICE, from)).status).toBe(429)
    const other = createAddress()
    expect((await signet.token(CLIENT_CREDENTIALS, SERVICE, other)).status).toBe(200)
    expect((await signet.token(CLIENT_CREDENTIALS, WRONG, other)).status).toBe(401)
  })

  it('counts failures only, and neither successes nor other refusals', async () => {
    const signet = await start()
    for (let turn = 0; turn < 25; turn++) {
      expect((await signet.token(CLIENT_CREDENTIALS, SERVICE, from)).status).toBe(200)
      expect((await signet.token({ ...CLIENT_CREDENTIALS, scope: 'unknown' }, SERVICE, from)).status).toBe(
        400,
      )
    }
    expect(await fail(signet, 21, from)).toEqual([...TWENTY_FAILURES, 429])
  })

  it('counts failures of a client at every endpoint together, and refuses no other client of the address', async () => {
    const signet = await start()
    for (let turn = 0; turn < 7; turn++) {
      await signet.post('/introspect', { token: 'x' }, WRONG, from)
      await signet.post('/revoke', { token: 'x', client_id: 'service' }, {}, from)
      await signet.token({ ...CLIENT_CREDENTIALS, client_id: 'service', client_secret: 'wrong' }, {}, from)
    }
    expect((await signet.token(CLIENT_CREDENTIALS, SERVICE, from)).status).toBe(429)
    expect((await signet.token(CLIENT_CREDENTIALS, OTHER, from)).status).toBe(200)
  })

  it('counts unknown clients and unreadable credentials of an address together, apart from its clients', async () => {
    const signet = await start()
    const strange = (turn: number) => ({
      authorization: turn % 2 === 0 ? 'Bearer x' : basic(`c${turn}`, 'x').authorization,
    })
    for (let turn = 0; turn < 21; turn++) await signet.token(CLIENT_CREDENTIALS, strange(turn), from)
    for (const turn of [1, 2, 99])
      expect((await signet.token(CLIENT_CREDENTIALS, strange(turn), from)).status).toBe(429)
    expect((await signet.token(CLIENT_CREDENTIALS, SERVICE, from)).status).toBe(200)
  })

  it('counts the addresses of an IPv6 /64 together', async () => {
    const signet = await start()
    for (let turn = 0; turn < 21; turn++)
      await signet.token(CLIENT_CREDENTIALS, WRONG, `2001:db8:0:1::${turn + 1}`)
    expect((await signet.token(CLIENT_CREDENTIALS, SERVICE, '2001:db8:0:1:ffff::1')).status).toBe(429)
    expect((await signet.token(CLIENT_CREDENTIALS, SERVICE, '2001:db8:0:2::1')).status).toBe(200)
  })

  it('ignores X-Forwarded-For and Forwarded without a trusted proxy', async () => {
    const signet = await start()
    const statuses: number[] = []
    for (let turn = 0; turn < 21; turn++) {
      const hops = { 'x-forwarded-for': `203.0.113.${turn}`, forwarded: `for=203.0.113.${turn}` }
      statuses.push(...(await fail(signet, 1, from, hops)))
    }
    expect(statuses).toEqual([...TWENTY_FAILURES, 429])
  })

  it('takes the nearest hop from a trusted proxy, and no hop that the client wrote', async () => {
    const signet = await start({ TRUSTED_PROXIES: '10.0.0.0/8' })
    const proxy = '10.1.2.3'
    const by = (client: string, claimed: string) => ({ 'x-forwarded-for': `${claimed}, ${client}` })
    const client = createAddress()
    for (let turn = 0; turn < 21; turn++) await fail(signet, 1, proxy, by(client, `203.0.113.${turn}`))
    const ask = async (headers: Readonly<Record<string, string>>, peer = proxy) =>
      (await signet.token(CLIENT_CREDENTIALS, { ...SERVICE, ...headers }, peer)).status
    expect(await ask(by(client, '203.0.113.99'))).toBe(429)
    // The other header comes from the client and is ignored. The count of the proxy's own address is far from used up.
    expect(await ask({ forwarded: `for=192.0.2.1, for="${client}:4711";proto=https` })).toBe(200)
    expect(await ask({ ...by(client, '203.0.113.99'), forwarded: `for=${createAddress()}` })).toBe(429)
    expect(await ask(by(createAddress(), client))).toBe(200)
    expect(await ask({}, createAddress())).toBe(200)
  })

  it('RFC 7239 §4 – takes no hop from within a quoted string, and none from a header that breaks the grammar', async () => {
    const signet = await start({ TRUSTED_PROXIES: '10.0.0.0/8', TRUSTED_PROXY_HEADER: 'forwarded' })
    const [proxy, client] = ['10.1.2.4', createAddress()]
    const hostOf = (turn: number) => `a,for=203.0.113.${turn};x=`
    for (let turn = 0; turn < 21; turn++)
      await fail(signet, 1, proxy, { forwarded: `proto=http;host="${hostOf(turn)}";for=${client}` })
    const ask = async (forwarded: string) =>
      (await signet.token(CLIENT_CREDENTIALS, { ...SERVICE, forwarded }, proxy)).status
    expect(await ask(`host="\\"${hostOf(21)}";for=${client}`)).toBe(429)
    expect(await ask(`for=${createAddress()}`)).toBe(200)
    // A quote that the client opened does not hide the hop that the proxy appended.
    expect(await ask(`host="a, for=${client}`)).toBe(429)
    expect(await ask(`for="\\", for="x, for=${client};proto=https`)).toBe(429)
    // The count of the proxy's own address is far from used up.
    expect(await ask(`for=${client};for`)).toBe(200)
  })

  it('can be switched off', async () => {
    const signet = await start({ RATE_LIMIT_TOKEN_FAILURES: 'off' })
    expect(new Set(await fail(signet, 40, from))).toEqual(new Set([401]))
  })
})

describe.skipIf(!hasPostgres || !hasRedis)(
  'the limit of failed client authentication over two instances',
  () => {
    it('counts in the shared Redis', async () => {
      const deployment = await openDeployment()
      const [one, other] = [
        await deployment.start({ environment: LIMITED }),
        await deployment.start({ environment: LIMITED }),
      ]
      const from = createAddress()
      expect(await fail(one, 10, from)).toEqual(TWENTY_FAILURES.slice(10))
      expect(await fail(other, 10, from)).toEqual(TWENTY_FAILURES.slice(10))
      expect(await fail(other, 1, from)).toEqual([429])
      expect(await fail(one, 1, from)).toEqual([429])
      expect((await one.token(CLIENT_CREDENTIALS, SERVICE, from)).status).toBe(429)
      await deployment.close()
    })

    it('counts in process while Redis is away, and reports that it is degraded', async () => {
      const deployment = await openDeployment()
      const { hostname, port, pathname } = new URL(deployment.redis?.url ?? '')
      const proxy = await openFaultProxy({ host: hostname, port: Number(port) })
      const environment = { ...LIMITED, REDIS_URL: `redis://127.0.0.1:${proxy.port}${pathname}` }
      const signet = await deployment.start({ environment })
      expect((await signet.fetch('/readyz')).body['status']).toBe('ready')
      await proxy.refuse()
      const from = createAddress()
      expect(await fail(signet, 21, from)).toEqual([...TWENTY_FAILURES, 429])
      const { status, body } = await signet.fetch('/readyz')
      expect([status, body['status'], body['degraded']]).toEqual([200, 'degraded', ['redis']])
      await vi.waitFor(
        () => {
          expect(signet.lines).toContainEqual(expect.objectContaining({ level: 'warn', component: 'redis' }))
        },
        { timeout: 10_000 },
      )
      await deployment.close()
    })

    it('reports that it is degraded while Redis answers and refuses writes', async () => {
      const deployment = await openDeployment()
      const url = new URL(deployment.redis?.url ?? '')
      const redis = new Redis(url.href)
      // A Redis that is full or a replica refuses writes. Here it refuses them to this user.
      const user = `reader-${crypto.randomUUID()}`
      await redis.call('acl', 'setuser', user, 'on', 'nopass', '~*', '+@all', '-@write')
      const REDIS_URL = Object.assign(url, { username: user, password: 'any' }).href
      const signet = await deployment.start({ environment: { ...LIMITED, REDIS_URL } })
      const degraded = async () => (await signet.fetch('/readyz')).body['degraded']
      await expect.poll(degraded, { timeout: 5000 }).toEqual(['redis'])
      expect(await fail(signet, 21, createAddress())).toEqual([...TWENTY_FAILURES, 429])
      expect(signet.lines.filter(({ message }) => message.startsWith('redis refuses'))).toHaveLength(1)
      await redis.call('acl', 'setuser', user, '+@write')
      await expect.poll(degraded, { timeout: 5000 }).toEqual([])
      await redis.call('acl', 'deluser', user)
      await redis.quit()
      await deployment.close()
    })

    it('keeps its count while Redis evicts keys, and reports that it is degraded', async () => {
      const deployment = await openDeployment()
      const own = await openOwnRedis()
      const signet = await deployment.start({ environment: { ...LIMITED, REDIS_URL: own.url } })
      const degraded = async () => (await signet.fetch('/readyz')).body['degraded']
      expect(await degraded()).toEqual([])
      await own.admin.config('SET', 'maxmemory-policy', 'allkeys-random')
      await expect.poll(degraded, { timeout: 5000 }).toEqual(['redis_eviction'])
      const from = createAddress()
      expect(await fail(signet, 20, from)).toEqual(TWENTY_FAILURES)
      await own.admin.config('SET', 'maxmemory', '1')
      await own.admin.set('one', 'more').catch(() => {})
      await own.admin.config('SET', 'maxmemory', '0')
      expect(await own.admin.keys('*token-failures*')).toEqual([])
      expect(await fail(signet, 2, from)).toEqual([429, 429])
      expect(await fail(signet, 1, createAddress())).toEqual([401])
      await own.admin.config('SET', 'maxmemory-policy', 'noeviction')
      await expect.poll(degraded, { timeout: 5000 }).toEqual([])
      await deployment.close()
      await own.close()
    })

    it('counts in process while Redis hangs', async () => {
      const deployment = await openDeployment()
      const { hostname, port, pathname } = new URL(deployment.redis?.url ?? '')
      const proxy = await openFaultProxy({ host: hostname, port: Number(port) })
      const environment = { ...LIMITED, REDIS_URL: `redis://127.0.0.1:${proxy.port}${pathname}` }
      const signet = await deployment.start({ environment })
      proxy.stall()
      const from = createAddress()
      expect(await fail(signet, 21, from)).toEqual([...TWENTY_FAILURES, 429])
      await expect
        .poll(async () => (await signet.fetch('/readyz')).body['degraded'], { timeout: 5000 })
        .toEqual(['redis'])
      proxy.heal()
      await expect
        .poll(async () => (await signet.fetch('/readyz')).body['degraded'], { timeout: 10_000 })
        .toEqual([])
      await deployment.close()
      await proxy.close()
    })
  },
)
