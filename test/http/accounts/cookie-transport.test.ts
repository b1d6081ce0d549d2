import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bearerOf, login, outcome, register, send, type Tokens } from '../../support/accounts/account-api.ts'
import { hasPostgres } from '../../support/backends.ts'
import { askApp } from '../../support/bindings.ts'
import { PASSWORD } from '../../support/ask.ts'
import { type Database } from '../../support/database.ts'
import {
  type Deployment,
  deployments,
  type Instance,
  ISSUER,
  openDeployment,
} from '../../support/deployment.ts'

const COOKIE = { refresh_transport: 'cookie' }
const CLEARED = 'signet-refresh=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict'
const WEB = {
  client_id: 'web',
  first_party: true,
  token_endpoint_auth_method: 'none',
  grant_types: ['refresh_token'],
  redirect_uris: ['https://web.example/callback'],
}
const OTHER = { ...WEB, client_id: 'other', redirect_uris: ['https://other.example/callback'] }

/** What a browser sends of the cookies that an answer set. */
const jarOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map(cookie => cookie.split(';')[0])
    .join('; ')
const refreshCookieOf = (response: Response) =>
  response.headers.getSetCookie().find(cookie => cookie.includes('signet-refresh='))
const refresh = (signet: Instance, cookie: string, headers: Record<string, string> = {}) =>
  send(signet, 'POST', '/auth/refresh', undefined, { Origin: ISSUER, Cookie: cookie, ...headers })
const valueOf = (cookie: string) => /signet-refresh=([^;]*)/.exec(cookie)?.[1] ?? ''

