import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  refreshTokens,
  signIn,
  signUp,
  type Tokens,
  trySignIn,
  trySignUp,
} from '../../support/accounts/account-api.ts'
import { newAddress, newEmail, PASSWORD, times } from '../../support/ask.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, deployments, type Instance, openDeployment } from '../../support/deployment.ts'
import { type Listening, listenWithLimits } from '../../support/listen.ts'

const WRONG = { email: 'nobody@example.com', password: PASSWORD }

const from = (ip: string) => ({ 'X-Forwarded-For': ip })

describe.each(deployments)('limits of addresses, accounts and sign-ins ($name)', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([])
    const limits = { RATE_LIMIT_LOGIN: '5/60', RATE_LIMIT_ACCOUNTS: '40/60', RATE_LIMIT_REFRESH: '3/60' }
    signet = await deployment.start({ environment: limits, wait: async () => {} })
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  const attempt = (ip: string) => signet.ask('/auth/login', { body: WRONG, from: ip })

  it('draft-ietf-httpapi-ratelimit-headers §3, §4 – name every limit that a sign-in counts against', async () => {
    const { headers } = await attempt('198.51.100.1')
    expect(headers.get('ratelimit-policy')).toBe('"accounts";q=40;w=60, "login";q=5;w=60')
    expect(headers.get('ratelimit')).toBe('"accounts";r=39;t=60, "login";r=4;t=60')
    expect(headers.get('x-ratelimit-limit')).toBe('5')
    expect(headers.get('x-ratelimit-remaining')).toBe('4')
    expect(headers.get('x-ratelimit-reset')).toBe('60')
  })

  it('refuse the sixth sign-in of one address, and of no other', async () => {
    const all = await Promise.all(times(6).map(() => attempt('198.51.100.2')))
    expect(all.map(each => each.status).toSorted((a, b) => a - b)).toEqual([401, 401, 401, 401, 401, 429])
    const refused = all.find(each => each.status === 429)
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused?.headers.get('ratelimit')).toContain('"login";r=0;')
    expect((await attempt('198.51.100.3')).status).toBe(401)
  })

  it('count the sign-ins of one account from all addresses together, and of no other account', async () => {
    const alone = await open([])
    const own = await alone.start({
      environment: { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_ACCOUNTS: '4/60' },
      wait: async () => {},
    })
    const email = 'busy@limit.example'
    const right = (index: number, who = email) => trySignIn(own, who, {}, from(`192.0.2.${index}`))
    // The registration counts as the first sign-in.
    await signUp(own, email, {}, from('192.0.2.100'))
    const statuses = []
    for (const index of times(5)) statuses.push((await right(index + 1)).status)
    expect(statuses).toEqual([200, 200, 200, 429, 429])
    await signUp(own, 'calm@limit.example', {}, from('192.0.2.101'))
    expect((await right(7, 'calm@limit.example')).status).toBe(200)
    await own.close()
    await alone.close()
  })

  it('limit registrations to half of all requests', async () => {
    const all = await Promise.all(
      times(21).map(index => trySignUp(signet, `r${index}@limit.example`, {}, from('198.51.100.5'))),
    )
    expect(all.filter(each => each.status === 201)).toHaveLength(20)
    expect(all.find(each => each.status === 429)?.headers.get('ratelimit-policy')).toContain(
      '"register";q=20;w=60',
    )
  })

  it('limit the refreshes of one sign-in from all addresses together, and do not end the sign-in', async () => {
    const tokens = await signUp(signet, 'refresh@limit.example', {}, from('198.51.100.6'))
    let current: Tokens = tokens
    const next = (index: number) =>
      signet.ask('/auth/refresh', {
        body: { refresh_token: current.refresh_token },
        from: `198.51.100.${10 + index}`,
      })
    for (const index of times(3)) {
      const answer = await next(index)
      expect(answer.status).toBe(200)
      current = answer.body
    }
    const refused = await next(3)
    expect([refused.status, Number(refused.headers.get('retry-after')) > 0]).toEqual([429, true])
    const me = await signet.ask('/auth/me', {
      token: current.access_token,
      from: '198.51.100.14',
    })
    expect(me.status).toBe(200)
    // Another sign-in of the same account has a count of its own.
    const other = await signIn(signet, 'refresh@limit.example', {}, from('198.51.100.15'))
    expect((await refreshTokens(signet, other)).status).toBe(200)
  })
})

