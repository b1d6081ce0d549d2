import { calculateJwkThumbprint, type JWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GRANT_TYPES } from '../../../src/domain/oauth/client.ts'
import { SERVICE } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { JWKS, METADATA } from '../../support/issuer.ts'

const OPENID = '/.well-known/openid-configuration'

describe('discovery', () => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  describe('RFC 8414 §3 – metadata', () => {
    it('names the grants that a client can be registered for', async () => {
      const { body } = await signet.fetch(METADATA)
      expect(body['grant_types_supported']).toEqual(GRANT_TYPES)
    })

    it('names the endpoints, what they take, and no member without a value (§3.2)', async () => {
      const { status, body, headers } = await signet.fetch(METADATA)
      expect([status, headers.get('content-type')]).toEqual([200, 'application/json'])
      expect(body).toMatchObject({
        issuer: ISSUER,
        token_endpoint: `${ISSUER}/token`,
        jwks_uri: `${ISSUER}${JWKS}`,
        revocation_endpoint: `${ISSUER}/revoke`,
        introspection_endpoint: `${ISSUER}/introspect`,
      })
      const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
      expect(body['token_endpoint_auth_methods_supported']).toEqual([...methods, 'none'])
      expect(body['introspection_endpoint_auth_methods_supported']).toEqual(methods)
      expect(body['grant_types_supported']).toEqual(
        expect.arrayContaining(['client_credentials', 'refresh_token']),
      )
      expect(body['token_endpoint_auth_signing_alg_values_supported']).not.toContain('none')
      expect(Object.values(body)).not.toContain(null)
    })

    it('names only endpoints that exist (§2)', async () => {
      const { body } = await signet.fetch(METADATA)
      for (const [name, url] of Object.entries(body).filter(([name]) => /_endpoint$|_uri$/.test(name))) {
        const path = new URL(String(url)).pathname
        expect([name, (await signet.fetch(path)).status]).not.toEqual([name, 404])
      }
    })

    it('names only grants that the token endpoint knows (§2)', async () => {
      const { body } = await signet.fetch(METADATA)
      for (const grant_type of body['grant_types_supported'] as string[]) {
        expect((await signet.token({ grant_type }, SERVICE)).body.error).not.toBe('unsupported_grant_type')
      }
    })
  })

  describe('OpenID Connect Discovery §4 – the configuration', () => {
    it('is the same document, which any page may read (§4.1)', async () => {
      const { text, headers } = await signet.fetch(OPENID)
      expect(text).toBe((await signet.fetch(METADATA)).text)
      for (const each of [headers, (await signet.fetch(METADATA)).headers])
        expect(each.get('access-control-allow-origin')).toBe('*')
    })

    it('says what OpenID Connect clients and agents look for (§3)', async () => {
      expect((await signet.fetch(OPENID)).body).toMatchObject({
        issuer: ISSUER,
        authorization_endpoint: `${ISSUER}/authorize`,
        userinfo_endpoint: `${ISSUER}/userinfo`,
        end_session_endpoint: `${ISSUER}/logout`,
        backchannel_logout_supported: true,
        backchannel_logout_session_supported: true,
        response_types_supported: ['code'],
        response_modes_supported: ['query', 'form_post'],
        code_challenge_methods_supported: ['S256'],
        authorization_response_iss_parameter_supported: true,
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256'],
        scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
        claims_supported: expect.arrayContaining(['sub', 'auth_time', 'sid', 'name', 'email_verified']),
        prompt_values_supported: ['none', 'login', 'consent', 'select_account', 'create'],
        pushed_authorization_request_endpoint: `${ISSUER}/par`,
        require_pushed_authorization_requests: false,
        request_parameter_supported: true,
        require_signed_request_object: false,
        request_object_signing_alg_values_supported: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        request_uri_parameter_supported: false,
      })
    })
  })

  describe('RFC 7517 §5 – the JWKS', () => {
    it('holds public members only (§4), and names each key by its thumbprint (RFC 7638 §3)', async () => {
      const { body, headers } = await signet.fetch(JWKS)
      expect(headers.get('cache-control')).toBe('public, max-age=300')
      const keys = body['keys'] as JWK[]
      expect(keys.length).toBeGreaterThanOrEqual(1)
      for (const key of keys) {
        expect(Object.keys(key).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
        expect([key.kty, key.alg, key.use]).toEqual(['RSA', 'RS256', 'sig'])
        expect(Buffer.from(key.n ?? '', 'base64url').length).toBeGreaterThanOrEqual(256)
        expect(key.kid).toBe(await calculateJwkThumbprint(key))
      }
    })

    it('answers 304 to a strong, a weak and a listed entity tag (RFC 9110 §13.1.2, §15.4.5)', async () => {
      const etag = (await signet.fetch(JWKS)).headers.get('etag') ?? ''
      expect(etag).toMatch(/^"[^"]+"$/)
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const { status, text, headers } = await signet.fetch(JWKS, { headers: { 'if-none-match': known } })
        expect([status, text]).toEqual([304, ''])
        expect([headers.get('etag'), headers.get('cache-control')]).toEqual([etag, 'public, max-age=300'])
      }
      for (const other of ['"other"', etag.slice(1, -1), ''])
        expect((await signet.fetch(JWKS, { headers: { 'if-none-match': other } })).status).toBe(200)
    })

    it('is the same at every instance', async () => {
      const other = await deployment.start()
      expect((await other.fetch(JWKS)).text).toBe((await signet.fetch(JWKS)).text)
    })
  })
})
