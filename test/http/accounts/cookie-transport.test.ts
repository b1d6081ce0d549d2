import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ALIVE,
  DEAD,
  lives,
  outcomeOf,
  refreshTokens,
  sidOf,
  signIn,
  signUp,
  trySignIn,
  trySignUp,
} from '../../support/accounts/account-api.ts'
import type { Answer } from '../../support/answer.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { askApp } from '../../support/bindings.ts'
import { type Database } from '../../support/database.ts'
import {
  type Deployment,
  deployments,
  type Instance,
  ISSUER,
  openDeployment,
} from '../../support/deployment.ts'
import { ageFamily } from '../../support/families.ts'

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

/** The Cookie header that a browser sends after an answer. */
const jarOf = ({ headers }: Answer): string =>
  headers
    .getSetCookie()
    .map(cookie => cookie.split(';')[0])
    .join('; ')
const refreshCookieOf = ({ headers }: Answer) =>
  headers.getSetCookie().find(cookie => cookie.includes('signet-refresh='))
const refresh = (signet: Instance, cookie: string, headers: Record<string, string> = {}) =>
  signet.ask('/auth/refresh', { method: 'POST', headers: { Origin: ISSUER, Cookie: cookie, ...headers } })
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

  it('sends the refresh token in an HttpOnly cookie, and in no body', async () => {
    const opened = await trySignUp(signet, 'attributes@cookie.example', COOKIE)
    expect(opened.body).not.toHaveProperty('refresh_token')
    expect(refreshCookieOf(opened)).toMatch(
      /^signet-refresh=signet_rt_[\w-]{94}; Path=\/; Max-Age=604800; HttpOnly; SameSite=Strict$/,
    )
    const again = await trySignIn(signet, 'attributes@cookie.example', COOKIE)
    expect(again.body).not.toHaveProperty('refresh_token')
    const refreshed = await refresh(signet, jarOf(again))
    expect(refreshed.status).toBe(200)
    expect(refreshed.text).not.toContain('signet_rt_')
    expect(valueOf(jarOf(refreshed))).not.toBe(valueOf(jarOf(again)))
    expect(refreshed.headers.get('cache-control')).toBe('no-store')
  })

  it('sets no refresh cookie for the body transport, and refuses an unknown transport', async () => {
    const opened = await trySignUp(signet, 'body@cookie.example')
    expect(refreshCookieOf(opened)).toBeUndefined()
    const third = { email: 'x@cookie.example', password: PASSWORD, refresh_transport: 'url' }
    expect(outcomeOf(await signet.ask('/auth/register', { body: third }))).toBe('422 FIELDS_INVALID')
  })

  it('accepts the pages of the issuer, of CORS_ORIGINS and of the client, and no others', async () => {
    const opened = await trySignUp(signet, 'origins@cookie.example', {
      ...COOKIE,
      client_id: 'web',
    })
    let jar = jarOf(opened)
    for (const Origin of [ISSUER, 'https://app.example', 'https://web.example']) {
      const refreshed = await refresh(signet, jar, { Origin })
      expect([Origin, refreshed.status]).toEqual([Origin, 200])
      jar = jarOf(refreshed)
    }
    const strangers = ['https://evil.example', 'https://other.example', 'https://web.example.evil.example']
    for (const Origin of [...strangers, 'null', 'http://localhost:8081', 'https://localhost:8080', '']) {
      const refused = await refresh(signet, jar, { Origin })
      expect([Origin, refused.headers.getSetCookie()]).toEqual([Origin, []])
      expect([Origin, outcomeOf(refused)]).toEqual([Origin, '403 ORIGIN_NOT_ALLOWED'])
    }
    expect((await refresh(signet, jar)).status).toBe(200)
  })

  it('refuses a request without Origin, which every browser sends', async () => {
    const opened = await trySignUp(signet, 'no-origin@cookie.example', COOKIE)
    const headers = { Cookie: jarOf(opened) }
    for (const path of ['/auth/refresh', '/auth/logout'])
      expect(outcomeOf(await signet.ask(path, { method: 'POST', headers }))).toBe('403 ORIGIN_NOT_ALLOWED')
    expect((await refresh(signet, jarOf(opened))).status).toBe(200)
  })

  it.each([
    [{ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' }, 200],
    [{ 'Sec-Fetch-Site': 'same-site', 'Sec-Fetch-Mode': 'cors' }, 200],
    [{ 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'cors' }, 403],
    [{ 'Sec-Fetch-Site': 'none' }, 403],
    [{ 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'navigate' }, 403],
  ])('judges fetch metadata %o', async (headers: Record<string, string>, status) => {
    const opened = await trySignIn(
      signet,
      await known(signet, `metadata-${Object.values(headers).join('-')}@cookie.example`),
      COOKIE,
    )
    expect((await refresh(signet, jarOf(opened), headers)).status).toBe(status)
  })

  it('refuses a sign-out and a sign-in from a foreign page', async () => {
    const opened = await trySignUp(signet, 'csrf@cookie.example', COOKIE)
    const stranger = { Origin: 'https://evil.example', Cookie: jarOf(opened) }
    for (const body of [undefined, { everywhere: true }]) {
      const refused = await signet.ask('/auth/logout', { method: 'POST', body, headers: stranger })
      expect(refused.headers.getSetCookie()).toEqual([])
      expect(outcomeOf(refused)).toBe('403 ORIGIN_NOT_ALLOWED')
    }
    expect((await signet.ask('/auth/me', { token: opened.body.access_token })).status).toBe(200)
    const planted = { email: 'csrf@cookie.example', password: PASSWORD, ...COOKIE }
    const refused = await signet.ask('/auth/login', {
      body: planted,
      headers: { Origin: 'https://evil.example' },
    })
    expect(refused.headers.getSetCookie()).toEqual([])
    expect(refused.status).toBe(403)
  })

  it('distinguishes a program without a token from a browser without a cookie', async () => {
    expect(outcomeOf(await signet.ask('/auth/refresh', { body: {} }))).toBe('422 FIELDS_INVALID')
    expect(outcomeOf(await signet.ask('/auth/refresh', { method: 'POST' }))).toBe('401 AUTH_TOKEN_MISSING')
    const browser = await signet.ask('/auth/refresh', { body: {}, headers: { Origin: ISSUER } })
    expect(browser.headers.getSetCookie()).toEqual([CLEARED])
    expect(outcomeOf(browser)).toBe('401 AUTH_TOKEN_MISSING')
  })

  it('clears no cookie for a foreign page', async () => {
    const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Mode': 'navigate' }
    const refused = await signet.ask('/auth/refresh', { method: 'POST', headers })
    expect(refused.headers.getSetCookie()).toEqual([])
    expect(outcomeOf(refused)).toBe('403 ORIGIN_NOT_ALLOWED')
  })

  it('answers 401 and clears the cookie when it is missing, broken, ended or doubled', async () => {
    const opened = await trySignUp(signet, 'stale@cookie.example', COOKIE)
    const jar = jarOf(opened)
    await signet.ask('/auth/logout', { method: 'POST', token: opened.body.access_token })
    const broken = `${jar.slice(0, -1)}${jar.endsWith('A') ? 'B' : 'A'}`
    for (const cookie of ['', 'signet-refresh=', 'signet-refresh=rubbish', broken, jar, `${jar}; ${jar}`]) {
      const refused = await refresh(signet, cookie)
      expect(refused.headers.getSetCookie()).toEqual([CLEARED])
      expect(outcomeOf(refused)).toMatch(/^401 AUTH_TOKEN_(?:MISSING|INVALID)$/)
    }
  })

  it('signs out by the cookie, and clears the cookie with the attributes that it was set with', async () => {
    const opened = await trySignUp(signet, 'out@cookie.example', COOKIE)
    const ended = await signet.ask('/auth/logout', {
      method: 'POST',
      headers: {
        Origin: ISSUER,
        Cookie: jarOf(opened),
      },
    })
    expect([ended.status, ended.headers.getSetCookie()]).toEqual([204, [CLEARED]])
    expect(outcomeOf(await refresh(signet, jarOf(opened)))).toBe('401 AUTH_TOKEN_INVALID')
    expect(outcomeOf(await signet.ask('/auth/me', { token: opened.body.access_token }))).toBe(
      '401 AUTH_TOKEN_INVALID',
    )
  })

  it('clears the cookie of a browser that signs out by bearer token', async () => {
    const opened = await trySignUp(signet, 'bearer-out@cookie.example', COOKIE)
    const ended = await signet.ask('/auth/logout', {
      method: 'POST',
      token: opened.body.access_token,
      headers: { Cookie: jarOf(opened) },
    })
    expect([ended.status, ended.headers.getSetCookie()]).toEqual([204, [CLEARED]])
  })

  it('refuses the token of a cookie sign-in in a body, and keeps the sign-in alive', async () => {
    const opened = await trySignUp(signet, 'smuggled@cookie.example', COOKIE)
    const refresh_token = valueOf(jarOf(opened))
    const form = { grant_type: 'refresh_token', client_id: 'first-party', refresh_token }
    expect(outcomeOf(await signet.ask('/auth/refresh', { body: { refresh_token } }))).toBe(
      '401 AUTH_TOKEN_INVALID',
    )
    const token = await askApp(signet.app, '/token', { method: 'POST', body: new URLSearchParams(form) })
    expect([token.status, await token.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await refresh(signet, jarOf(opened))).status).toBe(200)
  })

  it('refuses a token of the body transport in a cookie, without a grace window', async () => {
    const tokens = await signUp(signet, 'dressed-up@cookie.example')
    const jar = `signet-refresh=${tokens.refresh_token}`
    expect(outcomeOf(await refresh(signet, jar))).toBe('401 AUTH_TOKEN_INVALID')
    const { status, body: successor } = await refreshTokens(signet, tokens)
    expect(status).toBe(200)
    expect(outcomeOf(await refresh(signet, jar))).toBe('401 AUTH_TOKEN_INVALID')
    // A spent token ends its sign-in, from either transport.
    expect(outcomeOf(await signet.ask('/auth/me', { token: successor.access_token }))).toBe(
      '401 AUTH_TOKEN_INVALID',
    )
  })

  it('gives tabs that race one successor', async () => {
    const opened = await trySignUp(signet, 'tabs@cookie.example', COOKIE)
    const tabs = await Promise.all(Array.from({ length: 20 }, () => refresh(signet, jarOf(opened))))
    expect(tabs.map(tab => tab.status)).toEqual(Array.from({ length: 20 }, () => 200))
    expect(new Set(tabs.map(tab => valueOf(jarOf(tab)))).size).toBe(1)
    const [tab] = tabs
    expect(tab && (await refresh(signet, jarOf(tab))).status).toBe(200)
  })

  it('ends the sign-in when the cookie before the previous one comes back', async () => {
    const opened = await trySignUp(signet, 'theft@cookie.example', COOKIE)
    const first = jarOf(opened)
    const second = jarOf(await refresh(signet, first))
    const third = jarOf(await refresh(signet, second))
    expect(outcomeOf(await refresh(signet, first))).toBe('401 AUTH_TOKEN_INVALID')
    expect(outcomeOf(await refresh(signet, third))).toBe('401 AUTH_TOKEN_INVALID')
    expect(outcomeOf(await signet.ask('/auth/me', { token: opened.body.access_token }))).toMatch(/^401/)
  })

  it('allows credentials by CORS to registered origins, and to no others', async () => {
    const opened = await trySignUp(signet, 'cors@cookie.example', COOKIE)
    const answer = await refresh(signet, jarOf(opened), { Origin: 'https://app.example' })
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example')
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
    const foreign = await refresh(signet, jarOf(answer), { Origin: 'https://evil.example' })
    expect(foreign.headers.get('access-control-allow-origin')).toBeNull()
  })
})