describe.skipIf(!hasPostgres || !hasRedis)('the limits of the account API', () => {
  let deployment: Deployment
  let servers: readonly [Listening, Listening]
  beforeAll(async () => {
    deployment = await openDeployment([])
    const given = { environment: { TRUSTED_PROXIES: '127.0.0.1, 10.99.0.0/16, 2001:db8:ffff::/48' } }
    servers = [await listenWithLimits(deployment, given), await listenWithLimits(deployment, given)]
  })
  afterAll(async () => {
    for (const server of servers) await server.close()
    await deployment.close()
  })
  const login = (from: string, server = servers[0]) => server.ask('/auth/login', { body: WRONG, from })
  const limitsOf = (headers: Headers) =>
    ['limit', 'remaining', 'reset'].map(name => Number(headers.get(`x-ratelimit-${name}`)))

  it('allow five sign-ins a minute, report the rest, and then answer 429 with Retry-After', async () => {
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

  it('refuse the right password too once they are used up, and no other address', async () => {
    const [from, email] = [newAddress(), newEmail()]
    await servers[0].ask('/auth/register', { body: { email, password: PASSWORD }, from })
    for (let attempt = 0; attempt < 5; attempt++) await login(from)
    const json = { email, password: PASSWORD }
    expect((await servers[0].ask('/auth/login', { body: json, from })).status).toBe(429)
    expect((await servers[0].ask('/auth/login', { body: json })).status).toBe(200)
  })

  it('count sign-ins at both instances together', async () => {
    const from = newAddress()
    const statuses = []
    for (const turn of [0, 1, 0, 1, 0, 1, 0])
      statuses.push((await login(from, servers[turn === 0 ? 0 : 1])).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429])
  })

  it('allow five of forty simultaneous sign-ins over both instances', async () => {
    const from = newAddress()
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, turn) => login(from, servers[turn % 2 === 0 ? 0 : 1])),
    )
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(5)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(35)
  })

  it('allow a hundred requests a minute to the whole account API, refused ones included', async () => {
    const from = newAddress()
    const ask = (turn: number) => servers[turn % 2 === 0 ? 0 : 1].ask('/auth/me', { from })
    const answers = await Promise.all(Array.from({ length: 100 }, (_, turn) => ask(turn)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]))
    expect(Math.min(...answers.map(({ headers }) => limitsOf(headers)[1] ?? NaN))).toBe(0)
    for (const path of ['/auth/me', '/auth/refresh', '/auth/register', '/auth/logout', '/auth/login']) {
      const { status, headers } = await servers[0].ask(
        path,
        path === '/auth/me' ? { from } : { body: {}, from },
      )
      expect(status).toBe(429)
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await servers[0].ask('/livez', { from })).status).toBe(200)
    expect((await servers[0].ask('/auth/me')).status).toBe(401)
  })

  it('count an IPv6 /64 as one address, and the next one as another', async () => {
    for (let host = 1; host <= 5; host++) expect((await login(`2001:db8:0:1::${host}`)).status).toBe(401)
    expect((await login('2001:db8:0:1:dead:beef:0:1')).status).toBe(429)
    expect((await login('[2001:db8:0:1::77]:4711')).status).toBe(429)
    expect((await login('2001:db8:0:2::1')).status).toBe(401)
  })

  describe('take the client’s address from the header of trusted proxies', () => {
    let forwarding: Listening
    beforeAll(async () => {
      const environment = {
        TRUSTED_PROXIES: '127.0.0.1, 10.99.0.0/16, 2001:db8:ffff::/48',
        TRUSTED_PROXY_HEADER: 'Forwarded',
      }
      forwarding = await listenWithLimits(deployment, { environment })
    })
    afterAll(() => forwarding.close())
    /** The address that is counted, as the log has it. */
    const seen = async (headers: Record<string, string>) => {
      const server = 'Forwarded' in headers ? forwarding : servers[0]
      await server.ask('/auth/me', { from: '', headers })
      return server.lines.at(-1)?.['ip']
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
      [{ Forwarded: 'for=192.0.2.1', 'X-Forwarded-For': '6.6.6.6' }, '192.0.2.1', 'another header'],
      [{ Forwarded: 'for="192.0.2.1:_p0rt"' }, '192.0.2.1', 'an obfuscated port'],
      [{ Forwarded: 'for="[2001:db8::9]:_x"' }, '2001:db8::9', 'IPv6 with an obfuscated port'],
      [{ Forwarded: 'for="6.6.6.6, for=192.0.2.1' }, '192.0.2.1', 'a quote that the client opened'],
      [{ Forwarded: 'garbage, for=192.0.2.1' }, '192.0.2.1', 'garbage of the client'],
      [{ Forwarded: '\\", for=192.0.2.1' }, '192.0.2.1', 'a backslash of the client'],
      [{ Forwarded: 'for=unknown, for=192.0.2.1' }, '192.0.2.1', 'a client that hides itself'],
      [{ Forwarded: 'for=_x, for=192.0.2.1, for=10.99.0.1' }, '192.0.2.1', 'the same, two proxies away'],
      [
        { Forwarded: 'for=6.6.6.6, for=192.0.2.1;host="a, for=6.6.6.7";proto=http' },
        '192.0.2.1',
        'a comma within quotes of the proxy',
      ],
      [{ Forwarded: 'host="\\"for=6.6.6.6";for=192.0.2.1' }, '192.0.2.1', 'an escaped quote'],
      [
        { Forwarded: 'for=192.0.2.1, for="[2001:db8:ffff::1]:80", for=10.99.0.1' },
        '192.0.2.1',
        'three trusted proxies',
      ],
      [{ 'X-Forwarded-For': '6.6.6.6, "192.0.2.7", 192.0.2.1' }, '192.0.2.1', 'quotes of the client'],
      [{ 'X-Forwarded-For': '192.0.2.1,\t10.99.0.1 ,10.99.0.2' }, '192.0.2.1', 'spaces and tabs'],
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
      [{ Forwarded: 'for=6.6.6.6, for=6.6.6.7;for=6.6.6.8' }, 'two names for one hop'],
      [{ Forwarded: 'for=6.6.6.6, for=' }, 'an empty name'],
      [{ Forwarded: 'for=6.6.6.6, ' }, 'an empty element'],
      [{ Forwarded: 'garbage', 'X-Forwarded-For': '192.0.2.1' }, 'garbage in the header that counts'],
      [{ Forwarded: `for=${'"'.repeat(7_001)}x` }, 'seven thousand quotes'],
      [{ Forwarded: '\\'.repeat(7_001) }, 'seven thousand backslashes'],
      [{ 'X-Forwarded-For': `${'6.6.6.6, '.repeat(1000)}x` }, 'a thousand hops'],
    ])('and count the proxy’s own address for %j (%s)', async (headers, _) => {
      expect(await seen(headers)).toBe('127.0.0.1')
    })

    it('and read several lines of the header as one list', async () => {
      const lines = (name: string, values: string[]) =>
        new Promise<void>((resolve, reject) => {
          const { port } = name === 'Forwarded' ? forwarding : servers[0]
          const asking = request({ port, host: '127.0.0.1', path: '/auth/me', headers: { [name]: values } })
          asking.on('response', response => response.resume().on('end', resolve)).on('error', reject)
          asking.end()
        })
      await lines('Forwarded', ['for=6.6.6.6', 'for=192.0.2.1', 'for=10.99.0.1'])
      expect(forwarding.lines.at(-1)?.['ip']).toBe('192.0.2.1')
      await lines('X-Forwarded-For', ['6.6.6.6', '192.0.2.1, 10.99.0.1'])
      expect(servers[0].lines.at(-1)?.['ip']).toBe('192.0.2.1')
    })

    it('and ignore the other header, which is logged once', async () => {
      for (const turn of [1, 2, 3])
        expect(await seen({ Forwarded: 'for=192.0.2.1', 'X-Forwarded-For': `6.6.6.${turn}` })).toBe(
          '192.0.2.1',
        )
      await servers[1].ask('/auth/me', { from: '', headers: { Forwarded: 'for=6.6.6.6' } })
      expect(servers[1].lines.at(-1)?.['ip']).toBe('127.0.0.1')
      for (const server of [forwarding, servers[1]]) {
        const said = server.lines.filter(line => line['event'] === 'forwarded_header_ignored')
        expect(said).toEqual([
          expect.objectContaining({ level: 'warn', reason: 'not_the_trusted_header', peer: '127.0.0.1' }),
        ])
      }
    })

    it('and stop at the last trusted hop when the next one names no address', async () => {
      expect(await seen({ 'X-Forwarded-For': 'unknown, 10.99.0.1' })).toBe('10.99.0.1')
    })
  })
})

