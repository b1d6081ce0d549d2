import { createHmac } from 'node:crypto'
import { CompactEncrypt, importJWK, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  assertionClaims,
  type ClientKey,
  createClientKey,
  seconds,
  signAssertion,
} from '../../support/assertions.ts'
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
const OTHER_CALLBACK = 'https://shop.example/other'
const SECRET = 'a-secret-of-the-shop-0123456789-0123456789'
const SHOP = {
  client_id: 'shop',
  client_secret: SECRET,
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK, OTHER_CALLBACK],
  scope: 'openid offline_access read write',
  audience: [API, OTHER_API],
}

type Claims = Readonly<Record<string, unknown>>
type Header = Readonly<Record<string, unknown>>

let deployment: Deployment
let signet: Instance
let rsa: ClientKey
let curve: ClientKey
let foreign: ClientKey
beforeAll(async () => {
  ;[rsa, curve, foreign] = await Promise.all([
    createClientKey('RS256'),
    createClientKey('ES256'),
    createClientKey('RS256'),
  ])
  const jwks = { keys: [rsa.jwk, curve.jwk] }
  deployment = await openDeployment([
    ...CLIENTS,
    { ...SHOP, jwks },
    { ...SHOP, client_id: 'other', jwks: { keys: [foreign.jwk] } },
    { ...SHOP, client_id: 'keyless' },
    { ...SHOP, client_id: 'strict', jwks, require_signed_request_object: true },
    { ...SHOP, client_id: 'curved', jwks, request_object_signing_alg: 'ES256' },
  ])
  signet = await deployment.start()
})
afterAll(() => deployment.close())

const claimsOf = (more: Claims = {}): Claims => ({
  iss: 'shop',
  aud: ISSUER,
  exp: seconds() + 60,
  client_id: 'shop',
  response_type: 'code',
  redirect_uri: CALLBACK,
  scope: 'openid read',
  state: 'signed',
  nonce: 'n',
  code_challenge: CODE_CHALLENGE,
  code_challenge_method: 'S256',
  ...more,
})
const sign = (more: Claims = {}, header: Header = { typ: 'oauth-authz-req+jwt' }, key = rsa) =>
  signAssertion(key, claimsOf(more), { kid: key.kid, ...header })
const asOf = (client_id: string): Claims => ({ client_id, iss: client_id })

let people = 0
const newEmail = () => `signing${++people}@example.com`
const person = () => createPerson(signet)
const ask = (request: string, more: Readonly<Record<string, string>> = {}) =>
  person().open(`/authorize?${queryOf({ client_id: 'shop', request, ...more })}`)
const errorOf = async (request: string, client_id = 'shop') =>
  answerOf(await ask(request, { client_id, redirect_uri: CALLBACK, state: 'outside' }))['error']

/** A bystander: the same client is still served. */
const isServed = async () =>
  headingOf(await person().arrive(queryOf({ client_id: 'shop', request: await sign() }))) === 'Sign in'

