import { AsyncLocalStorage } from 'node:async_hooks'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { times } from '../../support/ask.ts'
import { askApp } from '../../support/bindings.ts'
import { API, basic, CLIENTS, OTHER_API } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  fieldOf,
  headingOf,
  queryOf,
} from '../../support/pages/person.ts'

const WEB = {
  client_id: 'notes',
  client_name: 'Notes',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: ['https://notes.example/callback'],
  scope: 'openid profile email offline_access read write',
  audience: [API, OTHER_API],
}
const CALLBACK = 'https://notes.example/callback'
const SECRET = 'a-secret-of-the-shop-0123456789-0123456789'
const SHOP = {
  ...WEB,
  client_id: 'shop',
  client_secret: SECRET,
  token_endpoint_auth_method: 'client_secret_basic',
  redirect_uris: ['https://shop.example/cb?from=signet'],
  require_pkce: false,
}
const NATIVE = {
  ...WEB,
  client_id: 'native',
  redirect_uris: [
    'http://127.0.0.1/cb',
    'http://[::1]:1/cb',
    'http://localhost:8000/cb',
    'cursor://callback',
  ],
}
const HOUSE = {
  ...WEB,
  client_id: 'house',
  first_party: true,
  redirect_uris: ['https://house.example/cb'],
}

const ASKED = {
  response_type: 'code',
  client_id: 'notes',
  redirect_uri: CALLBACK,
  scope: 'openid read',
  state: 'a state & more',
  nonce: 'n',
  code_challenge: CODE_CHALLENGE,
  code_challenge_method: 'S256',
}
type Parameters = Readonly<Record<string, string | null>>
const asking = (more: Parameters = {}) => queryOf({ ...ASKED, ...more })

let deployment: Deployment
let signet: Instance
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, WEB, SHOP, NATIVE, HOUSE])
  signet = await deployment.start()
})
afterAll(() => deployment.close())

let people = 0
const newEmail = () => `authorize${++people}@example.com`

const person = () => createPerson(signet)

/** A person who is signed in, and has allowed the application what `ASKED` asks for. */
const allowed = async (more: Parameters = {}) => {
  const ada = person()
  const email = newEmail()
  const consent = await ada.signUp(await ada.arrive(asking(more)), email)
  const answer = await ada.allow(consent)
  expect(answer.status).toBe(303)
  return { ada, email, code: answerOf(answer)['code'] ?? '' }
}

const redeem = (code: string, more: Readonly<Record<string, string>> = {}, headers = {}) =>
  signet.token(
    {
      grant_type: 'authorization_code',
      client_id: 'notes',
      redirect_uri: CALLBACK,
      code,
      code_verifier: CODE_VERIFIER,
      ...more,
    },
    headers,
  )

