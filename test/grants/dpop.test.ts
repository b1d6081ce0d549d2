import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPepper } from '../../src/domain/base/pepper.ts'
import { createProofNonces } from '../../src/grants/dpop-nonce.ts'
import { claimsOf } from '../support/accounts/account-api.ts'
import { createDpopKey, type DpopKey } from '../support/authorization/dpop.ts'
import { issueCode, WEB } from '../support/authorization/exchange.ts'
import { basic, CLIENT_CREDENTIALS, CLIENTS, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Form, type Instance, openDeployment } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'

const BOUND = {
  client_id: 'bound',
  client_secret: SECRETS.poster,
  grant_types: ['client_credentials'],
  scope: 'read',
  dpop_bound_access_tokens: true,
}
const CONFIDENTIAL_WEB = {
  ...WEB,
  client_id: 'portal',
  client_secret: SECRETS.stranger,
  token_endpoint_auth_method: 'client_secret_basic',
}

let deployment: Deployment
let signet: Instance
let other: Instance
let key: DpopKey
let stranger: DpopKey
const clock = createClock()
beforeAll(async () => {
  deployment = await openDeployment([...CLIENTS, WEB, BOUND, CONFIDENTIAL_WEB])
  signet = await deployment.start({ clock: clock.clock })
  other = await deployment.start({ clock: clock.clock })
  key = await createDpopKey()
  stranger = await createDpopKey()
})
afterAll(() => deployment.close())

type More = Partial<Parameters<DpopKey['proof']>[0]>

const proofFor = (more: More = {}, by = key) =>
  by.proof({ url: `${signet.issuer}/token`, now: clock.clock(), ...more })
const asService = (dpop: string, at = signet) => at.token(CLIENT_CREDENTIALS, { ...SERVICE, dpop })
const outcome = async (asked: ReturnType<Instance['token']>) => {
  const { status, body } = await asked
  return [status, body.error ?? body.token_type]
}
const REFUSED = [400, 'invalid_dpop_proof']
const BOUND_TO_KEY = [200, 'DPoP']
const spentRows = async () => {
  const [row] = await deployment.database.sql<{ count: string }[]>`select count(*) from spent_proofs`
  return Number(row?.count)
}

describe('RFC 9449 §5 – a proof at the token endpoint', () => {
  it('binds the token to the key, and leaves a request without a proof a bearer token', async () => {
    const { body } = await asService(await proofFor())
    expect(body.token_type).toBe('DPoP')
    expect(claimsOf(body.access_token)).toMatchObject({ cnf: { jkt: key.jkt } })
    const plain = (await signet.token(CLIENT_CREDENTIALS, SERVICE)).body
    expect(plain.token_type).toBe('Bearer')
    expect(claimsOf(plain.access_token)).not.toHaveProperty('cnf')
  })

  it.each(['ES256', 'EdDSA', 'RS256', 'PS256'])('takes a proof that is signed by %s', async alg => {
    const { proof, jkt } = await createDpopKey(alg)
    const answer = await asService(await proof({ url: `${signet.issuer}/token`, now: clock.clock() }))
    expect(claimsOf(answer.body.access_token)).toMatchObject({ cnf: { jkt } })
  })

  it('is asked of a client that is registered with dpop_bound_access_tokens', async () => {
    const as = basic('bound', SECRETS.poster)
    expect(await outcome(signet.token(CLIENT_CREDENTIALS, as))).toEqual(REFUSED)
    expect(await outcome(signet.token(CLIENT_CREDENTIALS, { ...as, dpop: await proofFor() }))).toEqual(
      BOUND_TO_KEY,
    )
  })

  it('is announced by the algorithms in the metadata', async () => {
    const { body } = await signet.fetch('/.well-known/oauth-authorization-server')
    expect(body['dpop_signing_alg_values_supported']).toEqual(['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'])
  })

  it('says why in the log alone', async () => {
    await asService(await proofFor({ method: 'GET' }))
    expect(signet.lines.at(-1)).toMatchObject({
      error: 'invalid_dpop_proof',
      reason: 'dpop_proof_invalid',
      cause: 'foreign_method',
      client_id: 'service',
    })
  })
})

