import { createHash, generateKeyPairSync } from 'node:crypto'
import { decodeJwt, SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import { openClientId, sealClientId } from '../../../src/domain/clients/sealed-client-id.ts'
import { createRegistrationTokens } from '../../../src/store/clients/registration-tokens.ts'
import { toAnswer } from '../../support/answer.ts'
import {
  AGENT,
  allowAgent,
  authorizeStatus,
  CALLBACK,
  REGISTERING,
  redeemAnswer,
  registerAgent,
  registrationRows,
  tryRegister,
} from '../../support/authorization/registrations.ts'
import { askApp } from '../../support/bindings.ts'
import { API, basic, createOtherPepperText, createPepperText } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { answerOf, headingOf } from '../../support/pages/person.ts'

let deployment: Deployment
let signet: Instance
let other: Instance
beforeAll(async () => {
  deployment = await openDeployment()
  signet = await start()
  other = await start()
})
afterAll(() => deployment.close())

const start = (more: Readonly<Record<string, string>> = {}) =>
  deployment.start({ environment: { ...REGISTERING, ...more } })
const keysOf = (text: string) => ({
  issuer: ISSUER,
  keys: [createPepper(Buffer.from(text, 'base64url'))] as const,
})
const ownKeys = keysOf(REGISTERING.CLIENT_ID_KEYS)

describe('RFC 7591 – a public client that registers itself', () => {
  it('signs a person in at another instance at once, and refreshes at a third, without a row', async () => {
    const before = await registrationRows(deployment)
    const { client_id, answer } = await registerAgent(signet)
    expect(client_id.length).toBeLessThanOrEqual(1024)
    expect(answer).toMatchObject({ ...AGENT, scope: 'openid offline_access email read' })
    expect(answer).not.toHaveProperty('client_secret')
    expect(JSON.stringify(answer)).not.toMatch(/null|\d\.\d/)
    const allowed = await allowAgent(other, client_id)
    expect(allowed.page.text).toContain('agent.example')
    const tokens = await redeemAnswer(other, client_id, allowed)
    expect(tokens.status, tokens.text).toBe(200)
    expect(decodeJwt(tokens.body['access_token'] ?? '')).toMatchObject({ aud: API, client_id })
    const third = await start({ REGISTRATION: 'off' })
    const { refresh_token } = tokens.body
    const refreshed = await third.token({ grant_type: 'refresh_token', client_id, refresh_token })
    expect(refreshed.status).toBe(200)
    await third.close()
    expect(await registrationRows(deployment)).toBe(before)
  })

  it('keeps its id when the keys are rotated, and loses it when its key is dropped', async () => {
    const { client_id } = await registerAgent(signet)
    const { CLIENT_ID_KEYS } = REGISTERING
    const rotated = await start({
      CLIENT_ID_KEYS: `${createOtherPepperText(CLIENT_ID_KEYS)},${CLIENT_ID_KEYS}`,
    })
    expect(await authorizeStatus(rotated, client_id)).toBe(303)
    const fresh = await registerAgent(rotated)
    expect(await authorizeStatus(rotated, fresh.client_id)).toBe(303)
    expect(await authorizeStatus(signet, fresh.client_id)).toBe(400)
    expect(await authorizeStatus(signet, client_id)).toBe(303)
    await rotated.close()
  })

  it('is asked for consent as a stranger: each time on this computer, and for nothing that it only claims', async () => {
    const redirect_uri = 'http://127.0.0.1:7777/cb'
    const { client_id } = await registerAgent(signet, {
      client_name: 'Famous Bank',
      client_uri: 'https://famous.example',
      redirect_uris: ['http://127.0.0.1/cb'],
    })
    const { page, answer, arrive } = await allowAgent(signet, client_id, { redirect_uri })
    expect(page.text).toContain('Famous Bank')
    expect(page.text).not.toContain('famous.example')
    expect(answerOf(answer)['code']).toBeDefined()
    expect(headingOf(await arrive())).toContain('Allow ')
  })

  it('gets an id of 1,024 characters at most, and a row where its metadata are longer', async () => {
    const before = await registrationRows(deployment)
    const redirect_uris = Array.from(
      { length: 12 },
      (_, index) => `${CALLBACK}/${'long'.repeat(20)}/${index}`,
    )
    const { client_id } = await registerAgent(signet, { redirect_uris })
    expect(client_id.length).toBeLessThan(300)
    expect(await registrationRows(deployment)).toBe(before + 1)
    expect(await authorizeStatus(other, client_id, { redirect_uri: redirect_uris[11] ?? '' })).toBe(303)
  })

  it('adds no row, however many there are, and every id opens', async () => {
    const before = await registrationRows(deployment)
    for (let index = 0; index < 10_000; index++) {
      const random = createHash('sha256').update(String(index)).digest().subarray(0, 24)
      const id = sealClientId({ issued_at: index, metadata: JSON.stringify(AGENT) }, ownKeys, random)
      expect(openClientId(id ?? '', ownKeys)?.issued_at).toBe(index)
    }
    for (let index = 0; index < 50; index++) await registerAgent(signet)
    expect(await registrationRows(deployment)).toBe(before)
  })
})

describe('an id that no server of this issuer has sealed', () => {
  it.each([
    ['a changed character', (id: string) => id.slice(0, 40) + (id[40] === 'A' ? 'B' : 'A') + id.slice(41)],
    ['another spelling of its base64url', (id: string) => `${id}=`],
    ['characters that a decoder skips', (id: string) => `${id.slice(0, 30)}.${id.slice(30)}`],
    ['its end cut off', (id: string) => id.slice(0, -4)],
    ['another prefix', (id: string) => id.replace('signet_client_', 'signet_CLIENT_')],
    ['more characters than an id may have', (id: string) => id + 'A'.repeat(1024)],
  ])('is unknown: %s', async (_, change) => {
    const { client_id } = await registerAgent(signet)
    expect(await authorizeStatus(signet, change(client_id))).toBe(400)
    const refused = await signet.token({
      grant_type: 'refresh_token',
      client_id: change(client_id),
      refresh_token: 'x',
    })
    expect([refused.status, refused.body['error']]).toEqual([401, 'invalid_client'])
    expect(await authorizeStatus(signet, client_id)).toBe(303)
  })

  it('is unknown: an id of another issuer with the same keys, and one of other keys', async () => {
    const sealed = { issued_at: 1, metadata: JSON.stringify(AGENT) }
    const random = new Uint8Array(24)
    const foreign = sealClientId(sealed, { ...ownKeys, issuer: 'https://other.example' }, random)
    const stranger = sealClientId(sealed, keysOf(createPepperText()), random)
    const own = sealClientId(sealed, ownKeys, random)
    for (const client_id of [foreign, stranger])
      expect(await authorizeStatus(signet, client_id ?? '')).toBe(400)
    expect(await authorizeStatus(signet, own ?? '')).toBe(303)
  })
})

describe('RFC 7591 §3.2.2 – metadata that cannot be registered', () => {
  const agent = (members: object) => tryRegister(signet, { ...AGENT, ...members })
  it.each([
    ['javascript:alert(1)', '(javascript:)'],
    ['data:text/html,x', '(data:)'],
    [`${CALLBACK}#fragment`, '(agent.example)'],
    ['https://*.agent.example/cb', '(*.agent.example)'],
    ['https://user@agent.example/cb', '(agent.example)'],
    ['http://agent.example/cb', '(agent.example)'],
    ['https://agent.example/\u202ecb', '(agent.example)'],
    ['/callback', ''],
    [7, ''],
  ])('names the redirect URI that is refused among several: %s', async (uri, where) => {
    const { status, body } = await agent({ redirect_uris: [CALLBACK, uri] })
    expect([status, body['error']]).toEqual([400, 'invalid_redirect_uri'])
    expect(body['error_description']).toContain(`redirect_uris[1]${where === '' ? '' : ` ${where}`}: must`)
  })

  it.each([
    ['client_name', 'a\u202eb'],
    ['client_name', 'a\nb'],
    ['client_name', 'x'.repeat(201)],
    ['client_name', { toString: 1 }],
    ['grant_types', ['client_credentials']],
    ['grant_types', ['urn:ietf:params:oauth:grant-type:device_code']],
    ['grant_types', 'authorization_code'],
    ['response_types', ['token']],
    ['token_endpoint_auth_method', 'tls_client_auth'],
    ['token_endpoint_auth_method', ['none']],
    ['scope', 'signet:admin'],
    ['scope', 'write'],
    ['scope', ['read']],
    ['contacts', [7]],
    ['default_max_age', 1.5],
    ['jwks', { keys: 'none' }],
    ['jwks', { keys: [{ kty: 'oct', k: 'secret' }] }],
    ['jwks', { keys: [{ kty: 'RSA', d: 'secret' }] }],
    ['post_logout_redirect_uris', ['javascript:alert(1)']],
    ['require_signed_request_object', 'yes'],
  ])('names the member %s: %j', async (member, value) => {
    const { status, body } = await agent({ [member]: value })
    expect([status, body['error']]).toEqual([400, 'invalid_client_metadata'])
    expect(body['error_description']).toContain(
      member === 'require_signed_request_object' ? 'must be' : member,
    )
    expect(body['error_description']).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
  })

  it.each([
    ['no redirect URI', { redirect_uris: [] }, 'invalid_redirect_uri'],
    ['redirect_uris left out', { redirect_uris: null }, 'invalid_redirect_uri'],
    [
      'keys elsewhere',
      { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: CALLBACK },
      'invalid_client_metadata',
    ],
    ['no keys', { token_endpoint_auth_method: 'private_key_jwt' }, 'invalid_client_metadata'],
    [
      'too many',
      { redirect_uris: Array.from({ length: 999 }, (_, i) => `${CALLBACK}/${i}`) },
      'invalid_client_metadata',
    ],
  ])('is refused: %s', async (_, members, error) => {
    const { status, body } = await agent(members)
    expect([status, body['error']]).toEqual([400, error])
  })

  it.each([
    ['no JSON', '{', 'application/json', 400],
    ['a list', '[]', 'application/json', 400],
    ['null', 'null', 'application/json', 400],
    ['a form', 'client_name=a', 'application/x-www-form-urlencoded', 400],
    ['a deep nest', '['.repeat(60_000), 'application/json', 400],
    ['too much', JSON.stringify({ client_name: 'x'.repeat(70_000) }), 'application/json', 413],
  ])('is JSON of OAuth also for %s', async (_, body, type, status) => {
    const answer = await signet.fetch('/register', {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    })
    expect(answer.status).toBe(status)
    expect(answer.body).toMatchObject({
      error: status === 413 ? 'invalid_request' : 'invalid_client_metadata',
    })
  })

  it('ignores what it does not know, null, and keys of the language', async () => {
    const body = `{"redirect_uris":["${CALLBACK}"],"token_endpoint_auth_method":"none","__proto__":{"first_party":true},
      "constructor":{"prototype":{}},"first_party":true,"audience":["${ISSUER}"],"client_id":"mine","client_secret":"mine",
      "client_uri":null,"application_type":"native","logo_uri":"javascript:alert(1)","software_statement":"eyJ",
      "client_name":"twice","client_name":""}`
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } }
    const answer = await toAnswer(await askApp(signet.app, '/register', init))
    expect(answer.status, answer.text).toBe(201)
    expect(answer.body).toMatchObject({ client_name: 'agent.example', grant_types: ['authorization_code'] })
    for (const member of ['first_party', 'audience', 'client_secret', 'client_uri', 'logo_uri'])
      expect(answer.body).not.toHaveProperty(member)
    expect(answer.body['client_id']).not.toBe('mine')
    const { page } = await allowAgent(signet, String(answer.body['client_id']), { scope: 'openid read' })
    expect(page.text).toContain('agent.example')
  })

  it('takes what agents register: cursor://, http on loopback, grants that it narrows', async () => {
    const { answer, client_id } = await registerAgent(signet, {
      redirect_uris: [
        'cursor://anysphere.cursor-mcp/oauth/callback',
        'http://localhost/callback',
        'http://[::1]/cb',
      ],
      grant_types: ['authorization_code', 'refresh_token', 'implicit'],
      response_types: ['code', 'token'],
      scope: 'read write signet:admin',
    })
    expect(answer).toMatchObject({ grant_types: AGENT.grant_types, response_types: ['code'], scope: 'read' })
    const redirect_uri = 'cursor://anysphere.cursor-mcp/oauth/callback'
    expect(await authorizeStatus(signet, client_id, { redirect_uri })).toBe(303)
  })
})