describe('RFC 6749 §4.1.2.1 – before the client and its redirect URI are proved', () => {
  it.each([
    ['an unknown client', { client_id: 'nobody' }],
    ['no client', { client_id: null }],
    ['another redirect URI', { redirect_uri: 'https://evil.example/callback' }],
    ['a longer path', { redirect_uri: `${CALLBACK}/more` }],
    ['a query', { redirect_uri: `${CALLBACK}?x=1` }],
    ['a fragment', { redirect_uri: `${CALLBACK}#x` }],
    ['a trailing slash', { redirect_uri: `${CALLBACK}/` }],
    ['a dot segment', { redirect_uri: 'https://notes.example/x/../callback' }],
    ['user information', { redirect_uri: 'https://notes.example@evil.example/callback' }],
    ['another case', { redirect_uri: 'https://notes.example/Callback' }],
    ['another scheme', { redirect_uri: 'http://notes.example/callback' }],
    ['a port', { redirect_uri: 'https://notes.example:8443/callback' }],
    ['a subdomain', { redirect_uri: 'https://notes.example.evil.example/callback' }],
    ['a backslash', { redirect_uri: 'https://notes.example\\@evil.example/callback' }],
    ['an encoded path', { redirect_uri: 'https://notes.example/%63allback' }],
    ['two slashes', { redirect_uri: '//evil.example' }],
    ['a script', { redirect_uri: 'javascript:alert(1)' }],
    ['data', { redirect_uri: 'data:text/html,hello' }],
    ['a line feed', { redirect_uri: `${CALLBACK}\r\nX-Evil: 1` }],
    ['no redirect URI with openid', { redirect_uri: null }],
    [
      'no redirect URI where several are registered',
      { client_id: 'native', redirect_uri: null, scope: 'read' },
    ],
    [
      'a loopback port of a confidential client',
      { client_id: 'shop', redirect_uri: 'http://127.0.0.1:1/cb' },
    ],
    ['a host beside loopback', { client_id: 'native', redirect_uri: 'http://127.0.0.1.evil.example:1/cb' }],
    ['another loopback address', { client_id: 'native', redirect_uri: 'http://127.0.0.2:5555/cb' }],
    ['another path on loopback', { client_id: 'native', redirect_uri: 'http://127.0.0.1:5555/other' }],
    [
      'user information on loopback',
      { client_id: 'native', redirect_uri: 'http://127.0.0.1:80@evil.example/cb' },
    ],
    ['another private-use host', { client_id: 'native', redirect_uri: 'cursor://elsewhere' }],
  ] as const)('shows a page for %s, with a reference, and redirects nowhere', async (_, wrong) => {
    const { status, location, text, headers } = await person().open(`/authorize?${asking(wrong)}`)
    expect([status, location]).toEqual([400, null])
    expect(text.includes(headers.get('x-request-id') ?? 'no id')).toBe(true)
    expect([...text.matchAll(/href="([^"]*)"/g)].every(([, href]) => /^\/(?!\/)/.test(href ?? ''))).toBe(true)
  })

  it.each(['client_id=notes', `redirect_uri=${encodeURIComponent(CALLBACK)}`])(
    'shows a page for a repeated %s',
    async again => {
      const { status, location } = await person().open(`/authorize?${asking()}&${again}`)
      expect([status, location]).toEqual([400, null])
    },
  )

  it('shows a page for a request of more than 6 kB, and takes one below', async () => {
    const padding = (length: number) => asking({ state: 'x'.repeat(length) })
    const long = padding(6144 - padding(0).length)
    expect(long).toHaveLength(6144)
    expect((await person().open(`/authorize?${long}`)).status).toBe(200)
    expect((await person().open(`/authorize?${long}y`)).status).toBe(400)
  })

  it.each([
    ['http://127.0.0.1:5555/cb'],
    ['http://[::1]:5555/cb'],
    ['http://localhost:5555/cb'],
    ['cursor://callback'],
  ])('takes %s of a native client', async redirect_uri => {
    const page = await person().arrive(asking({ client_id: 'native', redirect_uri }))
    expect([page.status, headingOf(page)]).toEqual([200, 'Sign in'])
    const policy = page.headers.get('content-security-policy') ?? ''
    const target = redirect_uri.includes('[') ? 'http:' : redirect_uri.replace(/\/cb$|\/\/callback$/, '')
    const further = target.startsWith('http') ? ' https: http://localhost:* http://127.0.0.1:*' : ''
    expect(policy).toContain(`form-action 'self' ${target}${further};`)
  })

  it('takes a request without a redirect URI where one is registered and openid is not asked for', async () => {
    const page = await person().arrive(asking({ redirect_uri: null, scope: 'read' }))
    expect(page.status).toBe(200)
  })
})

describe('RFC 6749 §4.1.2.1, RFC 9207 – once the redirect URI is proved', () => {
  it.each([
    ['unsupported_response_type', { response_type: 'token' }],
    ['unsupported_response_type', { response_type: 'code id_token' }],
    ['invalid_request', { response_type: null }],
    ['invalid_request', { code_challenge: null, code_challenge_method: null }],
    ['invalid_request', { code_challenge_method: null }],
    ['invalid_request', { code_challenge_method: 'plain' }],
    ['invalid_request', { code_challenge: 'short' }],
    ['invalid_scope', { scope: 'unknown' }],
    ['invalid_target', { resource: 'https://evil.example' }],
    ['invalid_target', { resource: `${API}/#x` }],
    ['invalid_request', { prompt: 'none login' }],
    ['invalid_request', { prompt: 'unknown' }],
    ['login_required', { prompt: 'none' }],
    ['invalid_request', { max_age: '-1' }],
    ['invalid_request', { max_age: 'soon' }],
    ['invalid_request', { response_mode: 'fragment' }],
    ['invalid_request', { response_mode: 'web_message' }],
    ['invalid_request', { dpop_jkt: 'x' }],
    ['invalid_request', { id_token_hint: 'x.y.z' }],
    ['invalid_request_object', { request: 'x.y.z' }],
    ['request_uri_not_supported', { request_uri: 'https://notes.example/request.jwt' }],
    ['request_uri_not_supported', { request_uri: 'http://127.0.0.1:1/' }],
  ] as const)('answers %s to the client, with state and iss, for %o', async (error, wrong) => {
    const answer = await person().open(`/authorize?${asking(wrong)}`)
    expect(answer.status).toBe(303)
    expect(answer.location?.startsWith(`${CALLBACK}?`)).toBe(true)
    expect(answerOf(answer)).toEqual({
      error,
      error_description: expect.any(String),
      state: ASKED.state,
      iss: ISSUER,
    })
  })

  it.each(['scope=read', 'state=two', 'nonce=two', 'prompt=login', 'unknown=1'])(
    'refuses a repeated %s',
    async again => {
      const answer = await person().open(`/authorize?${asking({ prompt: 'login', unknown: '0' })}&${again}`)
      expect(answerOf(answer)).toMatchObject({ error: 'invalid_request', iss: ISSUER })
    },
  )

  it('keeps the query of a registered redirect URI', async () => {
    const redirect_uri = 'https://shop.example/cb?from=signet'
    const answer = await person().open(
      `/authorize?${asking({ client_id: 'shop', redirect_uri, prompt: 'none' })}`,
    )
    expect(answerOf(answer)).toMatchObject({ from: 'signet', error: 'login_required' })
  })

  it('copies no part of a request into a header unencoded', async () => {
    for (const name of ['state', 'login_hint', 'ui_locales', 'nonce']) {
      const { status, headers } = await person().open(
        `/authorize?${asking({ [name]: 'a\r\nSet-Cookie: evil=1' })}`,
      )
      expect(status).toBe(303)
      expect(headers.get('set-cookie') ?? '').not.toContain('evil')
    }
  })

  it('has no CORS headers, and answers no preflight', async () => {
    const origin = { origin: 'https://notes.example' }
    const { headers } = await person().open(`/authorize?${asking()}`, origin)
    const preflight = await askApp(signet.app, '/authorize', {
      method: 'OPTIONS',
      headers: { ...origin, 'access-control-request-method': 'GET' },
    })
    for (const each of [headers, preflight.headers])
      expect([...each.keys()].filter(name => name.startsWith('access-control-allow-'))).toEqual([])
  })
})

const TABLES = [
  'authorization_codes',
  'browser_sessions',
  'consents',
  'pushed_requests',
  'users',
  'ceremonies',
]

describe('a stranger', () => {
  it('makes the server store nothing', async () => {
    const count = async () => {
      const counts: unknown[] = []
      for (const table of TABLES)
        counts.push(await deployment.database.sql`select count(*) from ${deployment.database.sql(table)}`)
      return counts.flat()
    }
    const before = await count()
    const eve = person()
    await eve.arrive(asking())
    await eve.arrive(asking({ prompt: 'create' }))
    await eve.open(`/authorize?${asking({ prompt: 'none' })}`)
    await eve.open('/sign-in')
    expect(await count()).toEqual(before)
  })
})

describe('RFC 6749 §4.1.2 – the code', () => {
  it('comes by 303 with state and iss, and buys tokens with an ID token', async () => {
    const { ada, code } = await allowed()
    const again = await ada.open(`/authorize?${asking({ state: 'second' })}`)
    expect(again.status).toBe(303)
    expect(answerOf(again)).toEqual({ code: expect.any(String), state: 'second', iss: ISSUER })
    const { status, body } = await redeem(code)
    expect([status, body['scope']]).toEqual([200, 'openid read'])
    expect(Object.keys(body)).toContain('id_token')
  })

  it('is issued after a POST of a page of ours, or of no page', async () => {
    const { ada } = await allowed()
    const answer = await ada.post('/authorize', asking())
    expect(answerOf(answer)).toMatchObject({ state: ASKED.state, code: expect.any(String) })
  })

  it.each([{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://notes.example' }, { origin: 'null' }])(
    'is asked for by GET after a POST of another page: %o',
    async headers => {
      const answer = await person().post('/authorize', asking(), headers)
      expect(answer.status).toBe(303)
      const [path, query] = (answer.location ?? '').split('?')
      expect(path).toBe('/authorize')
      expect(Object.fromEntries(new URLSearchParams(query))).toEqual(ASKED)
    },
  )

  it('is asked for by a form of ours after a longer POST of another page, never in an address of over 2 kB', async () => {
    const { ada } = await allowed()
    const state = 'x'.repeat(3000)
    const parameters = { ...ASKED, state }
    const page = await ada.post('/authorize', parameters, { 'sec-fetch-site': 'cross-site' })
    expect([page.status, page.location]).toEqual([200, null])
    expect(page.text).toContain('<form method="post" action="/authorize" data-send>')
    for (const [name, value] of Object.entries(parameters)) expect(fieldOf(page, name)).toBe(value)
    const headers = { origin: ISSUER, 'sec-fetch-site': 'same-origin' }
    expect(answerOf(await ada.post('/authorize', parameters, headers))).toMatchObject({ state })
    const evil = { ...parameters, redirect_uri: "https://evil;script-src'*'.example/" }
    const shown = await ada.post('/authorize', evil, { 'sec-fetch-site': 'cross-site' })
    expect(shown.headers.get('content-security-policy')).toContain("form-action 'self' https: http: https:;")
    expect((await ada.post('/authorize', evil, headers)).status).toBe(400)
  })

  it('is asked for in an address without the characters that a posted form may hold', async () => {
    const answer = await person().post('/authorize', 'state=\r\nX-Evil: 1#é', {
      origin: 'https://evil.example',
    })
    expect([answer.status, answer.headers.get('x-evil')]).toEqual([303, null])
    expect(answer.location).toMatch(/^\/authorize\?[\w%+=-]*$/)
  })

  it('goes to a form where the client asks for form_post', async () => {
    const { ada } = await allowed()
    const page = await ada.open(`/authorize?${asking({ response_mode: 'form_post', state: '"><script>' })}`)
    expect(page.status).toBe(200)
    expect(page.text).toContain(`<form method="post" action="${CALLBACK}"`)
    expect(page.text).not.toContain('"><script>')
    expect([fieldOf(page, 'state'), fieldOf(page, 'iss')]).toEqual(['"><script>', ISSUER])
    expect(page.headers.get('content-security-policy')).toContain(
      "form-action 'self' https://notes.example https: http://localhost:* http://127.0.0.1:*;",
    )
    const { status } = await redeem(fieldOf(page, 'code') ?? '')
    expect(status).toBe(200)
    const refused = await ada.open(
      `/authorize?${asking({ response_mode: 'form_post', prompt: 'login none' })}`,
    )
    expect(fieldOf(refused, 'error')).toBe('invalid_request')
  })

  it('costs three statements, from the request to the tokens', async () => {
    const { database } = deployment
    // Of these requests alone: the instance has work of its own in the background.
    const statements = new AsyncLocalStorage<{ count: number }>()
    const counted: typeof database = {
      ...database,
      run: query => {
        const counter = statements.getStore()
        if (counter !== undefined) counter.count += 1
        return database.run(query)
      },
    }
    const { ada } = await allowed()
    const instance = await deployment.start({ database: counted })
    const same = createPerson(instance)
    for (const [name, value] of ada.jar) same.jar.set(name, value)
    const counter = { count: 0 }
    const status = await statements.run(counter, async () => {
      const { code = '' } = answerOf(await same.open(`/authorize?${asking()}`))
      const form = { grant_type: 'authorization_code', client_id: 'notes', redirect_uri: CALLBACK, code }
      return (await instance.token({ ...form, code_verifier: CODE_VERIFIER })).status
    })
    expect([status, counter.count]).toEqual([200, 3])
  })
})

describe('RFC 6749 §10.5, RFC 7636 §4.6 – a code that was stolen', () => {
  it('is worth nothing to another client, with another verifier, or at another redirect URI', async () => {
    const { code } = await allowed()
    const attempts = [
      redeem(code, { client_id: 'house' }),
      redeem(code, { client_id: 'shop' }, {}),
      redeem(code, { code_verifier: `${CODE_VERIFIER.slice(0, -1)}~` }),
      redeem(code, { redirect_uri: 'https://notes.example/other' }),
    ]
    for (const each of await Promise.all(attempts)) expect([400, 401]).toContain(each.status)
    expect((await redeem(code)).status).toBe(200)
  })

  it('is worth nothing with a verifier where the request had no challenge', async () => {
    const shop = { client_id: 'shop', redirect_uri: 'https://shop.example/cb?from=signet' }
    const { code } = await allowed({ ...shop, code_challenge: null, code_challenge_method: null })
    const form = { grant_type: 'authorization_code', code, redirect_uri: shop.redirect_uri }
    const header = basic('shop', SECRET)
    const downgraded = await signet.token({ ...form, code_verifier: CODE_VERIFIER }, header)
    expect([downgraded.status, downgraded.body.error]).toEqual([400, 'invalid_grant'])
    expect((await signet.token(form, header)).status).toBe(200)
  })

  it('is worth nothing without a verifier where the request had a challenge', async () => {
    const shop = { client_id: 'shop', redirect_uri: 'https://shop.example/cb?from=signet' }
    const { code } = await allowed(shop)
    const form = { grant_type: 'authorization_code', code, redirect_uri: shop.redirect_uri }
    const { body } = await signet.token(form, basic('shop', SECRET))
    expect(body.error).toBe('invalid_grant')
  })

  it('asks a client without PKCE for a nonce with openid, or a state', async () => {
    const shop = { client_id: 'shop', redirect_uri: 'https://shop.example/cb?from=signet' }
    const unbound = { ...shop, code_challenge: null, code_challenge_method: null, state: null, nonce: null }
    expect(answerOf(await person().open(`/authorize?${asking(unbound)}`))['error']).toBe('invalid_request')
    expect((await person().arrive(asking({ ...unbound, nonce: 'n' }))).status).toBe(200)
    const state = { ...unbound, state: 's', scope: 'read' }
    expect((await person().arrive(asking(state))).status).toBe(200)
    const nonce = { ...unbound, nonce: 'n', scope: 'read' }
    expect(answerOf(await person().open(`/authorize?${asking(nonce)}`))['error']).toBe('invalid_request')
  })

  it('of 50 redemptions over two instances one succeeds, and what it bought is ended', async () => {
    const { code } = await allowed({ scope: 'openid read offline_access' })
    const other = await deployment.start()
    const form = {
      grant_type: 'authorization_code',
      client_id: 'notes',
      redirect_uri: CALLBACK,
      code,
      code_verifier: CODE_VERIFIER,
    }
    const answers = await Promise.all(times(50).map(each => (each % 2 ? signet : other).token(form)))
    const bought = answers.filter(({ status }) => status === 200)
    expect(bought).toHaveLength(1)
    const refresh_token = bought[0]?.body.refresh_token ?? ''
    const dead = await signet.token({ grant_type: 'refresh_token', client_id: 'notes', refresh_token })
    expect([dead.status, dead.body.error]).toEqual([400, 'invalid_grant'])
    const sid = decodeJwt(bought[0]?.body.access_token ?? '')['sid']
    const lines = [...signet.lines, ...other.lines].filter(line => line['sid'] === sid)
    const alerts = lines.filter(line => line['event'] === 'authorization_code_alert')
    expect([
      alerts.length,
      lines.filter(line => line['reason'] === 'code_replayed_after_end').length,
    ]).toEqual([1, 48])
  })

  it('of 50 redemptions with one Idempotency-Key all answer with the same living sign-in', async () => {
    const { code } = await allowed({ scope: 'openid read offline_access' })
    const other = await deployment.start()
    const form = {
      grant_type: 'authorization_code',
      client_id: 'notes',
      redirect_uri: CALLBACK,
      code,
      code_verifier: CODE_VERIFIER,
    }
    const key = { 'idempotency-key': 'k'.repeat(22) }
    const answers = await Promise.all(times(50).map(each => (each % 2 ? signet : other).token(form, key)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const tokens = new Set(answers.map(({ body }) => body.refresh_token))
    expect(tokens.size).toBe(1)
    const [refresh_token = ''] = tokens
    const living = await signet.token({ grant_type: 'refresh_token', client_id: 'notes', refresh_token })
    expect(living.status).toBe(200)
  })
})

describe('RFC 8707 §2, RFC 6749 §3.3 – what is granted', () => {
  it.each([API, `${API}/`, API.toUpperCase()])(
    'names the resource %s as it is registered',
    async resource => {
      const { code } = await allowed({ resource })
      const { body } = await redeem(code, { resource })
      const claims = JSON.parse(Buffer.from(body.access_token.split('.')[1] ?? '', 'base64url').toString())
      expect(claims.aud).toBe(API)
    },
  )

  it('is the first audience without a resource, and is not widened at the token endpoint', async () => {
    const { code } = await allowed()
    const wider = await redeem(code, { resource: OTHER_API })
    expect(wider.body.error).toBe('invalid_target')
    expect((await redeem(code)).status).toBe(200)
  })

  it('leaves out what the client is not registered for', async () => {
    const { code } = await allowed({ scope: 'openid read admin signet:admin' })
    expect((await redeem(code)).body['scope']).toBe('openid read')
  })

  it('is the registered scope where none is asked for', async () => {
    const { code } = await allowed({ scope: null })
    expect((await redeem(code)).body['scope']).toBe(WEB.scope)
  })

  it('has a refresh token with offline_access alone, where openid is granted', async () => {
    const { code } = await allowed()
    expect((await redeem(code)).body.refresh_token).toBeUndefined()
    const offline = await allowed({ scope: 'openid offline_access' })
    const { body } = await redeem(offline.code)
    expect([typeof body.refresh_token, typeof body.refresh_token_expires_in]).toEqual(['string', 'number'])
    const plain = await allowed({ scope: 'read' })
    expect(typeof (await redeem(plain.code)).body.refresh_token).toBe('string')
  })
})
