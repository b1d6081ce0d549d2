import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import express from 'express'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProtect as onWebCrypto } from '../../../src/sdk/hono.ts'
import { createProtect as onNodeCrypto } from '../../../src/sdk/hono-node.ts'
import { authOf, createExpressProtect, createHttpProtect, createVerifier } from '../../../src/sdk/node.ts'
import { createTestIssuer, type TestIssuer } from '../../../src/sdk/testing.ts'
import type { DpopOptions } from '../../../src/sdk/verify/options.ts'
import { createDpopKey, type DpopKey } from '../../support/authorization/dpop.ts'
import { closeServer, listenOnLoopback } from '../../support/issuer.ts'

const AUDIENCE = 'https://api.example'
const ORDERS = `${AUDIENCE}/v1/orders`
const SECRET = 'a-secret-of-this-service-0123456789'

let issuer: TestIssuer
let key: DpopKey
let stranger: DpopKey
let token: string
beforeAll(async () => {
  issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
  key = await createDpopKey()
  stranger = await createDpopKey()
  token = await issuer.issue({ sub: 'ada', cnf: { jkt: key.jkt } })
})

const optionsOf = (dpop?: DpopOptions) => ({
  issuer: issuer.issuer,
  audience: AUDIENCE,
  fetch: issuer.fetch,
  ...(dpop === undefined ? {} : { dpop }),
})

type Headers = Readonly<Record<string, string>>
type Call = (headers: Headers, path?: string) => Promise<Response>
type Service = Readonly<{ call: Call; close: () => Promise<void> }>

const honoService =
  (create: typeof onNodeCrypto) =>
  async (dpop?: DpopOptions): Promise<Service> => {
    const protect = create(optionsOf(dpop))
    const app = new Hono().get('/v1/orders', protect(), c => c.json({ sub: c.var.auth.claims.sub }))
    // The name by which the service was asked is another one than the public one, as behind a proxy.
    const call: Call = async (headers, path = '/v1/orders') =>
      app.request(`http://internal:8080${path}`, { headers })
    return { call, close: async () => {} }
  }

const overHttp = async (listener: RequestListener): Promise<Service> => {
  const server = createServer(listener)
  const port = await listenOnLoopback(server)
  return {
    call: (headers, path = '/v1/orders') => fetch(`http://127.0.0.1:${port}${path}`, { headers }),
    close: () => closeServer(server),
  }
}

/** With the guard in a router, which cuts the place of the router off the address. */
const expressService = (dpop?: DpopOptions) => {
  const protect = createExpressProtect(optionsOf(dpop))
  const router = express.Router()
  router.get('/orders', protect(), (request, response) => {
    response.json({ sub: authOf(request).claims.sub })
  })
  return overHttp(express().use('/v1', router))
}

const httpService = (dpop?: DpopOptions) => {
  const guard = createHttpProtect(optionsOf(dpop))()
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (await guard(request, response)) response.end(JSON.stringify({ sub: authOf(request).claims.sub }))
  }
  return overHttp((request, response) => {
    handle(request, response).catch(error => response.destroy(error))
  })
}

const SERVICES = [
  ['Hono on Web Crypto', honoService(onWebCrypto)],
  ['Hono on Node', honoService(onNodeCrypto)],
  ['Express', expressService],
  ['plain http', httpService],
] as const

type Shown = Partial<Parameters<DpopKey['proof']>[0]>

const proofFor = (more: Shown = {}, by = key) => by.proof({ method: 'GET', url: ORDERS, token, ...more })
const withProof = async (more: Shown = {}, by = key): Promise<Headers> => ({
  Authorization: `DPoP ${token}`,
  DPoP: await proofFor(more, by),
})
const outcome = async (asked: Promise<Response>) => {
  const { status, headers } = await asked
  const [scheme, error] = [/^\w+/, /error="(\w+)"/].map(part =>
    part.exec(headers.get('www-authenticate') ?? ''),
  )
  return [status, scheme?.[0] ?? null, error?.[1] ?? null]
}
const OK = [200, null, null]
const NO_PROOF = [401, 'DPoP', 'invalid_dpop_proof']
const NO_TOKEN = [401, 'DPoP', 'invalid_token']