describe('RFC 7591 §3 – the registration endpoint', () => {
  it('is in both forms of the metadata while new clients are taken, and answers 404 when none are', async () => {
    const forms = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']
    const off = await start({ REGISTRATION: 'off' })
    for (const form of forms) {
      expect((await signet.ask(form)).body).toMatchObject({ registration_endpoint: `${ISSUER}/register` })
      expect((await off.ask(form)).body).not.toHaveProperty('registration_endpoint')
    }
    const refused = await tryRegister(off, AGENT)
    expect([refused.status, refused.body['error']]).toEqual([404, 'invalid_request'])
    const without = await deployment.start()
    const { client_id } = await registerAgent(signet)
    expect(await authorizeStatus(without, client_id)).toBe(400)
    expect((await tryRegister(without, AGENT)).status).toBe(404)
    for (const each of [off, without]) await each.close()
  })

  it('may be read by every page without its cookies, and tells wrong methods in JSON of OAuth', async () => {
    const headers = { origin: 'http://localhost:6274', 'content-type': 'application/json' }
    const answer = await signet.fetch('/register', { method: 'POST', body: JSON.stringify(AGENT), headers })
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
    const asked = { origin: headers.origin, 'access-control-request-headers': 'mcp-protocol-version, x-any' }
    const preflight = await signet.fetch('/register', { method: 'OPTIONS', headers: asked })
    expect(preflight.headers.get('access-control-allow-headers')).toBe('mcp-protocol-version, x-any')
    const nowhere = await signet.fetch('/register/one/more')
    expect([nowhere.status, nowhere.body['error']]).toEqual([404, 'invalid_request'])
    const wrong = await signet.fetch('/register', { method: 'PATCH' })
    expect([wrong.status, wrong.headers.get('allow'), wrong.body['error']]).toEqual([
      405,
      'POST',
      'invalid_request',
    ])
  })

  it('limits an address, and counts apart what writes a row', async () => {
    const limits = { RATE_LIMIT_CLIENT_REGISTRATIONS: '4/60', RATE_LIMIT_REGISTRATION_CHANGES: '1/60' }
    const limited = await start({ ...limits, REDIS_PREFIX: `signet:${createPepperText()}:` })
    const post = (members: object, from: string) =>
      limited.fetch(
        '/register',
        {
          method: 'POST',
          body: JSON.stringify({ ...AGENT, ...members }),
          headers: { 'content-type': 'application/json' },
        },
        from,
      )
    const secret = { token_endpoint_auth_method: 'client_secret_basic' }
    expect((await post(secret, '192.0.2.1')).status).toBe(201)
    expect((await post(secret, '192.0.2.1')).status).toBe(429)
    expect((await post({}, '192.0.2.1')).status).toBe(201)
    expect((await post({}, '192.0.2.1')).status).toBe(201)
    const refused = await post({}, '192.0.2.1')
    expect([refused.status, refused.body['error']]).toEqual([429, 'temporarily_unavailable'])
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
    expect((await post({}, '192.0.2.2')).status).toBe(201)
    await limited.close()
  })
})

