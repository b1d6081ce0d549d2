import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, basic, CLIENT_CREDENTIALS, CLIENTS, OTHER_API, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, deployments, type Form, type Instance, ISSUER } from '../support/deployment.ts'

/** Clients with a minimal registration. */
const MORE_CLIENTS = [
  ...CLIENTS,
  { client_id: 'scopeless', client_secret: SECRETS.service, grant_types: ['client_credentials'] },
  {
    client_id: 'audience-of-one',
    client_secret: SECRETS.service,
    grant_types: ['client_credentials'],
    audience: 'api',
  },
]

describe.each(deployments)('RFC 6749 §4.4 – client credentials on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open(MORE_CLIENTS)
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const issuedClaims = async (form: Form, headers = SERVICE) => {
    const { body } = await signet.token(form, headers)
    return decodeJwt(body.access_token)
  }
  const ask = async (more: Readonly<Record<string, string>>, headers = SERVICE) => {
    const { status, body } = await signet.token({ ...CLIENT_CREDENTIALS, ...more }, headers)
    return [status, body.error, body['scope']]
  }

  it('answers with a bearer token, its lifetime and its scope, and no refresh token (§4.4.3)', async () => {
    const { status, body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'read write',
    })
  })

  it('forbids caches to store the answer (§5.1)', async () => {
    for (const form of [CLIENT_CREDENTIALS, { grant_type: 'nonsense' }]) {
      const { headers } = await signet.token(form, SERVICE)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('pragma')).toBe('no-cache')
      expect(headers.get('content-type')).toBe('application/json')
    }
  })

  it('narrows the scope to the requested one (§3.3), and grants each value once', async () => {
    expect(await ask({ scope: 'read' })).toEqual([200, undefined, 'read'])
    expect(await ask({ scope: 'write read' })).toEqual([200, undefined, 'write read'])
    expect(await ask({ scope: 'read read' })).toEqual([200, undefined, 'read'])
    expect(await ask({ scope: '' })).toEqual([200, undefined, 'read write'])
  })

  it.each(['admin', 'read admin', 'Read', 'readwrite'])(
    '§5.2 – refuses the unknown scope %j',
    async scope => {
      expect(await ask({ scope })).toEqual([400, 'invalid_scope', undefined])
    },
  )

  it.each([' ', ' read', 'read ', 'read  write', 'read"', 'read\\', 'lire-é'])(
    '§3.3 – refuses the malformed scope %j',
    async scope => {
      expect(await ask({ scope })).toEqual([400, 'invalid_scope', undefined])
    },
  )

  it('issues a token without a scope to a client that is registered without one, and refuses any scope', async () => {
    const scopeless = basic('scopeless', SECRETS.service)
    const { body } = await signet.token(CLIENT_CREDENTIALS, scopeless)
    expect(body).not.toHaveProperty('scope')
    expect(decodeJwt(body.access_token)).not.toHaveProperty('scope')
    expect(await ask({ scope: 'read' }, scopeless)).toEqual([400, 'invalid_scope', undefined])
  })

  it('§5.2 – refuses a grant that is not registered for the client', async () => {
    const { status, body } = await signet.token({ grant_type: 'refresh_token', refresh_token: 'x' }, SERVICE)
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
  })

  it.each(['password', 'implicit', 'authorization_code2', 'Client_Credentials', '__proto__'])(
    '§5.2 – refuses the unknown grant %j',
    async grant_type => {
      const { status, body } = await signet.token({ grant_type }, SERVICE)
      expect([status, body.error]).toEqual([400, 'unsupported_grant_type'])
    },
  )

  it('§4.4 – refuses a client that may only introspect, and a public one', async () => {
    const introspector = basic('introspector', SECRETS.introspector)
    expect(await ask({}, introspector)).toEqual([400, 'unauthorized_client', undefined])
    const { status, body } = await signet.token({ ...CLIENT_CREDENTIALS, client_id: 'app' })
    expect([status, body.error]).toEqual([400, 'unauthorized_client'])
  })

  describe('RFC 9068 – the access token', () => {
    it('names its type and its key in the header (§2.1)', async () => {
      const { body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
      const jwks = (await signet.fetch('/.well-known/jwks.json')).body['keys']
      const kids = (Array.isArray(jwks) ? jwks : []).map(({ kid }: { kid: string }) => kid)
      const { alg, typ, kid, ...others } = decodeProtectedHeader(body.access_token)
      expect([alg, typ, others]).toEqual(['RS256', 'at+jwt', {}])
      expect(kids).toContain(kid)
    })

    it('has the claims of a client that acts for itself, and none of a person (§2.2)', async () => {
      const claims = await issuedClaims(CLIENT_CREDENTIALS)
      expect(claims).toEqual({
        iss: ISSUER,
        sub: 'service',
        client_id: 'service',
        aud: API,
        exp: (claims.iat ?? 0) + 900,
        iat: expect.any(Number),
        jti: expect.any(String),
        scope: 'read write',
      })
      expect(Math.abs((claims.iat ?? 0) - Date.now() / 1000)).toBeLessThan(5)
    })

    it('is verified through the JWKS, and has a unique jti (§4)', async () => {
      const { text } = await signet.fetch('/.well-known/jwks.json')
      const keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet)
      const seen = new Set<unknown>()
      for (let turn = 0; turn < 3; turn++) {
        const { body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
        const options = { algorithms: ['RS256'], typ: 'at+jwt', issuer: ISSUER, audience: API }
        const { payload } = await jwtVerify(body.access_token, keys, options)
        seen.add(payload.jti)
      }
      expect(seen.size).toBe(3)
    })

    it('is addressed to the issuer when no audience is configured (§3)', async () => {
      expect((await issuedClaims(CLIENT_CREDENTIALS, basic('scopeless', SECRETS.service))).aud).toBe(ISSUER)
      expect((await issuedClaims(CLIENT_CREDENTIALS, basic('audience-of-one', SECRETS.service))).aud).toBe(
        'api',
      )
    })

    it('lives as long as configured, and is addressed to DEFAULT_AUDIENCE when that is set', async () => {
      const environment = { ACCESS_TOKEN_TTL_SECONDS: '60', DEFAULT_AUDIENCE: 'https://default.example' }
      const other = await deployment.start({ environment })
      const { body } = await other.token(CLIENT_CREDENTIALS, basic('scopeless', SECRETS.service))
      const { iat = 0, exp = 0, aud } = decodeJwt(body.access_token)
      expect([body['expires_in'], exp - iat, aud]).toEqual([60, 60, 'https://default.example'])
    })
  })

  describe('RFC 8707 §2 – resource indicators', () => {
    const withResources = (...resources: readonly string[]): Form => [
      ...Object.entries(CLIENT_CREDENTIALS),
      ...resources.map(resource => ['resource', resource] as const),
    ]

    it('addresses the token to the requested resource (§2.2)', async () => {
      expect((await issuedClaims(withResources(OTHER_API))).aud).toBe(OTHER_API)
    })

    it('accepts several resources, each once, and ignores an empty one', async () => {
      expect((await issuedClaims(withResources(API, OTHER_API))).aud).toEqual([API, OTHER_API])
      expect((await issuedClaims(withResources(OTHER_API, OTHER_API))).aud).toBe(OTHER_API)
      expect((await issuedClaims(withResources(''))).aud).toBe(API)
    })

    it.each([
      ['of another service', ['https://foreign.example']],
      ['of another service beside an own one', [API, 'https://foreign.example']],
      ['with a path that is not registered', [`${API}/mcp`]],
      ['that is relative', ['/api']],
      ['with a fragment', [`${API}#part`]],
      ['with an empty fragment', [`${API}#`]],
      ['that is the issuer, unregistered', [ISSUER]],
    ])('refuses a resource %s', async (_, resources) => {
      const { status, body } = await signet.token(withResources(...resources), SERVICE)
      expect([status, body.error]).toEqual([400, 'invalid_target'])
    })
  })
})