describe('RFC 9101 §5, OpenID Connect Core §6.1 – a request object', () => {
  it.each([
    { typ: 'oauth-authz-req+jwt' },
    { typ: 'application/oauth-authz-req+jwt' },
    { typ: 'JWT' },
    { typ: undefined },
    { kid: undefined },
  ])('signs a person in with the header %o, and the code buys tokens', async header => {
    const ada = person()
    const page = await ada.arrive(queryOf({ client_id: 'shop', request: await sign({}, header) }))
    const { location } = await ada.allow(await ada.signUp(page, newEmail()))
    expect(location?.startsWith(`${CALLBACK}?`)).toBe(true)
    const { code = '', state, iss } = answerOf({ location })
    expect([state, iss]).toEqual(['signed', ISSUER])
    const form = {
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: CODE_VERIFIER,
    }
    const { status, body } = await signet.token(form, basic('shop', SECRET))
    expect([status, body['scope']]).toEqual([200, 'openid read'])
  })

  it('is taken alone: what the address says beside it counts for nothing, be it repeated (§6.3)', async () => {
    const beside = queryOf({
      scope: 'write',
      state: 'evil',
      nonce: 'evil',
      redirect_uri: OTHER_CALLBACK,
      prompt: 'none',
      code_challenge: 'x'.repeat(43),
    })
    const query = `${queryOf({ client_id: 'shop', request: await sign() })}&${beside}&scope=x&state=y`
    const ada = person()
    const shown = await ada.allow(await ada.signUp(await ada.arrive(query), newEmail()))
    expect(shown.location?.startsWith(`${CALLBACK}?`)).toBe(true)
    const { code = '', state } = answerOf(shown)
    expect(state).toBe('signed')
    const [row] = await deployment.database.sql<{ nonce: string; scope: string }[]>`
      select nonce, scope from authorization_codes order by expires_at desc limit 1`
    expect([row, code === '']).toEqual([{ nonce: 'n', scope: 'openid read' }, false])
  })

  it('has no state where only the address beside it has one', async () => {
    const answer = await ask(await sign({ state: undefined, prompt: 'none' }), { state: 'outside' })
    expect(answerOf(answer)).toEqual({
      error: 'login_required',
      error_description: expect.any(String),
      iss: ISSUER,
    })
  })

  it('takes numbers and lists of JSON, response_type from beside it, and any algorithm of a key', async () => {
    const odd = {
      max_age: 60,
      resource: [API, OTHER_API],
      response_type: undefined,
      claims: {},
      aud: [ISSUER],
    }
    const request = await signAssertion(curve, claimsOf(odd), { kid: curve.kid })
    const answer = await ask(request, { response_type: 'code' })
    expect([answer.status, answer.location?.startsWith('/sign-in?')]).toEqual([303, true])
  })

  it('may be shown again until it expires: a reload works, and a second person too', async () => {
    const query = queryOf({ client_id: 'shop', request: await sign() })
    for (const each of [person(), person()]) expect(headingOf(await each.arrive(query))).toBe('Sign in')
  })

  it('is taken by POST of another site, which leads to the same by GET', async () => {
    const fields = { client_id: 'shop', request: await sign() }
    const headers = { origin: 'https://shop.example', 'sec-fetch-site': 'cross-site' }
    const ada = person()
    expect(headingOf(await ada.follow(await ada.post('/authorize', fields, headers)))).toBe('Sign in')
    const own = await ada.post('/authorize', fields)
    expect(headingOf(await ada.follow(own))).toBe('Sign in')
  })

  it.each([
    ['expired', { exp: seconds() - 60 }],
    ['without exp and iat', { exp: undefined }],
    ['without exp, and old', { exp: undefined, iat: seconds() - 620 }],
    ['of a later day', { exp: seconds() + 3700 }],
    ['issued in the future', { iat: seconds() + 60 }],
    ['not valid yet', { nbf: seconds() + 60 }],
    ['for another server', { aud: 'https://elsewhere.example' }],
    ['for no server', { aud: undefined }],
    ['of another issuer', { iss: 'other' }],
    ['of no issuer', { iss: undefined }],
    ['of another client', { client_id: 'other' }],
    ['of no client', { client_id: undefined }],
    ['about the client, as its assertions are (§10.8)', { sub: 'shop' }],
    ['with an object in it (§4)', { request: 'x.y.z' }],
    ['with a reference in it (§4)', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }],
    ['with a parameter that is no text', { state: { evil: true } }],
    ['with a list where one value belongs', { scope: ['openid'] }],
  ] as const)('is refused when it is %s', async (_, wrong) => {
    expect(await errorOf(await sign(wrong))).toBe('invalid_request_object')
    expect(await isServed()).toBe(true)
  })

  it('without exp is good for ten minutes from iat', async () => {
    const answer = await ask(await sign({ exp: undefined, iat: seconds() - 590 }))
    expect(answer.location).toMatch(/^\/sign-in\?/)
  })

  it('is refused with a response_type that contradicts the one beside it', async () => {
    const answer = await ask(await sign(), { redirect_uri: CALLBACK, response_type: 'token' })
    expect(answerOf(answer)['error']).toBe('invalid_request_object')
  })

  it('tells the client of faults in what it asks for, where the object leads', async () => {
    const answer = await ask(await sign({ code_challenge_method: 'plain', redirect_uri: OTHER_CALLBACK }))
    expect(answer.location?.startsWith(`${OTHER_CALLBACK}?`)).toBe(true)
    expect(answerOf(answer)).toMatchObject({ error: 'invalid_request', state: 'signed', iss: ISSUER })
  })
})