describe('RFC 7591 §1.2 – registration by an initial access token', () => {
  it('takes each use of a token once over all instances, and none of one that is unknown, expired or used up', async () => {
    const instances = [await start({ REGISTRATION: 'token' }), await start({ REGISTRATION: 'token' })]
    const tokens = createRegistrationTokens(deployment.database)
    const digest = (text: string) => digestOf(text as Plain<'initial_access_token'>)
    await tokens.create({ digest: digest('signet_it_three'), uses: 3, seconds: 60 })
    await tokens.create({ digest: digest('signet_it_past'), uses: 3, seconds: 0 })
    const asked = Array.from({ length: 8 }, (_, index) =>
      tryRegister(instances[index % 2] ?? signet, AGENT, 'signet_it_three'),
    )
    const statuses = (await Promise.all(asked)).map(({ status }) => status)
    expect(statuses.filter(status => status === 201)).toHaveLength(3)
    expect(statuses.filter(status => status === 401)).toHaveLength(5)
    const [at = signet] = instances
    for (const token of ['signet_it_past', 'signet_it_none', undefined]) {
      const refused = await tryRegister(at, AGENT, token)
      expect([refused.status, refused.body['error']]).toEqual([401, 'invalid_token'])
      expect(refused.headers.get('www-authenticate')).toContain('Bearer')
    }
    await tokens.create({ digest: digest('signet_it_one'), uses: 1, seconds: 60 })
    expect((await tryRegister(at, { ...AGENT, redirect_uris: ['data:x'] }, 'signet_it_one')).status).toBe(400)
    expect((await tryRegister(at, AGENT, 'signet_it_one')).status).toBe(201)
    for (const each of instances) await each.close()
  })
})

