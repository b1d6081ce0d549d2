import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { AGENT, CALLBACK, REGISTERING } from '../support/authorization/registrations.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'

const http = { [oauth.allowInsecureRequests]: true }

describe('RFC 7591 – registration, by clients that others wrote', () => {
  let deployment: Deployment
  let issuer: string
  let close: () => Promise<void>
  beforeAll(async () => {
    deployment = await openDeployment()
    const listening = await listen(deployment, { environment: { ...REGISTERING } })
    issuer = listening.issuer
    close = listening.close
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  // It sends a secret by the form alone, whatever method it is registered for.
  it.each(['none', 'client_secret_post'])(
    'openid-client registers itself with the method %s, signs a person in and refreshes',
    async method => {
      const config = await openid.dynamicClientRegistration(
        new URL(issuer),
        { ...AGENT, token_endpoint_auth_method: method },
        undefined,
        { execute: [openid.allowInsecureRequests] },
      )
      const { client_id } = config.clientMetadata()
      expect(client_id).toMatch(/^signet_client_/)
      const pkceCodeVerifier = openid.randomPKCECodeVerifier()
      const url = openid.buildAuthorizationUrl(config, {
        redirect_uri: CALLBACK,
        scope: 'openid offline_access read',
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
      })
      const person = createPageVisitor(issuer, { email: newEmail(), password: PASSWORD })
      const tokens = await openid.authorizationCodeGrant(config, await person.authorize(url), {
        pkceCodeVerifier,
      })
      expect(tokens.claims()?.aud).toBe(client_id)
      const refreshed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? '')
      expect(refreshed.access_token).not.toBe(tokens.access_token)
    },
  )

  it('oauth4webapi registers itself, and reads each refusal', async () => {
    const found = await oauth.discoveryRequest(new URL(issuer), http)
    const server = await oauth.processDiscoveryResponse(new URL(issuer), found)
    const registered = await oauth.dynamicClientRegistrationRequest(server, AGENT, http)
    const client = await oauth.processDynamicClientRegistrationResponse(registered)
    expect(client).toMatchObject({ redirect_uris: [CALLBACK], token_endpoint_auth_method: 'none' })
    const refused = await oauth.dynamicClientRegistrationRequest(
      server,
      { ...AGENT, redirect_uris: [CALLBACK, 'javascript:alert(1)'] },
      http,
    )
    await expect(oauth.processDynamicClientRegistrationResponse(refused)).rejects.toMatchObject({
      error: 'invalid_redirect_uri',
      error_description: expect.stringContaining('redirect_uris[1]'),
    })
  })
})
