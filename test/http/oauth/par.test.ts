import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDpopKey, type DpopKey } from '../../support/authorization/dpop.ts'
import { API, basic, CLIENTS, OTHER_API } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  headingOf,
  queryOf,
} from '../../support/pages/person.ts'

const CALLBACK = 'https://shop.example/cb'
const SECRET = 'a-secret-of-the-shop-0123456789-0123456789'
const SHOP = {
  client_id: 'shop',
  client_secret: SECRET,
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
  scope: 'openid offline_access read',
  audience: [API, OTHER_API],
}
const PUBLIC = {
  ...SHOP,
  client_id: 'notes',
  client_secret: undefined,
  token_endpoint_auth_method: 'none',
  redirect_uris: ['https://notes.example/cb'],
}
const STRICT = { ...SHOP, client_id: 'strict', require_pushed_authorization_requests: true }

const ASKED = {
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid read',
  state: 'pushed',
  code_challenge: CODE_CHALLENGE,
  code_challenge_method: 'S256',
}

let deployment: Deployment
let signet: Instance
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, SHOP, PUBLIC, STRICT])
  signet = await deployment.start()
})
afterAll(() => deployment.close())

type Parameters = Readonly<Record<string, string>>

const push = (more: Parameters = {}, client_id = 'shop', instance = signet) =>
  instance.post('/par', { ...ASKED, ...more }, basic(client_id, SECRET))

const pushed = async (more: Parameters = {}, client_id = 'shop') => {
  const { status, body } = await push(more, client_id)
  expect([status, body.expires_in]).toEqual([201, 90])
  return queryOf({ client_id, request_uri: String(body['request_uri']) })
}

let people = 0
const newEmail = () => `par${++people}@example.com`
const person = () => createPerson(signet)
const count = async () => {
  const [row] = await deployment.database.sql<{ count: string }[]>`select count(*) from pushed_requests`
  return Number(row?.count)
}

describe('RFC 9126 §2 – pushing a request', () => {
  it('answers 201 with a reference that is never stored as it is, nor a secret with it', async () => {
    const { status, body, headers } = await push()
    expect(status).toBe(201)
    expect(body['request_uri']).toMatch(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
    expect(headers.get('cache-control')).toContain('no-store')
    const rows = await deployment.database.sql`select parameters from pushed_requests`
    expect(JSON.stringify(rows)).not.toContain(SECRET)
    expect(JSON.stringify(rows)).not.toContain(String(body['request_uri']))
  })

  it.each([
    ['invalid_request', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }],
    ['invalid_request', { redirect_uri: 'https://evil.example/cb' }],
    ['invalid_request', { code_challenge_method: 'plain' }],
    ['unsupported_response_type', { response_type: 'token' }],
    ['invalid_scope', { scope: 'unknown' }],
    ['invalid_target', { resource: 'https://evil.example' }],
    ['invalid_request', { prompt: 'none login' }],
    ['invalid_request', { id_token_hint: 'x.y.z' }],
    ['invalid_request_object', { request: 'x.y.z' }],
  ] as const)('answers %s as OAuth JSON for %o, and keeps nothing', async (error, wrong) => {
    const before = await count()
    const { status, body } = await push(wrong)
    expect([status, body.error]).toEqual([400, error])
    expect(await count()).toBe(before)
  })

  it('refuses a client that does not authenticate, and one that is another', async () => {
    const wrong = await signet.post('/par', ASKED, basic('shop', 'wrong'))
    expect([wrong.status, wrong.body.error]).toEqual([401, 'invalid_client'])
    const none = await signet.post('/par', { ...ASKED, client_id: 'shop' })
    expect([none.status, none.body.error]).toEqual([401, 'invalid_client'])
    const other = await push({ client_id: 'notes' })
    expect([other.status, other.body.error]).toEqual([400, 'invalid_request'])
  })

  it('refuses a request of more than 6 kB, and a parameter that is repeated or in the query', async () => {
    expect((await push({ state: 'x'.repeat(6200) })).status).toBe(413)
    const header = basic('shop', SECRET)
    expect((await signet.post('/par', `${queryOf(ASKED)}&state=two`, header)).status).toBe(400)
    expect((await signet.post('/par?state=two', ASKED, header)).status).toBe(400)
  })

  it('answers any origin', async () => {
    const headers = { ...basic('shop', SECRET), origin: 'https://elsewhere.example' }
    const answer = await signet.post('/par', ASKED, headers)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  })

  it('is limited by address for public clients, in whose name anybody can push', async () => {
    const instance = await deployment.start({ environment: { RATE_LIMIT_PUSHED_REQUESTS: '2/60' } })
    const form = { ...ASKED, client_id: 'notes', redirect_uri: 'https://notes.example/cb' }
    const from = (address: string) => instance.post('/par', form, {}, address)
    const statuses: number[] = []
    for (const address of ['203.0.113.1', '203.0.113.1', '203.0.113.1', '203.0.113.2'])
      statuses.push((await from(address)).status)
    expect(statuses).toEqual([201, 201, 429, 201])
    for (const _ of statuses) expect((await push({}, 'shop', instance)).status).toBe(201)
  })
})