describe.skipIf(!hasPostgres || !hasRedis)('limits without trusted proxies', () => {
  it('are not evaded by an invented address', async () => {
    const deployment = await openDeployment([])
    const server = await listenWithLimits(deployment, { environment: { TRUSTED_PROXIES: '' } })
    const statuses = []
    for (let attempt = 0; attempt < 6; attempt++) {
      const Forwarded = `for=${newAddress()}`
      const { status } = await server.ask('/auth/login', { body: WRONG, headers: { Forwarded } })
      statuses.push(status)
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    const said = server.lines.filter(line => line['event'] === 'forwarded_header_ignored')
    expect(said).toEqual([
      expect.objectContaining({
        level: 'warn',
        reason: 'from_no_trusted_proxy',
        message: expect.stringMatching(
          /all clients behind that address count as one .* add it to TRUSTED_PROXIES/,
        ),
      }),
    ])
    await server.close()
    await deployment.close()
  })

  it('are switched off by off', async () => {
    const deployment = await openDeployment([])
    const environment = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_ACCOUNTS: 'off' }
    const server = await listenWithLimits(deployment, { environment })
    for (let attempt = 0; attempt < 8; attempt++) {
      const { status, headers } = await server.ask('/auth/login', { body: WRONG, from: '192.0.2.1' })
      expect(status).toBe(401)
      expect(headers.get('x-ratelimit-limit')).toBeNull()
    }
    await server.close()
    await deployment.close()
  })
})
