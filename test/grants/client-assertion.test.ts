import { createHmac, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  assertionClaims,
  type ClientKey,
  createClientKey,
  seconds,
  signAssertion,
  withAssertion,
} from '../support/assertions.ts'
import { CLIENTS } from '../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../support/deployment.ts'

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe.each(deployments)('RFC 7523 §2.2 – private_key_jwt on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  let key: ClientKey
  let twins: readonly [ClientKey, ClientKey]
  const curves: ClientKey[] = []

  const registration = (client_id: string, ...keys: readonly object[]) => ({
    client_id,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys },
    grant_types: ['client_credentials'],
    scope: 'read',
  })
  beforeAll(async () => {
    key = await createClientKey('RS256')
    twins = [await createClientKey('RS256'), await createClientKey('RS256')]
    for (const alg of ['ES256', 'PS256', 'EdDSA']) curves.push(await createClientKey(alg))
    const nameless = twins.map(({ jwk }) => ({ ...jwk, kid: undefined }))
    deployment = await open([
      ...CLIENTS,
      registration('jwt', key.jwk),
      registration('jwt-too', key.jwk),
      registration('unusable', { kty: 'RSA', n: 'AQAB', e: 'AQAB', kid: key.kid }),
      registration('twins', ...twins.map(({ jwk }) => jwk)),
      registration('nameless-twins', ...nameless),
      ...curves.map(({ alg, jwk }) => registration(alg, jwk)),
    ])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const send = async (assertion: string, more?: Readonly<Record<string, string>>, to = signet) => {
    const { status, body } = await to.token(withAssertion(assertion, more))
    return [status, body.error]
  }
  const sendClaims = async (changes: Readonly<Record<string, unknown>>) =>
    send(await signAssertion(key, assertionClaims('jwt', changes)))
  /** An unregistered key with the kid of a registered one. */
  const createForeign = () => createClientKey('RS256', key.kid)
  const ACCEPTED = [200, undefined]
  const REFUSED = [401, 'invalid_client']

  it('§3 – accepts an assertion with the client as iss and sub and the issuer as aud', async () => {
    expect(await sendClaims({})).toEqual(ACCEPTED)
    expect(await sendClaims({ aud: [ISSUER] })).toEqual(ACCEPTED)
    expect(await sendClaims({ iat: undefined })).toEqual(ACCEPTED)
    expect(await send(await signAssertion(key, assertionClaims('jwt')), { client_id: 'jwt' })).toEqual(
      ACCEPTED,
    )
  })

  it('RFC 8414 §2 – accepts each algorithm that the metadata names', async () => {
    for (const curve of curves) {
      expect(await send(await signAssertion(curve, assertionClaims(curve.alg)))).toEqual(ACCEPTED)
    }
  })

  it.each([
    ['the token endpoint as the audience', { aud: `${ISSUER}/token` }],
    ['the issuer among others', { aud: [ISSUER, 'https://other.example'] }],
    ['the issuer twice', { aud: [ISSUER, ISSUER] }],
    ['the issuer with a slash', { aud: `${ISSUER}/` }],
    ['no audience', { aud: undefined }],
    ['an empty audience', { aud: [] }],
    ['another issuer', { iss: 'jwt-too' }],
    ['no issuer', { iss: undefined }],
    ['another subject', { sub: 'jwt-too' }],
    ['no subject', { sub: undefined }],
    ['a subject that is a list', { sub: ['jwt'] }],
    ['an unknown client', { sub: 'nobody', iss: 'nobody' }],
    ['no jti', { jti: undefined }],
    ['an empty jti', { jti: '' }],
    ['a jti that is a number', { jti: 7 }],
    ['a jti of 256 characters', { jti: 'x'.repeat(256) }],
    ['no exp', { exp: undefined }],
    ['an exp that is text', { exp: String(seconds() + 60) }],
    ['an exp in the past', { exp: seconds() - 60 }],
    ['an exp 11 minutes ahead', { exp: seconds() + 660 }],
    ['iat and exp an hour ahead', { iat: seconds() + 3600, exp: seconds() + 3660 }],
    ['a lifetime of 11 minutes that is nearly over', { iat: seconds() - 640, exp: seconds() + 20 }],
    ['an iat in the future', { iat: seconds() + 60 }],
    ['an iat that is text', { iat: 'now' }],
    ['an nbf in the future', { nbf: seconds() + 60 }],
  ])('refuses %s', async (_, changes) => {
    expect(await sendClaims(changes)).toEqual(REFUSED)
  })

  it('§3 – accepts a lifetime of ten minutes, and a clock skew of a few seconds', async () => {
    expect(await sendClaims({ exp: seconds() + 599 })).toEqual(ACCEPTED)
    expect(await sendClaims({ iat: seconds() + 3 })).toEqual(ACCEPTED)
  })

  describe('§3 – the jti is spent once', () => {
    it('refuses a replay at either instance, after a flush of Redis and after a restart', async () => {
      const other = await deployment.start()
      const assertion = await signAssertion(key, assertionClaims('jwt'))
      expect(await send(assertion)).toEqual(ACCEPTED)
      expect(await send(assertion)).toEqual(REFUSED)
      expect(await send(assertion, {}, other)).toEqual(REFUSED)
      await deployment.redis?.flush()
      expect(await send(assertion, {}, other)).toEqual(REFUSED)
      await other.close()
      expect(await send(assertion, {}, await deployment.start())).toEqual(REFUSED)
    })

    it('refuses a new assertion with a spent jti, and accepts the same jti of another client', async () => {
      const jti = randomUUID()
      expect(await sendClaims({ jti })).toEqual(ACCEPTED)
      expect(await sendClaims({ jti, exp: seconds() + 61 })).toEqual(REFUSED)
      expect(await send(await signAssertion(key, assertionClaims('jwt-too', { jti })))).toEqual(ACCEPTED)
    })

    it('accepts one of 50 simultaneous replays over two instances', async () => {
      const other = await deployment.start()
      const assertion = await signAssertion(key, assertionClaims('jwt'))
      const sent = Array.from({ length: 50 }, (_, turn) =>
        send(assertion, {}, turn % 2 === 0 ? signet : other),
      )
      const statuses = (await Promise.all(sent)).map(([status]) => status)
      expect(statuses.filter(status => status === 200)).toHaveLength(1)
      expect(statuses.filter(status => status === 401)).toHaveLength(49)
    })

    it('does not spend the jti of an assertion that is refused', async () => {
      const jti = randomUUID()
      const foreign = await createForeign()
      expect(await send(await signAssertion(foreign, assertionClaims('jwt', { jti })))).toEqual(REFUSED)
      expect(await sendClaims({ jti, aud: `${ISSUER}/token` })).toEqual(REFUSED)
      expect(await sendClaims({ jti })).toEqual(ACCEPTED)
    })
  })

  describe('RFC 8725 §3.1 – keys and algorithms', () => {
    it('refuses alg none, with and without a signature', async () => {
      const input = `${base64url({ alg: 'none' })}.${base64url(assertionClaims('jwt'))}`
      for (const signature of ['', 'AAAA']) expect(await send(`${input}.${signature}`)).toEqual(REFUSED)
    })

    it('refuses an HS256 assertion that is signed with the public key as its secret', async () => {
      const input = `${base64url({ alg: 'HS256', kid: key.kid })}.${base64url(assertionClaims('jwt'))}`
      for (const secret of [JSON.stringify(key.jwk), String(key.jwk['n'])]) {
        const mac = createHmac('sha256', secret).update(input).digest('base64url')
        expect(await send(`${input}.${mac}`)).toEqual(REFUSED)
      }
    })

    it('refuses an unregistered key, also with the kid of a registered one, and a key in the header', async () => {
      const foreign = await createForeign()
      const claims = () => assertionClaims('jwt')
      expect(await send(await signAssertion(foreign, claims()))).toEqual(REFUSED)
      expect(await send(await signAssertion(foreign, claims(), { jwk: foreign.jwk }))).toEqual(REFUSED)
      expect(await send(await signAssertion(foreign, claims(), {}))).toEqual(REFUSED)
    })

    it('RFC 7515 §4.1.4 – refuses a kid that is not registered, and accepts an assertion without one', async () => {
      expect(await send(await signAssertion(key, assertionClaims('jwt'), { kid: 'unknown' }))).toEqual(
        REFUSED,
      )
      expect(await send(await signAssertion(key, assertionClaims('jwt'), {}))).toEqual(ACCEPTED)
    })

    it('finds the right one of two keys, with and without a kid', async () => {
      for (const twin of twins) {
        expect(await send(await signAssertion(twin, assertionClaims('twins')))).toEqual(ACCEPTED)
        expect(await send(await signAssertion(twin, assertionClaims('twins'), {}))).toEqual(ACCEPTED)
        expect(await send(await signAssertion(twin, assertionClaims('nameless-twins'), {}))).toEqual(ACCEPTED)
      }
      expect(await send(await signAssertion(key, assertionClaims('twins'), {}))).toEqual(REFUSED)
    })

    it('judges the claims also when it tries several keys', async () => {
      const late = assertionClaims('twins', { exp: seconds() - 60 })
      expect(await send(await signAssertion(twins[1], late, {}))).toEqual(REFUSED)
      const critical = { kid: key.kid, crit: ['odd'], odd: true }
      expect(
        await send(await signAssertion(key, assertionClaims('jwt'), critical).catch(() => 'a.b.c')),
      ).toEqual(REFUSED)
    })

    it('RFC 8725 §3.12 – refuses one of our own access tokens, and a text that is no JWT', async () => {
      const { body } = await signet.token(withAssertion(await signAssertion(key, assertionClaims('jwt'))))
      for (const assertion of [body.access_token, 'x', 'a.b', 'a.b.c', '..', 'e30.'.repeat(5)])
        expect(await send(assertion)).toEqual(REFUSED)
    })
  })

  it('answers 500 and logs the error when the registered key cannot be used', async () => {
    expect(await send(await signAssertion(key, assertionClaims('unusable')))).toEqual([500, 'server_error'])
    expect(signet.lines.slice(-2)).toMatchObject([
      { level: 'error', message: 'unexpected error', error: expect.stringContaining('modulusLength') },
      { level: 'error', message: 'request', status: 500 },
    ])
    expect(await sendClaims({})).toEqual(ACCEPTED)
  })

  it('counts an unusable registered key as a failed authentication, which limits the lines in the log', async () => {
    const limited = await deployment.start({ environment: { RATE_LIMIT_TOKEN_FAILURES: '2/60' } })
    const statuses: number[] = []
    for (const _ of [1, 2, 3]) {
      const form = withAssertion(await signAssertion(key, assertionClaims('unusable')))
      statuses.push((await limited.token(form, undefined, '198.51.100.77')).status)
    }
    expect(statuses).toEqual([500, 500, 429])
  })

  it('RFC 7521 §4.2 – refuses a different client_id, another assertion type, and one parameter without the other', async () => {
    const assertion = () => signAssertion(key, assertionClaims('jwt'))
    expect(await send(await assertion(), { client_id: 'jwt-too' })).toEqual([400, 'invalid_request'])
    const saml = 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer'
    expect(await send(await assertion(), { client_assertion_type: saml })).toEqual(REFUSED)
    expect(await send(await assertion(), { client_assertion_type: '' })).toEqual(REFUSED)
    expect(await send('')).toEqual(REFUSED)
  })
})