describe('RFC 9101 §10.2, RFC 8725 – a request object that its client did not sign', () => {
  const hmac = (secret: string, claims: Claims) => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const text = `${encode({ alg: 'HS256', kid: rsa.kid })}.${encode(claims)}`
    return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`
  }

  it('is refused: unsigned, by a public key or the secret as a shared key, of a foreign key or kid, encrypted, cut', async () => {
    const signed = await sign()
    const [head = '', body = ''] = signed.split('.')
    const encrypted = await new CompactEncrypt(Buffer.from(signed))
      .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'JWT' })
      .encrypt(await importJWK({ ...rsa.jwk, alg: 'RSA-OAEP-256' }, 'RSA-OAEP-256'))
    const wrong = [
      new UnsecuredJWT({ ...claimsOf() }).encode(),
      `${head}.${body}.`,
      hmac(JSON.stringify(rsa.jwk), claimsOf()),
      hmac(String(rsa.jwk['n']), claimsOf()),
      hmac(SECRET, claimsOf()),
      await sign({}, {}, foreign),
      await sign({}, { kid: rsa.kid }, foreign),
      await sign({}, { kid: undefined }, foreign),
      await sign({}, { kid: 'unknown' }),
      await sign({}, { jwk: foreign.jwk, kid: undefined }, foreign),
      encrypted,
      `${signed.slice(0, -4)}AAAA`,
      'x.y.z',
      '{}',
    ]
    for (const each of wrong) expect([each, await errorOf(each)]).toEqual([each, 'invalid_request_object'])
    expect(await isServed()).toBe(true)
  })

  it('is refused at another client, which has keys of its own, and at one without keys', async () => {
    expect(await errorOf(await sign(asOf('other')), 'other')).toBe('invalid_request_object')
    expect(await errorOf(await sign(), 'other')).toBe('invalid_request_object')
    expect(await errorOf(await sign(asOf('keyless')), 'keyless')).toBe('invalid_request_object')
  })

  it('is refused with another algorithm than the registered one', async () => {
    expect(await errorOf(await sign(asOf('curved')), 'curved')).toBe('invalid_request_object')
    const request = await signAssertion(curve, claimsOf(asOf('curved')), { kid: curve.kid })
    expect((await ask(request, { client_id: 'curved' })).location).toMatch(/^\/sign-in\?/)
  })

  it('is no client assertion, nor is an assertion a request object', async () => {
    expect(await errorOf(await signAssertion(rsa, assertionClaims('shop')))).toBe('invalid_request_object')
  })

  it('shows a page where the address beside it names no registered redirect URI, and redirects nowhere', async () => {
    const beside = [{}, { redirect_uri: 'https://evil.example/cb' }, { redirect_uri: `${CALLBACK}/x` }]
    for (const each of beside) {
      const { status, location } = await ask(await sign({}, {}, foreign), each)
      expect([status, location]).toEqual([400, null])
    }
    const { status, location } = await ask(await sign({ redirect_uri: 'https://evil.example/cb' }), {
      redirect_uri: CALLBACK,
    })
    expect([status, location]).toEqual([400, null])
  })

  it('shows a page for two objects, for one of over 6 kB, and for a client that is unknown', async () => {
    const request = await sign()
    const twice = await person().open(
      `/authorize?${queryOf({ client_id: 'shop', request })}&request=${request}`,
    )
    expect([twice.status, twice.location]).toEqual([400, null])
    expect((await ask(await sign({ state: 'x'.repeat(6000) }))).status).toBe(400)
    expect((await ask(request, { client_id: 'unknown' })).status).toBe(400)
  })

  it('is refused beside a request_uri, and a request_uri that is not of /par is never fetched', async () => {
    const outside = { redirect_uri: CALLBACK, state: 'outside' }
    const both = await ask(await sign(), { ...outside, request_uri: 'urn:ietf:params:oauth:request_uri:x' })
    expect(answerOf(both)).toMatchObject({ error: 'invalid_request', state: 'outside' })
    const url = queryOf({ client_id: 'shop', ...outside, request_uri: 'https://shop.example/request.jwt' })
    const fetched = answerOf(await person().open(`/authorize?${url}`))
    expect(fetched).toMatchObject({ error: 'request_uri_not_supported', state: 'outside', iss: ISSUER })
  })
})

describe('RFC 9101 §10.5 – a client that has to sign its requests', () => {
  it('is refused without a signature, and served with one', async () => {
    const plain = {
      client_id: 'strict',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid',
      state: 'plain',
      code_challenge: CODE_CHALLENGE,
      code_challenge_method: 'S256',
    }
    const refused = await person().open(`/authorize?${queryOf(plain)}`)
    expect(answerOf(refused)).toMatchObject({ error: 'invalid_request', state: 'plain' })
    const request = await sign(asOf('strict'))
    expect((await ask(request, { client_id: 'strict' })).location).toMatch(/^\/sign-in\?/)
  })

  it('has to sign what it pushes too', async () => {
    const form = { response_type: 'code', redirect_uri: CALLBACK, scope: 'openid' }
    const refused = await signet.post('/par', form, basic('strict', SECRET))
    expect([refused.status, refused.body.error]).toEqual([400, 'invalid_request'])
    const request = await sign(asOf('strict'))
    expect((await signet.post('/par', { request }, basic('strict', SECRET))).status).toBe(201)
  })
})

describe('RFC 9126 §3 – a request object that is pushed', () => {
  const push = (form: Readonly<Record<string, string>>) => signet.post('/par', form, basic('shop', SECRET))

  it('is taken alone, and its parameters live on after its times', async () => {
    const { status, body } = await push({
      request: await sign({ exp: seconds() + 5 }),
      state: 'evil',
      scope: 'write',
    })
    expect(status).toBe(201)
    const rows = await deployment.database.sql`select parameters from pushed_requests`
    expect(JSON.stringify(rows)).not.toContain('eyJ')
    const ada = person()
    const query = queryOf({ client_id: 'shop', request_uri: String(body['request_uri']) })
    const shown = await ada.allow(await ada.signUp(await ada.arrive(query), newEmail()))
    expect(answerOf(shown)).toMatchObject({ state: 'signed', code: expect.any(String) })
    expect((await ada.open(`/authorize?${query}`)).status).toBe(400)
  })

  it('is refused as OAuth JSON, and nothing is kept', async () => {
    const count = async () => (await deployment.database.sql`select from pushed_requests`).length
    const before = await count()
    const wrong = [
      { request: 'x.y.z' },
      { request: await sign({}, {}, foreign) },
      { request: await sign(asOf('other'), {}, foreign) },
      { request: await sign({ exp: seconds() - 60 }) },
    ]
    for (const form of wrong) {
      const { status, body } = await push(form)
      expect([status, body.error]).toEqual([400, 'invalid_request_object'])
    }
    const uri = await push({ request: await sign({ redirect_uri: 'https://evil.example/cb' }) })
    expect([uri.status, uri.body.error]).toEqual([400, 'invalid_request'])
    const large = await push({ request: await sign({ state: 'x'.repeat(6000) }) })
    expect([large.status, large.body.error]).toEqual([413, 'invalid_request'])
    expect(await count()).toBe(before)
  })
})
