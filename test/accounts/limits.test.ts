import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import { newAddress, newEmail, PASSWORD } from '../support/call.ts'
import type { Listening } from '../support/listen.ts'
import { openAnyPlace, type Place } from '../support/server.ts'
import { listenForAccounts } from './support.ts'

const WRONG = { email: 'nobody@example.com', password: PASSWORD }

describe.skipIf(!hasPostgres || !hasRedis)('the limits of the account API', () => {
  let place: Place
  let servers: readonly [Listening, Listening]
  beforeAll(async () => {
    place = await openAnyPlace([])
    const given = { environment: { TRUSTED_PROXIES: '127.0.0.1, 10.99.0.0/16, 2001:db8:ffff::/48' } }
    servers = [await listenForAccounts(place, given), await listenForAccounts(place, given)]
  })
  afterAll(async () => {
    for (const server of servers) await server.close()
    await place.close()
  })
  const login = (from: string, server = servers[0]) => server.call('/auth/login', { json: WRONG, from })
  const limitsOf = (headers: Headers) =>
    ['limit', 'remaining', 'reset'].map(name => Number(headers.get(`x-ratelimit-${name}`)))

  it('allow five sign-ins a minute, say what is left, and then 429 with Retry-After', async () => {
    const from = newAddress()
    for (const remaining of [4, 3, 2, 1, 0]) {
      const { status, headers } = await login(from)
      const [limit, left, reset = 0] = limitsOf(headers)
      expect({ status, limit, left }).toEqual({ status: 401, limit: 5, left: remaining })
      expect(reset).toBeGreaterThan(0)
      expect(reset).toBeLessThanOrEqual(60)
    }
    const { status, headers, body } = await login(from)
    expect({ status, code: body.code }).toEqual({ status: 429, code: 'RATE_LIMITED' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(Number(headers.get('retry-after'))).toBeLessThanOrEqual(60)
    expect(limitsOf(headers).slice(0, 2)).toEqual([5, 0])
    expect(headers.get('content-type')).toBe('application/problem+json')
  })

  it('refuse the right password too, once they are used up, and nobody else', async () => {
    const [from, email] = [newAddress(), newEmail()]
    await servers[0].call('/auth/register', { json: { email, password: PASSWORD }, from })
    for (let attempt = 0; attempt < 5; attempt++) await login(from)
    const json = { email, password: PASSWORD }
    expect((await servers[0].call('/auth/login', { json, from })).status).toBe(429)
    expect((await servers[0].call('/auth/login', { json })).status).toBe(200)
  })

  it('count sign-ins over both instances', async () => {
    const from = newAddress()
    const statuses = []
    for (const turn of [0, 1, 0, 1, 0, 1, 0])
      statuses.push((await login(from, servers[turn === 0 ? 0 : 1])).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
  })

  it('let through five of forty that come at once, over both instances', async () => {
    const from = newAddress()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, turn) => login(from, servers[turn % 2 === 0 ? 0 : 1])),
    )
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(35)
  })

  it('allow a hundred requests a minute to the account API as a whole, the refused ones included', async () => {
    const from = newAddress()
    const ask = (turn: number) => servers[turn % 2 === 0 ? 0 : 1].call('/auth/me', { from })
    const answers = await Promise.all(Array.from({ length: 100 }, (_, turn) => ask(turn)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
    expect(Math.min(...answers.map(({ headers }) => limitsOf(headers)[1] ?? NaN))).toBe(0)
    for (const path of ['/auth/me', '/auth/refresh', '/auth/register', '/auth/logout', '/auth/login']) {
      const { status, headers } = await servers[0].call(
        path,
        path === '/auth/me' ? { from } : { json: {}, from },
      )
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await servers[0].call('/livez', { from })).status).toBe(200)
    expect((await servers[0].call('/auth/me')).status).toBe(401)
  })

  it('see one caller in a whole IPv6 /64, and another in the next one', async () => {
    for (let host = 1; host <= 5; host++) expect((await login(`2001:db8:0:1::${host}`)).status).toBe(401)
    expect((await login('2001:db8:0:1:dead:beef:0:1')).status).toBe(429)
    expect((await login('[2001:db8:0:1::77]:4711')).status).toBe(429)
    expect((await login('2001:db8:0:2::1')).status).toBe(401)
  })

  describe('believe the headers of proxies', () => {
    /** Who is counted is who is remembered with the sign-in and named in the log. */
    const seen = async (headers: Record<string, string>) => {
      await servers[0].call('/auth/me', { from: '', headers })
      return servers[0].lines.at(-1)?.['ip']
    }

    it.each([
      [{ 'X-Forwarded-For': '192.0.2.1' }, '192.0.2.1', 'one hop'],
      [{ 'X-Forwarded-For': '6.6.6.6, 192.0.2.1' }, '192.0.2.1', 'a claim before it'],
      [{ 'X-Forwarded-For': '6.6.6.6, 192.0.2.1, 10.99.0.1' }, '192.0.2.1', 'a trusted hop behind it'],
      [{ 'X-Forwarded-For': '10.99.0.7, 192.0.2.1' }, '192.0.2.1', 'a claim to be a proxy'],
      [{ 'X-Forwarded-For': '192.0.2.1:50000' }, '192.0.2.1', 'a port'],
      [{ 'X-Forwarded-For': '[2001:db8::9]:50000' }, '2001:db8::9', 'brackets and a port'],
      [{ 'X-Forwarded-For': '::ffff:192.0.2.1' }, '192.0.2.1', 'IPv4 mapped into IPv6'],
      [{ 'X-Forwarded-For': '10.99.0.2, 10.99.0.1' }, '10.99.0.2', 'proxies alone'],
      [{ Forwarded: 'for=192.0.2.1' }, '192.0.2.1', 'Forwarded'],
      [
        { Forwarded: 'for=6.6.6.6, for=192.0.2.1;proto=https;by=10.99.0.1' },
        '192.0.2.1',
        'Forwarded with a claim',
      ],
      [{ Forwarded: 'proto=https; For="[2001:db8::9]:4711"' }, '2001:db8::9', 'Forwarded with IPv6'],
      [{ Forwarded: 'for=192.0.2.1', 'X-Forwarded-For': '192.0.2.1' }, '192.0.2.1', 'both, agreeing'],
    ])('%j: %s (%s)', async (headers, address, _) => {
      expect(await seen(headers)).toBe(address)
    })

    it.each([
      [{ 'X-Forwarded-For': '6.6.6.6, unknown' }, 'an unknown hop, behind which nothing is believed'],
      [{ 'X-Forwarded-For': '6.6.6.6, 999.1.1.1' }, 'no address'],
      [{ 'X-Forwarded-For': '6.6.6.6,' }, 'an empty hop'],
      [{ Forwarded: 'for=6.6.6.6, for=_hidden' }, 'an obfuscated hop'],
      [{ Forwarded: 'for=6.6.6.6, by=10.99.0.1' }, 'no for'],
      [{ Forwarded: 'for="6.6.6.6' }, 'a quote that does not end'],
      [
        { Forwarded: 'for=6.6.6.6', 'X-Forwarded-For': '192.0.2.1' },
        'two headers that disagree: one is the client’s own',
      ],
      [{ Forwarded: 'garbage', 'X-Forwarded-For': '192.0.2.1' }, 'garbage in one of them'],
      [{ 'X-Forwarded-For': `${'6.6.6.6, '.repeat(1000)}x` }, 'a thousand hops'],
    ])('but the proxy’s own address is counted for %j (%s)', async (headers, _) => {
      expect(await seen(headers)).toBe('127.0.0.1')
    })

    it('a hop that names no address behind a trusted one leaves the trusted one', async () => {
      expect(await seen({ 'X-Forwarded-For': 'unknown, 10.99.0.1' })).toBe('10.99.0.1')
    })
  })
})

describe.skipIf(!hasPostgres || !hasRedis)('without trusted proxies', () => {
  it('nobody is believed: inventing addresses does not get around the limit', async () => {
    const place = await openAnyPlace([])
    const server = await listenForAccounts(place, { environment: { TRUSTED_PROXIES: '' } })
    const statuses = []
    for (let attempt = 0; attempt < 6; attempt++) {
      const Forwarded = `for=${newAddress()}`
      const { status } = await server.call('/auth/login', { json: WRONG, headers: { Forwarded } })
      statuses.push(status)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    await server.close()
    await place.close()
  })

  it('off means off', async () => {
    const place = await openAnyPlace([])
    const environment = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_ACCOUNTS: 'off' }
    const server = await listenForAccounts(place, { environment })
    for (let attempt = 0; attempt < 8; attempt++) {
      const { status, headers } = await server.call('/auth/login', { json: WRONG, from: '192.0.2.1' })
      expect(status).toBe(401)
      expect(headers.get('x-ratelimit-limit')).toBeNull()
    }
    await server.close()
    await place.close()
  })
})