const known = async (signet: Instance, email: string) => {
  await signUp(signet, email)
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

  it('gives tabs that race one successor', async () => {
    const opened = await trySignUp(one, 'tabs@two.example', COOKIE)
    const tabs = await Promise.all([one, other, one, other].map(signet => refresh(signet, jarOf(opened))))
    expect(tabs.map(tab => tab.status)).toEqual([200, 200, 200, 200])
    expect(new Set(tabs.map(tab => valueOf(jarOf(tab)))).size).toBe(1)
  })

  it('has a grace window of ten seconds, which a replay does not extend', async () => {
    const opened = await trySignUp(one, 'window@two.example', COOKIE)
    await refresh(one, jarOf(opened))
    await ageFamily(database, sidOf(opened.body), 9)
    expect((await refresh(other, jarOf(opened))).status).toBe(200)
    await ageFamily(database, sidOf(opened.body), 1)
    expect(outcomeOf(await refresh(other, jarOf(opened)))).toBe('401 AUTH_TOKEN_INVALID')
  })

  it.each([
    [9, '204', DEAD],
    [10, '401 AUTH_TOKEN_INVALID', ALIVE],
  ])(
    'signs out everywhere by a cookie that was refreshed %i seconds ago: %s, and ends its own sign-in in any case',
    async (seconds, outcome, state) => {
      const email = `everywhere-${seconds}@two.example`
      const opened = await trySignUp(one, email, COOKIE)
      const [elsewhere, bystander] = [await signIn(one, email), await signUp(one, `not-${email}`)]
      const refreshed = await refresh(one, jarOf(opened))
      await ageFamily(database, sidOf(opened.body), seconds)
      const body = { everywhere: true }
      const headers = { Origin: ISSUER, Cookie: jarOf(opened) }
      const left = await other.ask('/auth/logout', { method: 'POST', body, headers })
      expect(outcomeOf(left)).toBe(outcome)
      expect(outcomeOf(await refresh(one, jarOf(refreshed)))).toBe('401 AUTH_TOKEN_INVALID')
      expect(await lives(one, elsewhere)).toEqual(state)
      expect(await lives(one, bystander)).toEqual(ALIVE)
    },
  )
})

describe.skipIf(!hasPostgres)('the cookie of an https issuer', () => {
  it('has the prefix __Host- and the attribute Secure', async () => {
    const deployment = await openDeployment([])
    const signet = await deployment.start({ environment: { ISSUER: 'https://id.example' } })
    try {
      const opened = await trySignUp(signet, 'host@cookie.example', COOKIE)
      expect(refreshCookieOf(opened)).toMatch(
        /^__Host-signet-refresh=signet_rt_[\w-]{94}; Path=\/; Max-Age=604800; HttpOnly; Secure; SameSite=Strict$/,
      )
      const headers = { Origin: 'https://id.example' }
      // A neighbouring host or a plain connection could set a cookie without the prefix: that name is ignored.
      const bare = { ...headers, Cookie: jarOf(opened).replace('__Host-', '') }
      const refused = await signet.ask('/auth/refresh', { method: 'POST', headers: bare })
      expect(refused.headers.getSetCookie()).toEqual([
        '__Host-signet-refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict',
      ])
      const good = { ...headers, Cookie: jarOf(opened) }
      expect((await signet.ask('/auth/refresh', { method: 'POST', headers: good })).status).toBe(200)
    } finally {
      await signet.close()
      await deployment.close()
    }
  })
})