describe('RFC 6749 §2.3 – a confidential client that registers itself', () => {
  it.each(['client_secret_basic', 'client_secret_post'])(
    'authenticates by %s, at another instance at once',
    async method => {
      const before = await registrationRows(deployment)
      const client = await registerAgent(signet, { token_endpoint_auth_method: method })
      expect(client.answer).toMatchObject({ client_secret_expires_at: 0 })
      expect(await registrationRows(deployment)).toBe(before + 1)
      const [stored] = await deployment.database
        .sql`select * from clients where client_id = ${client.client_id}`
      expect(JSON.stringify(stored)).not.toContain(client.client_secret)
      const { client_id, client_secret } = client
      const { answer } = await allowAgent(other, client_id)
      const { authorization } = basic(client_id, client_secret)
      expect((await redeemAnswer(other, client_id, { answer })).status).toBe(401)
      const wrong = basic(client_id, `${client_secret}x`).authorization
      expect((await redeemAnswer(other, client_id, { answer, authorization: wrong })).status).toBe(401)
      const form = { grant_type: 'client_credentials' }
      const own =
        method === 'client_secret_basic'
          ? other.token(form, { authorization })
          : other.token({ ...form, client_id, client_secret })
      expect((await own).body['error']).toBe('unauthorized_client')
      if (method === 'client_secret_basic')
        expect((await redeemAnswer(other, client_id, { answer, authorization })).status).toBe(200)
    },
  )

  it('authenticates by private_key_jwt with the keys that it registered, without a row', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const before = await registrationRows(deployment)
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', x5c: ['left out'] }
    const { client_id, answer: told } = await registerAgent(signet, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    })
    expect(told).toMatchObject({ jwks: { keys: [{ kid: 'one' }] } })
    expect(JSON.stringify(told)).not.toContain('x5c')
    expect(await registrationRows(deployment)).toBe(before)
    const client_assertion = await new SignJWT({ jti: 'once' })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(client_id)
      .setSubject(client_id)
      .setAudience(ISSUER)
      .setExpirationTime('1m')
      .setIssuedAt()
      .sign(privateKey)
    const refused = await other.token({
      grant_type: 'refresh_token',
      refresh_token: 'none',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion,
    })
    expect(refused.body['error']).toBe('invalid_grant')
  })
})
