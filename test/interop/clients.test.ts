import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { ClientCredentials, ResourceOwnerPassword } from 'simple-oauth2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ClientKey, createClientKey } from '../support/assertions.ts'
import { API, CLIENTS, OTHER_API, SECRETS } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { seedFamily } from '../support/families.ts'
import { listen } from '../support/listen.ts'

/** simple-oauth2 takes no other characters. */
const ASCII = 'a+b:c%d e&f=g/h?i-long-enough-to-be-taken'

describe('clients that others wrote', () => {
  let deployment: Deployment
  let issuer: string
  let key: ClientKey
  let close: () => Promise<void>
  beforeAll(async () => {
    key = await createClientKey('RS256')
    const jwt = {
      client_id: 'jwt',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      grant_types: ['client_credentials'],
      scope: 'read',
    }
    const ascii = {
      client_id: 'ascii id:+%',
      client_secret: ASCII,
      grant_types: ['client_credentials'],
      scope: 'read',
    }
    deployment = await openDeployment([...CLIENTS, jwt, ascii])
    ;({ issuer, close } = await listen(deployment))
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  describe('oauth4webapi', () => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const discover = async () => {
      const response = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...insecure })
      return oauth.processDiscoveryResponse(new URL(issuer), response)
    }

    it.each([
      ['client_secret_basic', 'odd id:+%', () => oauth.ClientSecretBasic(SECRETS.odd)],
      ['client_secret_post', 'poster', () => oauth.ClientSecretPost(SECRETS.poster)],
      ['private_key_jwt', 'jwt', () => oauth.PrivateKeyJwt({ key: key.privateKey, kid: key.kid })],
      ['private_key_jwt without kid', 'jwt', () => oauth.PrivateKeyJwt(key.privateKey)],
    ])('gets a token with %s, and validates it (RFC 9068)', async (_, client_id, authentication) => {
      const server = await discover()
      const client = { client_id }
      const request = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication(),
        {},
        insecure,
      )
      const { access_token } = await oauth.processClientCredentialsResponse(server, client, request)
      const call = new Request(issuer, { headers: { authorization: `Bearer ${access_token}` } })
      const claims = await oauth.validateJwtAccessToken(server, call, issuer, insecure)
      expect([claims.sub, claims.client_id, claims.scope]).toEqual([client_id, client_id, 'read'])
    })

    it('refreshes as a public client, and sees what reuse comes to', async () => {
      const [server, client, family] = [await discover(), { client_id: 'app' }, await seedFamily(deployment)]
      const redeem = async (token: string) => {
        const response = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, insecure)
        return oauth.processRefreshTokenResponse(server, client, response)
      }
      const first = await redeem(family.refresh_token)
      const second = await redeem(first.refresh_token ?? '')
      await expect(redeem(first.refresh_token ?? '')).rejects.toMatchObject({
        error: 'invalid_grant',
        status: 400,
      })
      await expect(redeem(second.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant' })
    })

    it('introspects and revokes', async () => {
      const [server, client] = [await discover(), { client_id: 'service' }]
      const authentication = oauth.ClientSecretBasic(SECRETS.service)
      const parameters = new URLSearchParams({ resource: API, scope: 'read' })
      parameters.append('resource', OTHER_API)
      const request = await oauth.clientCredentialsGrantRequest(
        server,
        client,
        authentication,
        parameters,
        insecure,
      )
      const { access_token } = await oauth.processClientCredentialsResponse(server, client, request)
      const introspect = async () => {
        const response = await oauth.introspectionRequest(
          server,
          client,
          authentication,
          access_token,
          insecure,
        )
        return oauth.processIntrospectionResponse(server, client, response)
      }
      expect(await introspect()).toMatchObject({ active: true, aud: [API, OTHER_API], scope: 'read' })
      const revoked = await oauth.revocationRequest(server, client, authentication, access_token, insecure)
      await oauth.processRevocationResponse(revoked)
      expect(await introspect()).toEqual({ active: false })
    })
  })

  describe('openid-client', () => {
    const discover = (client_id: string, authentication: openid.ClientAuth) =>
      openid.discovery(new URL(issuer), client_id, undefined, authentication, {
        algorithm: 'oauth2',
        execute: [openid.allowInsecureRequests],
      })

    it('gets, introspects and revokes a token', async () => {
      const configuration = await discover('service', openid.ClientSecretBasic(SECRETS.service))
      const { access_token, expires_in } = await openid.clientCredentialsGrant(configuration, {
        scope: 'read',
      })
      expect(expires_in).toBe(900)
      expect(await openid.tokenIntrospection(configuration, access_token)).toMatchObject({ active: true })
      await openid.tokenRevocation(configuration, access_token)
      expect(await openid.tokenIntrospection(configuration, access_token)).toEqual({ active: false })
    })

    it('authenticates by private_key_jwt', async () => {
      const configuration = await discover('jwt', openid.PrivateKeyJwt(key.privateKey))
      const { token_type } = await openid.clientCredentialsGrant(configuration)
      expect(token_type).toBe('bearer')
    })

    it('refreshes as a public client', async () => {
      const family = await seedFamily(deployment)
      const configuration = await discover('app', openid.None())
      const { refresh_token } = await openid.refreshTokenGrant(configuration, family.refresh_token)
      expect(refresh_token).toBe(family.tokenAt(1))
    })

    it('reads a refusal as the RFC has it', async () => {
      const configuration = await discover('service', openid.ClientSecretBasic('wrong'))
      await expect(openid.clientCredentialsGrant(configuration)).rejects.toMatchObject({ status: 401 })
      const narrow = await discover('service', openid.ClientSecretBasic(SECRETS.service))
      await expect(openid.clientCredentialsGrant(narrow, { scope: 'x' })).rejects.toMatchObject({
        error: 'invalid_scope',
      })
    })
  })

  describe('simple-oauth2', () => {
    const optionsOf = (id: string, secret: string) => ({
      client: { id, secret },
      auth: { tokenHost: issuer, tokenPath: '/token', revokePath: '/revoke' },
    })

    it('gets a token, with characters that HTTP Basic has to encode', async () => {
      const client = new ClientCredentials(optionsOf('ascii id:+%', ASCII))
      const token = await client.getToken({ scope: ['read'] })
      expect(token.expired()).toBe(false)
      expect(token.token['scope']).toBe('read')
    })

    it('refreshes', async () => {
      const family = await seedFamily(deployment, { client_id: 'confidential' })
      const client = new ResourceOwnerPassword(optionsOf('confidential', SECRETS.confidential))
      const old = client.createToken({ refresh_token: family.refresh_token, expires_in: 0 })
      const fresh = await old.refresh()
      expect(fresh.token['refresh_token']).toBe(family.tokenAt(1))
      await expect(old.refresh()).rejects.toThrow(/400/)
    })

    it('revokes', async () => {
      const family = await seedFamily(deployment, { client_id: 'confidential' })
      const client = new ResourceOwnerPassword(optionsOf('confidential', SECRETS.confidential))
      const token = client.createToken({ refresh_token: family.refresh_token, expires_in: 0 })
      await token.revoke('refresh_token')
      await expect(token.refresh()).rejects.toThrow(/400/)
    })
  })
})