describe.each(SERVICES)('RFC 9449 §7 – a bound token at %s', (_, create) => {
  let service: Service
  beforeAll(async () => {
    service = await create()
  })
  afterAll(() => service.close())

  it('is taken with a proof, whose address has neither query nor fragment', async () => {
    const answer = await service.call(await withProof())
    expect([answer.status, await answer.json()]).toEqual([200, { sub: 'ada' }])
    expect(await outcome(service.call(await withProof(), '/v1/orders?page=2'))).toEqual(OK)
    expect(await outcome(service.call(await withProof({ url: `${ORDERS}?page=3#top` })))).toEqual(OK)
  })

  it('is refused as a bearer token, with and without a proof (§7.2)', async () => {
    const bearer = { Authorization: `Bearer ${token}` }
    expect(await outcome(service.call(bearer))).toEqual(NO_TOKEN)
    expect(await outcome(service.call({ ...bearer, DPoP: await proofFor() }))).toEqual(NO_TOKEN)
  })

  it('is refused without a proof, and with one of another key', async () => {
    expect(await outcome(service.call({ Authorization: `DPoP ${token}` }))).toEqual(NO_PROOF)
    expect(await outcome(service.call(await withProof({}, stranger)))).toEqual(NO_TOKEN)
    const lying = await withProof({ header: { jwk: key.jwk } }, stranger)
    expect(await outcome(service.call(lying))).toEqual(NO_PROOF)
  })

  it.each<readonly [string, Shown]>([
    ['for another method', { method: 'POST' }],
    ['for another path', { url: `${AUDIENCE}/v1/refunds` }],
    ['for the name behind the proxy', { url: 'http://internal:8080/v1/orders' }],
    ['for another token', { token: 'another' }],
    ['without ath', { claims: { ath: undefined } }],
    ['without jti', { claims: { jti: undefined } }],
    ['made 62 seconds ago', { after: -62 }],
    ['made 62 seconds in the future', { after: 62 }],
    ['of the type JWT', { header: { typ: 'JWT' } }],
  ])('is refused with a proof %s', async (_name, more) => {
    expect(await outcome(service.call(await withProof(more)))).toEqual(NO_PROOF)
  })

  it('is refused with a proof that was shown, and taken with the next one', async () => {
    const headers = await withProof()
    expect(await outcome(service.call(headers))).toEqual(OK)
    expect(await outcome(service.call(headers))).toEqual(NO_PROOF)
    expect(await outcome(service.call(await withProof()))).toEqual(OK)
  })

  it('leaves bearer tokens as they are', async () => {
    const plain = await issuer.issue({ sub: 'ada' })
    expect(await outcome(service.call({ Authorization: `Bearer ${plain}` }))).toEqual(OK)
    const headers = { Authorization: `DPoP ${plain}`, DPoP: await proofFor({ token: plain }) }
    expect(await outcome(service.call(headers))).toEqual(NO_TOKEN)
  })
})

describe('RFC 9449 – the options of a verifier', () => {
  it('name both schemes, and refuse bearer tokens where bound ones are required', async () => {
    const { call } = await honoService(onNodeCrypto)({ required: true })
    const missing = await call({})
    expect(missing.headers.get('www-authenticate')).toBe(
      'Bearer, DPoP algs="ES256 EdDSA Ed25519 RS256 PS256"',
    )
    const plain = await issuer.issue({ sub: 'ada' })
    expect(await outcome(call({ Authorization: `Bearer ${plain}` }))).toEqual(NO_TOKEN)
    expect(await outcome(call(await withProof()))).toEqual(OK)
  })

  it('ask for a nonce, which another instance with the same secret takes (§9)', async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(() => honoService(onNodeCrypto)({ nonceSecret: SECRET })),
    )
    const asked = await one?.call(await withProof())
    expect([asked?.status, asked?.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('error="use_dpop_nonce"'),
    ])
    const nonce = asked?.headers.get('dpop-nonce') ?? ''
    for (const service of [one, other])
      expect((await service?.call(await withProof({ nonce })))?.status).toBe(200)
    const foreign = await honoService(onNodeCrypto)({ nonceSecret: `${SECRET}-of-another` })
    expect(await outcome(foreign.call(await withProof({ nonce })))).toEqual([401, 'DPoP', 'use_dpop_nonce'])
  })

  it('remember proofs within a bound', async () => {
    const { call } = await honoService(onNodeCrypto)({ memorySize: 4 })
    const first = await withProof()
    expect(await outcome(call(first))).toEqual(OK)
    expect(await outcome(call(first))).toEqual(NO_PROOF)
    for (let more = 0; more < 4; more += 1) await call(await withProof())
    expect(await outcome(call(first))).toEqual(OK)
  })

  it('give an address where the audience is none: without it no bound token is taken', async () => {
    const issued = await createTestIssuer({ issuer: 'https://id.example', audience: 'orders' })
    const bound = await issued.issue({ cnf: { jkt: key.jkt } })
    const options = { issuer: issued.issuer, audience: 'orders', fetch: issued.fetch }
    const request = async () => ({
      authorization: `DPoP ${bound}`,
      proof: await proofFor({ token: bound, url: 'https://shop.example/api/orders' }),
      method: 'GET',
      path: '/orders',
    })
    const without = createVerifier(options)
    await expect(without.authenticate(await request())).rejects.toMatchObject({ code: 'token_missing' })
    await expect(without.verify(bound)).rejects.toMatchObject({ code: 'token_bound' })
    const placed = createVerifier({ ...options, dpop: { publicUrl: 'https://shop.example/api/' } })
    expect((await placed.authenticate(await request())).claims.cnf).toEqual({ jkt: key.jkt })
  })

  it('are told by the metadata of the service (RFC 9728 §2)', () => {
    const resource = { resource: AUDIENCE }
    const documentOf = (dpop?: DpopOptions) =>
      createVerifier({ ...optionsOf(dpop), resource }).metadata?.document ?? {}
    expect(documentOf({ required: true })).toMatchObject({
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'],
      dpop_bound_access_tokens_required: true,
    })
    expect(documentOf({})).not.toHaveProperty('dpop_bound_access_tokens_required')
    expect(documentOf()).not.toHaveProperty('dpop_signing_alg_values_supported')
  })

  it.each<readonly [string, DpopOptions]>([
    ['publicUrl', { publicUrl: 'http://shop.example' }],
    ['nonceSecret', { nonceSecret: 'short' }],
    ['memorySize', { memorySize: -1 }],
  ])('are refused with a wrong %s', (name, dpop) => {
    expect(() => createVerifier(optionsOf(dpop))).toThrow(`dpop.${name}`)
  })
})