describe('RFC 9449 §4.3 – the checks of a proof', () => {
  it.each<readonly [string, More]>([
    ['of the other type JWT', { header: { typ: 'JWT' } }],
    ['without a type', { header: { typ: undefined } }],
    ['with a critical extension', { header: { crit: ['b64'], b64: true } }],
    ['without a key', { header: { jwk: undefined } }],
    ['with a key that is a text', { header: { jwk: 'key' } }],
    ['for another method', { method: 'GET' }],
    ['for a method in another case', { method: 'post' }],
    ['for another path', { url: 'http://localhost:8080/userinfo' }],
    ['for another host', { url: 'https://evil.example/token' }],
    ['for an address that is none', { url: 'token' }],
    ['for an address with a user in it', { url: 'http://user@localhost:8080/token' }],
    ['without a jti', { claims: { jti: undefined } }],
    ['with an empty jti', { claims: { jti: '' } }],
    ['with a jti of 256 characters', { claims: { jti: 'j'.repeat(256) } }],
    ['with a jti that is a number', { claims: { jti: 7 } }],
    ['without htm', { claims: { htm: undefined } }],
    ['without htu', { claims: { htu: undefined } }],
    ['without iat', { claims: { iat: undefined } }],
    ['with an iat that is a text', { claims: { iat: 'now' } }],
    ['made 61 seconds ago', { after: -61 }],
    ['made 62 seconds in the future', { after: 62 }],
  ])('refuse a proof %s, and write nothing', async (_, more) => {
    const before = await spentRows()
    expect(await outcome(asService(await proofFor(more)))).toEqual(REFUSED)
    expect(await spentRows()).toBe(before)
    expect(await outcome(asService(await proofFor()))).toEqual(BOUND_TO_KEY)
  })

  it.each<readonly [string, More]>([
    ['made 59 seconds ago', { after: -59 }],
    ['made 59 seconds in the future', { after: 59 }],
    ['whose htu has a query and a fragment', { claims: { htu: 'http://localhost:8080/token?a=b#c' } }],
    ['whose htu is not normalized', { claims: { htu: 'HTTP://LocalHost:8080/x/../%74oken' } }],
    ['with a jti of 255 characters', { claims: { jti: 'j'.repeat(255) } }],
  ])('take a proof %s', async (_, more) => {
    expect(await outcome(asService(await proofFor(more)))).toEqual(BOUND_TO_KEY)
  })

  it('refuse the private half of a key in the header (§4.3, check 7)', async () => {
    const proof = await proofFor({ header: { jwk: key.private_jwk } })
    expect(await outcome(asService(proof))).toEqual(REFUSED)
  })

  it('refuse a proof that another key has signed', async () => {
    const proof = await proofFor({ header: { jwk: stranger.jwk } })
    expect(await outcome(asService(proof))).toEqual(REFUSED)
  })

  it('refuse a proof without a signature, with a symmetric one, and with one that was changed', async () => {
    const honest = await proofFor()
    const [, payload = '', signature = ''] = honest.split('.')
    const headed = (header: object) => Buffer.from(JSON.stringify(header)).toString('base64url')
    const none = `${headed({ typ: 'dpop+jwt', alg: 'none', jwk: key.jwk })}.${payload}.`
    const input = `${headed({ typ: 'dpop+jwt', alg: 'HS256', jwk: key.jwk })}.${payload}`
    const hmac = createHmac('sha256', JSON.stringify(key.jwk)).update(input).digest('base64url')
    const octets = `${headed({ typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' } })}.${payload}.${signature}`
    const changed = `${honest.slice(0, -4)}AAAA`
    for (const proof of [
      none,
      `${input}.${hmac}`,
      octets,
      changed,
      `${honest}, ${await proofFor()}`,
      'x',
      'a.b.c',
    ])
      expect(await outcome(asService(proof))).toEqual(REFUSED)
    expect(await outcome(asService(honest))).toEqual(BOUND_TO_KEY)
  })

  it('refuse a key of a size that a stranger should not choose, and a point that is not on the curve', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    const header = { typ: 'dpop+jwt', alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) }
    const [, payload = ''] = (await proofFor()).split('.')
    const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`
    const small = `${input}.${createSign('sha256').update(input).sign(privateKey, 'base64url')}`
    const off = await proofFor({ header: { jwk: { ...key.jwk, y: key.jwk.x } } })
    for (const proof of [small, off]) expect(await outcome(asService(proof))).toEqual(REFUSED)
  })

  it('refuse a proof of more than 4096 characters', async () => {
    const long = await proofFor({ claims: { padding: 'p'.repeat(4096) } })
    expect(await outcome(asService(long))).toEqual(REFUSED)
  })
})

describe('RFC 9449 §11.1 – replay', () => {
  it('takes a jti once, on all instances', async () => {
    const proof = await proofFor()
    const answers = await Promise.all([signet, other, signet, other].map(at => asService(proof, at)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(await outcome(asService(proof, other))).toEqual(REFUSED)
  })

  it('counts a jti for its key alone', async () => {
    const claims = { jti: 'one-for-both' }
    expect(await outcome(asService(await proofFor({ claims })))).toEqual(BOUND_TO_KEY)
    expect(await outcome(asService(await proofFor({ claims })))).toEqual(REFUSED)
    expect(await outcome(asService(await proofFor({ claims }, stranger)))).toEqual(BOUND_TO_KEY)
  })

  it('spends nothing for a stranger whose refresh token or code was never issued', async () => {
    const before = await spentRows()
    const dpop = await proofFor()
    const code = { grant_type: 'authorization_code', client_id: 'web', code: 'made-up' }
    const token = { grant_type: 'refresh_token', client_id: 'web', refresh_token: 'made-up' }
    for (const form of [code, token])
      expect(await outcome(signet.token(form, { dpop }))).toEqual([400, 'invalid_grant'])
    expect(await spentRows()).toBe(before)
  })
})

describe('RFC 9449 §5 – what a code buys for a key', () => {
  const redeem = async (form: Form, by: DpopKey | null, headers = {}) =>
    signet.token(form, { ...headers, ...(by === null ? {} : { dpop: await proofFor({}, by) }) })
  const refreshForm = (refresh_token: unknown, client_id = 'web') => ({
    grant_type: 'refresh_token',
    client_id,
    refresh_token: String(refresh_token),
  })
  const INVALID = [400, 'invalid_grant']

  it('binds the refresh tokens of a public client: nothing else refreshes, and the family lives on', async () => {
    const { form } = await issueCode(deployment)
    const bought = (await redeem(form, key)).body
    expect([bought.token_type, claimsOf(bought.access_token)['cnf']]).toEqual(['DPoP', { jkt: key.jkt }])
    const stolen = refreshForm(bought.refresh_token)
    expect(await outcome(redeem(stolen, null))).toEqual(INVALID)
    expect(await outcome(redeem(stolen, stranger))).toEqual(INVALID)
    const next = (await redeem(stolen, key)).body
    expect(claimsOf(next.access_token)).toMatchObject({ cnf: { jkt: key.jkt } })
    expect(await outcome(redeem(stolen, stranger))).toEqual(INVALID)
    expect(await outcome(redeem(refreshForm(next.refresh_token), key))).toEqual(BOUND_TO_KEY)
  })

  it('leaves the refresh tokens of a confidential client to its authentication', async () => {
    const { form } = await issueCode(deployment, { client_id: 'portal' })
    const as = basic('portal', SECRETS.stranger)
    const bought = (await redeem(form, key, as)).body
    expect(bought.token_type).toBe('DPoP')
    const again = (await redeem(refreshForm(bought.refresh_token, 'portal'), stranger, as)).body
    expect(claimsOf(again.access_token)).toMatchObject({ cnf: { jkt: stranger.jkt } })
  })

  it('binds the next access token where a client begins to send proofs', async () => {
    const { form } = await issueCode(deployment)
    const bought = (await redeem(form, null)).body
    expect(bought.token_type).toBe('Bearer')
    const next = (await redeem(refreshForm(bought.refresh_token), key)).body
    expect(next.token_type).toBe('DPoP')
  })

  it('refuses a code of another key, ends nothing, and ends the code at the tenth time (§10)', async () => {
    const { form } = await issueCode(deployment, { dpop_jkt: key.jkt })
    for (const by of [null, stranger]) expect(await outcome(redeem(form, by))).toEqual(INVALID)
    expect(await outcome(redeem(form, key))).toEqual(BOUND_TO_KEY)
    const guessed = await issueCode(deployment, { dpop_jkt: key.jkt })
    for (let attempt = 0; attempt < 10; attempt += 1) await redeem(guessed.form, stranger)
    expect(await outcome(redeem(guessed.form, key))).toEqual(INVALID)
  })

  it('repeats an answer to the same key alone', async () => {
    const { form } = await issueCode(deployment)
    const attempt = { 'idempotency-key': 'one-attempt' }
    const first = (await redeem(form, key, attempt)).body
    const repeated = (await redeem(form, key, attempt)).body
    expect(repeated.refresh_token).toBe(first.refresh_token)
    expect(await outcome(redeem(form, stranger, attempt))).toEqual(INVALID)
    expect(await outcome(redeem(refreshForm(first.refresh_token), key))).toEqual(INVALID)
  })
})

describe('RFC 9449 §8 – nonces', () => {
  it('are asked for with DPOP_NONCE=on, and handed out with every answer to a proof', async () => {
    const strict = await deployment.start({ clock: clock.clock, environment: { DPOP_NONCE: 'on' } })
    const asked = await asService(await proofFor(), strict)
    expect([asked.status, asked.body.error]).toEqual([400, 'use_dpop_nonce'])
    const nonce = asked.headers.get('dpop-nonce') ?? ''
    expect(asked.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce')
    const answer = await asService(await proofFor({ nonce }), strict)
    expect([answer.status, answer.headers.get('dpop-nonce')]).toEqual([200, nonce])
    expect(await outcome(asService(await proofFor({ nonce: 'made-up' }), strict))).toEqual([
      400,
      'use_dpop_nonce',
    ])
    const without = await asService(await proofFor({ nonce }))
    expect([without.status, without.headers.get('dpop-nonce')]).toEqual([200, null])
  })

  it('are good for five minutes, and under every pepper', () => {
    const [old, young] = [createPepper(Buffer.alloc(32, 1)), createPepper(Buffer.alloc(32, 2))]
    const at = (seconds: number) => new Date((1_800_000_000 + seconds) * 1000)
    const nonce = createProofNonces([old]).current(at(0))
    const nonces = createProofNonces([young, old])
    expect([-60, 0, 299].map(each => nonces.isRecent(nonce, at(each)))).toEqual([true, true, true])
    expect([-61, 300].map(each => nonces.isRecent(nonce, at(each)))).toEqual([false, false])
    expect(createProofNonces([young]).isRecent(nonce, at(0))).toBe(false)
    expect(nonces.isRecent(nonce.slice(0, -1), at(0))).toBe(false)
  })
})