describe('RFC 9126 §4 – the pushed request at the authorization endpoint', () => {
  it('is taken as it was pushed, whatever else the address says, and lives through reloads until a code is issued', async () => {
    const query = await pushed()
    const ada = person()
    await ada.arrive(query)
    const page = await ada.arrive(`${query}&scope=admin&state=evil&redirect_uri=https://evil.example`)
    const consent = await ada.signUp(page, newEmail())
    const { location } = await ada.allow(consent)
    expect(location?.startsWith(`${CALLBACK}?`)).toBe(true)
    const { code = '', state, iss } = answerOf({ location })
    expect([state, iss]).toEqual(['pushed', ISSUER])
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: CODE_VERIFIER,
    }
    const { status, body } = await signet.token(form, basic('shop', SECRET))
    expect([status, body['scope']]).toEqual([200, 'openid read'])
    expect((await ada.open(`/authorize?${query}`)).status).toBe(400)
  })

  it('answers one of two tabs with a code, and tells the client in the other one', async () => {
    const query = await pushed()
    const ada = person()
    const consent = await ada.signUp(await ada.arrive(query), newEmail())
    const second = await ada.arrive(query)
    expect(answerOf(await ada.allow(consent))).toMatchObject({ code: expect.any(String) })
    expect(answerOf(await ada.allow(second))).toMatchObject({ error: 'invalid_request_uri', state: 'pushed' })
  })

  it('is another client’s, made up, or too old: a page, and no redirect', async () => {
    const query = new URLSearchParams(await pushed())
    const request_uri = query.get('request_uri') ?? ''
    const wrong = [
      { client_id: 'strict', request_uri },
      { client_id: 'shop', request_uri: `${request_uri.slice(0, -1)}~` },
    ]
    const unproved = {
      client_id: 'shop',
      request_uri: 'https://shop.example/request.jwt',
      redirect_uri: null,
    }
    for (const each of [...wrong, unproved]) {
      const { status, location } = await person().open(`/authorize?${queryOf({ ...ASKED, ...each })}`)
      expect([status, location]).toEqual([400, null])
    }
    expect(headingOf(await person().arrive(query.toString()))).toBe('Sign in')
    await deployment.database.sql`update pushed_requests set expires_at = statement_timestamp()`
    expect((await person().open(`/authorize?${query.toString()}`)).status).toBe(400)
  })

  it('can be finished after its 90 seconds by a person who came within them', async () => {
    const query = await pushed()
    const ada = person()
    const page = await ada.arrive(query)
    await deployment.database.sql`update pushed_requests set expires_at = statement_timestamp()`
    const consent = await ada.signUp(page, newEmail())
    expect(answerOf(await ada.allow(consent))).toMatchObject({ code: expect.any(String), state: 'pushed' })
  })
})

describe('RFC 9126 §5, §6 – requests that have to be pushed', () => {
  it('is the rule of one client', async () => {
    const refused = await person().open(`/authorize?${queryOf({ ...ASKED, client_id: 'strict' })}`)
    expect(answerOf(refused)).toMatchObject({ error: 'invalid_request', state: 'pushed', iss: ISSUER })
    expect(headingOf(await person().arrive(await pushed({}, 'strict')))).toBe('Sign in')
    expect(headingOf(await person().arrive(queryOf({ ...ASKED, client_id: 'shop' })))).toBe('Sign in')
  })

  it('is the rule of the server', async () => {
    const environment = { REQUIRE_PUSHED_AUTHORIZATION_REQUESTS: 'on' }
    const instance = await deployment.start({ environment })
    const strict = createPerson(instance)
    const refused = await strict.open(`/authorize?${queryOf({ ...ASKED, client_id: 'shop' })}`)
    expect(answerOf(refused)['error']).toBe('invalid_request')
    expect(headingOf(await strict.arrive(await pushed()))).toBe('Sign in')
    const { body } = await instance.fetch('/.well-known/oauth-authorization-server')
    expect(body).toMatchObject({
      pushed_authorization_request_endpoint: `${ISSUER}/par`,
      require_pushed_authorization_requests: true,
    })
  })
})

describe('RFC 9449 §10.1 – pushing a request with a proof', () => {
  const pushWith = async (key: DpopKey, more: Parameters = {}) => {
    const dpop = await key.proof({ url: `${signet.issuer}/par` })
    return signet.post('/par', { ...ASKED, ...more }, { ...basic('shop', SECRET), dpop })
  }
  const keptKey = async () => {
    const [row] = await deployment.database.sql<{ parameters: string }[]>`
      select parameters from pushed_requests order by expires_at desc limit 1`
    return new URLSearchParams(row?.parameters).get('dpop_jkt')
  }

  it('binds the code to the key of the proof, as dpop_jkt would', async () => {
    const key = await createDpopKey()
    expect((await pushWith(key)).status).toBe(201)
    expect(await keptKey()).toBe(key.jkt)
    expect((await pushWith(key, { dpop_jkt: key.jkt })).status).toBe(201)
  })

  it('refuses a proof of another key than dpop_jkt, and a proof for another endpoint', async () => {
    const [key, stranger] = [await createDpopKey(), await createDpopKey()]
    const { status, body } = await pushWith(stranger, { dpop_jkt: key.jkt })
    expect([status, body.error]).toEqual([400, 'invalid_request'])
    const dpop = await key.proof({ url: `${signet.issuer}/token` })
    const elsewhere = await signet.post('/par', ASKED, { ...basic('shop', SECRET), dpop })
    expect([elsewhere.status, elsewhere.body.error]).toEqual([400, 'invalid_dpop_proof'])
    expect((await push()).status).toBe(201)
  })
})
