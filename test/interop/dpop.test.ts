import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { claimsOf } from '../support/accounts/account-api.ts'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'

const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const REDIRECT_URI = 'http://127.0.0.1:50123/callback'
const CLIENTS = [
  {
    client_id: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['http://127.0.0.1/callback'],
    scope: 'openid email offline_access read',
    audience: [API],
    dpop_bound_access_tokens: true,
  },
  {
    client_id: 'job',
    client_secret: SECRET,
    grant_types: ['client_credentials'],
    scope: 'read',
    audience: [API],
    dpop_bound_access_tokens: true,
  },
]

describe.each(['off', 'on'])('RFC 9449 by clients that others wrote, with DPOP_NONCE=%s', DPOP_NONCE => {
  let deployment: Deployment
  let issuer: string
  let close: () => Promise<void>
  beforeAll(async () => {
    deployment = await openDeployment(CLIENTS)
    ;({ issuer, close } = await listen(deployment, { environment: { DPOP_NONCE } }))
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  it.each(['ES256', 'Ed25519', 'PS256'])(
    'openid-client signs a person in with a key of %s, pushed and not, and refreshes',
    async alg => {
      const configuration = await openid.discovery(new URL(issuer), 'native', undefined, openid.None(), {
        execute: [openid.allowInsecureRequests],
      })
      const DPoP = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair(alg))
      const jkt = await DPoP.calculateThumbprint()
      const person = createPageVisitor(issuer, { email: newEmail(), password: PASSWORD, decision: 'allow' })
      for (const isPushed of [false, true]) {
        const [pkceCodeVerifier, expectedState] = [openid.randomPKCECodeVerifier(), openid.randomState()]
        const parameters = {
          redirect_uri: REDIRECT_URI,
          scope: 'openid email offline_access read',
          code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
          code_challenge_method: 'S256',
          state: expectedState,
        }
        const url = isPushed
          ? await openid.buildAuthorizationUrlWithPAR(configuration, parameters, { DPoP })
          : openid.buildAuthorizationUrl(configuration, { ...parameters, dpop_jkt: jkt })
        const answer = await person.authorize(url)
        const checks = { pkceCodeVerifier, expectedState }
        const thief = openid.getDPoPHandle(configuration, await openid.randomDPoPKeyPair())
        const redeem = (handle: openid.DPoPHandle) =>
          openid.authorizationCodeGrant(configuration, answer, checks, undefined, { DPoP: handle })
        await expect(redeem(thief)).rejects.toMatchObject({ error: 'invalid_grant' })
        const tokens = await redeem(DPoP)
        expect([tokens.token_type, claimsOf(tokens.access_token)['cnf']]).toEqual(['dpop', { jkt }])
        const { sub = '' } = tokens.claims() ?? {}
        const userinfo = await openid.fetchUserInfo(configuration, tokens.access_token, sub, { DPoP })
        expect(userinfo.sub).toBe(sub)
        const { refresh_token = '' } = tokens
        const refresh = (handle: openid.DPoPHandle) =>
          openid.refreshTokenGrant(configuration, refresh_token, undefined, { DPoP: handle })
        await expect(refresh(thief)).rejects.toMatchObject({ error: 'invalid_grant' })
        expect((await refresh(DPoP)).token_type).toBe('dpop')
      }
    },
  )

  it('oauth4webapi gets a bound token for a service', async () => {
    const allow = { [oauth.allowInsecureRequests]: true }
    const discovered = await oauth.discoveryRequest(new URL(issuer), { ...allow, algorithm: 'oauth2' })
    const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered)
    expect(server.dpop_signing_alg_values_supported).toContain('ES256')
    const client: oauth.Client = { client_id: 'job' }
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
    const ask = async () => {
      const form = new URLSearchParams({ scope: 'read' })
      const authentication = oauth.ClientSecretBasic(SECRET)
      const response = await oauth.clientCredentialsGrantRequest(server, client, authentication, form, {
        ...allow,
        DPoP,
      })
      return oauth.processClientCredentialsResponse(server, client, response)
    }
    const tokens = await ask().catch((error: unknown) => {
      if (!oauth.isDPoPNonceError(error)) throw error
      return ask()
    })
    expect(tokens.token_type).toBe('dpop')
    expect(claimsOf(tokens.access_token)['cnf']).toEqual({ jkt: await DPoP.calculateThumbprint() })
  })
})