describe.each(deployments)('the cookie transport ($name)', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([WEB, OTHER])
    signet = await deployment.start({ environment: { CORS_ORIGINS: 'https://app.example' } })
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  it('keeps the refresh token out of every body, in a cookie that no script can read', async () => {
    const { response, tokens } = await register(signet, 'attributes@cookie.example', COOKIE)
    expect(tokens).not.toHaveProperty('refresh_token')
    expect(refreshCookieOf(response)).toMatch(
      /^signet-refresh=signet_rt_[\w-]{94}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/,
    )
    const again = await login(signet, 'attributes@cookie.example', COOKIE)
    expect(again.tokens).not.toHaveProperty('refresh_token')
    const refreshed = await refresh(signet, jarOf(again.response))
    expect(refreshed.status).toBe(200)
    const text = await refreshed.clone().text()
    expect(text).not.toContain('signet_rt_')
    expect(valueOf(jarOf(refreshed))).not.toBe(valueOf(jarOf(again.response)))
    expect(refreshed.headers.get('cache-control')).toBe('no-store')
  })

  it('sets no refresh cookie for the body transport, and refuses a third', async () => {
    const { response } = await register(signet, 'body@cookie.example')
    expect(refreshCookieOf(response)).toBeUndefined()
    const third = { email: 'x@cookie.example', password: PASSWORD, refresh_transport: 'url' }
    expect(await outcome(send(signet, 'POST', '/auth/register', third))).toBe('422 FIELDS_INVALID')
  })

  it('takes the pages of the issuer, of CORS_ORIGINS and of the client, and no others', async () => {
    const { response } = await register(signet, 'origins@cookie.example', { ...COOKIE, client_id: 'web' })
    let jar = jarOf(response)
    for (const Origin of [ISSUER, 'https://app.example', 'https://web.example']) {
      const refreshed = await refresh(signet, jar, { Origin })
      expect([Origin, refreshed.status]).toEqual([Origin, 200])
      jar = jarOf(refreshed)
    }
    const strangers = ['https://evil.example', 'https://other.example', 'https://web.example.evil.example']
    for (const Origin of [...strangers, 'null', 'http://localhost:8081', 'https://localhost:8080', '']) {
      const refused = await refresh(signet, jar, { Origin })
      expect([Origin, refused.headers.getSetCookie()]).toEqual([Origin, []])
      expect([Origin, await outcome(refused)]).toEqual([Origin, '403 ORIGIN_NOT_ALLOWED'])
    }
    expect((await refresh(signet, jar)).status).toBe(200)
  })

  it('refuses a request without an Origin, which no browser leaves out', async () => {
    const { response } = await register(signet, 'no-origin@cookie.example', COOKIE)
    const headers = { Cookie: jarOf(response) }
    for (const path of ['/auth/refresh', '/auth/logout'])
      expect(await outcome(send(signet, 'POST', path, undefined, headers))).toBe('403 ORIGIN_NOT_ALLOWED')
    expect((await refresh(signet, jarOf(response))).status).toBe(200)
  })

  it.each([
    [{ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' }, 200],
    [{ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'cors' }, 200],
    [{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' }, 403],
    [{ 'Sec-Fetch-Site': 'none' }, 403],
    [{ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'navigate' }, 403],
  ])('judges fetch metadata %o', async (headers: Record<string, string>, status) => {
    const { response } = await login(
      signet,
      await known(signet, `metadata-${Object.values(headers).join('-')}@cookie.example`),
      COOKIE,
    )
    expect((await refresh(signet, jarOf(response), headers)).status).toBe(status)
  })

  it('lets no stranger sign anybody out, nor sign anybody in', async () => {
    const { response, bearer } = await register(signet, 'csrf@cookie.example', COOKIE)
    const stranger = { Origin: 'https://evil.example', Cookie: jarOf(response) }
    for (const body of [undefined, { everywhere: true }]) {
      const refused = await send(signet, 'POST', '/auth/logout', body, stranger)
      expect(refused.headers.getSetCookie()).toEqual([])
      expect(await outcome(refused)).toBe('403 ORIGIN_NOT_ALLOWED')
    }
    expect((await send(signet, 'GET', '/auth/me', undefined, bearer)).status).toBe(200)
    const planted = { email: 'csrf@cookie.example', password: PASSWORD, ...COOKIE }
    const refused = await send(signet, 'POST', '/auth/login', planted, { Origin: 'https://evil.example' })
    expect(refused.headers.getSetCookie()).toEqual([])
    expect(refused.status).toBe(403)
  })

  it('tells a program that forgot the token from a browser that has lost its cookie', async () => {
    expect(await outcome(send(signet, 'POST', '/auth/refresh', {}))).toBe('422 FIELDS_INVALID')
    expect(await outcome(send(signet, 'POST', '/auth/refresh'))).toBe('401 AUTH_TOKEN_MISSING')
    const browser = await send(signet, 'POST', '/auth/refresh', {}, { Origin: ISSUER })
    expect(browser.headers.getSetCookie()).toEqual([CLEARED])
    expect(await outcome(browser)).toBe('401 AUTH_TOKEN_MISSING')
  })

  it('clears no cookie for a page of a stranger that could not send it', async () => {
    const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Mode': 'navigate' }
    const refused = await send(signet, 'POST', '/auth/refresh', undefined, headers)
    expect(refused.headers.getSetCookie()).toEqual([])
    expect(await outcome(refused)).toBe('403 ORIGIN_NOT_ALLOWED')
  })

  it('answers a missing, broken, ended or doubled cookie with a clean 401 that clears it', async () => {
    const { response, bearer } = await register(signet, 'stale@cookie.example', COOKIE)
    const jar = jarOf(response)
    await send(signet, 'POST', '/auth/logout', undefined, bearer)
    const broken = `${jar.slice(0, -1)}${jar.endsWith('A') ? 'B' : 'A'}`
    for (const cookie of ['', 'signet-refresh=', 'signet-refresh=rubbish', broken, jar, `${jar}; ${jar}`]) {
      const refused = await refresh(signet, cookie)
      expect(refused.headers.getSetCookie()).toEqual([CLEARED])
      expect(await outcome(refused)).toMatch(/^401 AUTH_TOKEN_(?:MISSING|INVALID)$/)
    }
  })

  it('signs out by the cookie, and clears it with the attributes that it was set with', async () => {
    const { response, bearer } = await register(signet, 'out@cookie.example', COOKIE)
    const ended = await send(signet, 'POST', '/auth/logout', undefined, {
      Origin: ISSUER,
      Cookie: jarOf(response),
    })
    expect([ended.status, ended.headers.getSetCookie()]).toEqual([204, [CLEARED]])
    expect(await outcome(refresh(signet, jarOf(response)))).toBe('401 AUTH_TOKEN_INVALID')
    expect(await outcome(send(signet, 'GET', '/auth/me', undefined, bearer))).toBe('401 AUTH_TOKEN_INVALID')
  })

  it('clears the cookie of a browser that signs out by bearer token', async () => {
    const { response, bearer } = await register(signet, 'bearer-out@cookie.example', COOKIE)
    const ended = await send(signet, 'POST', '/auth/logout', undefined, {
      ...bearer,
      Cookie: jarOf(response),
    })
    expect([ended.status, ended.headers.getSetCookie()]).toEqual([204, [CLEARED]])
  })

  it('hands the token of a cookie sign-in to nobody in a body, and lives on', async () => {
    const { response } = await register(signet, 'smuggled@cookie.example', COOKIE)
    const refresh_token = valueOf(jarOf(response))
    const form = { grant_type: 'refresh_token', client_id: 'first-party', refresh_token }
    expect(await outcome(send(signet, 'POST', '/auth/refresh', { refresh_token }))).toBe(
      '401 AUTH_TOKEN_INVALID',
    )
    const token = await askApp(signet.app, '/token', { method: 'POST', body: new URLSearchParams(form) })
    expect([token.status, await token.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await refresh(signet, jarOf(response))).status).toBe(200)
  })

  it('gives a token from a body no grace for being brought in a cookie', async () => {
    const { tokens } = await register(signet, 'dressed-up@cookie.example')
    const jar = `signet-refresh=${tokens.refresh_token}`
    expect(await outcome(refresh(signet, jar))).toBe('401 AUTH_TOKEN_INVALID')
    const { refresh_token } = tokens
    const next = await send(signet, 'POST', '/auth/refresh', { refresh_token })
    expect(next.status).toBe(200)
    const successor = (await next.json()) as Tokens
    expect(await outcome(refresh(signet, jar))).toBe('401 AUTH_TOKEN_INVALID')
    // It was spent: whoever brings it, its sign-in ends.
    expect(await outcome(send(signet, 'GET', '/auth/me', undefined, bearerOf(successor)))).toBe(
      '401 AUTH_TOKEN_INVALID',
    )
  })

  it('lets two tabs that race both go on, with one successor', async () => {
    const { response } = await register(signet, 'tabs@cookie.example', COOKIE)
    const tabs = await Promise.all(Array.from({ length: 20 }, () => refresh(signet, jarOf(response))))
    expect(tabs.map(tab => tab.status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(new Set(tabs.map(tab => valueOf(jarOf(tab)))).size).toBe(1)
    const [tab] = tabs
    expect(tab && (await refresh(signet, jarOf(tab))).status).toBe(200)
  })

  it('ends the sign-in when a cookie from before the last one comes back', async () => {
    const { response, tokens } = await register(signet, 'theft@cookie.example', COOKIE)
    const first = jarOf(response)
    const second = jarOf(await refresh(signet, first))
    const third = jarOf(await refresh(signet, second))
    expect(await outcome(refresh(signet, first))).toBe('401 AUTH_TOKEN_INVALID')
    expect(await outcome(refresh(signet, third))).toBe('401 AUTH_TOKEN_INVALID')
    expect(await outcome(send(signet, 'GET', '/auth/me', undefined, bearerOf(tokens)))).toMatch(/^401/)
  })

  it('lets browsers of registered origins send and receive the cookie, and no others', async () => {
    const { response } = await register(signet, 'cors@cookie.example', COOKIE)
    const answer = await refresh(signet, jarOf(response), { Origin: 'https://app.example' })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
    const foreign = await refresh(signet, jarOf(answer), { Origin: 'https://evil.example' })
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  })
})

const known = async (signet: Instance, email: string) => {
  await register(signet, email)
  return email
}

describe.skipIf(!hasPostgres)('the cookie transport over two instances', () => {
  let deployment: Deployment
  let one: Instance
  let other: Instance
  let database: Database
  beforeAll(async () => {
    deployment = await openDeployment([])
    one = await deployment.start()
    other = await deployment.start()
    database = deployment.database
  })
  afterAll(async () => {
    await Promise.all([one.close(), other.close()])
    await deployment.close()
  })

  it('gives racing tabs one successor', async () => {
    const { response } = await register(one, 'tabs@two.example', COOKIE)
    const tabs = await Promise.all([one, other, one, other].map(signet => refresh(signet, jarOf(response))))
    expect(tabs.map(tab => tab.status)).toEqual([200, 200, 200, 200])
    expect(new Set(tabs.map(tab => valueOf(jarOf(tab)))).size).toBe(1)
  })

  /** As if the last rotation had been that long ago. */
  const age = (email: string, seconds: number) => database.sql`
    update refresh_families f
    set rotated_at = rotated_at - make_interval(secs => ${seconds})
    from users u
    where u.id = f.user_id and u.email = ${email}`

  it('has a window of ten seconds, which no replay slides', async () => {
    const { response } = await register(one, 'window@two.example', COOKIE)
    await refresh(one, jarOf(response))
    await age('window@two.example', 9)
    expect((await refresh(other, jarOf(response))).status).toBe(200)
    await age('window@two.example', 1)
    expect(await outcome(refresh(other, jarOf(response)))).toBe('401 AUTH_TOKEN_INVALID')
  })
})

describe.skipIf(!hasPostgres)('the cookie of an https issuer', () => {
  it('is bound to its host and to https', async () => {
    const deployment = await openDeployment([])
    const signet = await deployment.start({ environment: { ISSUER: 'https://id.example' } })
    try {
      const { response } = await register(signet, 'host@cookie.example', COOKIE)
      expect(refreshCookieOf(response)).toMatch(
        /^__Host-signet-refresh=signet_rt_[\w-]{94}; Path=\/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict$/,
      )
      const headers = { Origin: 'https://id.example' }
      // The name that a neighbour or a plain connection could set is not looked at.
      const bare = { ...headers, Cookie: jarOf(response).replace('__Host-', '') }
      const refused = await send(signet, 'POST', '/auth/refresh', undefined, bare)
      expect(refused.headers.getSetCookie()).toEqual([
        '__Host-signet-refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict',
      ])
      const good = { ...headers, Cookie: jarOf(response) }
      expect((await send(signet, 'POST', '/auth/refresh', undefined, good)).status).toBe(200)
    } finally {
      await signet.close()
      await deployment.close()
    }
  })
})
