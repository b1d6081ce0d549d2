import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { AuthorizationCode } from 'simple-oauth2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { type ClientKey, createClientKey } from '../support/assertions.ts'
import { decideOn, meetPerson } from '../support/authorization/devices.ts'
import { createPageVisitor, type PageVisitor } from '../support/authorization/person.ts'
import { API } from '../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'

const SECRET = 'a-secret-of-more-than-thirty-two-characters'
const SCOPE = 'openid profile email offline_access read'
const code = {
  client_name: 'Field Notes',
  grant_types: ['authorization_code', 'refresh_token'],
  scope: SCOPE,
  audience: [API],
}
const WEB_URI = 'https://notes.example/callback'
const NATIVE_URI = 'http://127.0.0.1:50123/callback'

const CLIENTS = [
  {
    ...code,
    client_id: 'tv',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
  },
  {
    ...code,
    client_id: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback', 'com.example.notes:/callback'],
  },
  { ...code, client_id: 'web', client_secret: SECRET, redirect_uris: [WEB_URI] },
  {
    ...code,
    client_id: 'old-web',
    client_secret: SECRET,
    require_pkce: false,
    redirect_uris: [WEB_URI],
  },
]

describe('the authorization code flow, by clients that others wrote', () => {
  let deployment: Deployment
  let issuer: string
  let signet: Instance
  let close: () => Promise<void>
  let key: ClientKey
  beforeAll(async () => {
    key = await createClientKey('RS256')
    const jwt = {
      ...code,
      client_id: 'jwt',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      redirect_uris: [WEB_URI],
    }
    deployment = await openDeployment([...CLIENTS, jwt])
    ;({ issuer, signet, close } = await listen(deployment))
  })
  afterAll(async () => {
    await close()
    await deployment.close()
  })

  const meet = (decision: 'allow' | 'deny' = 'allow'): Readonly<{ person: PageVisitor; email: string }> => {
    const email = newEmail()
    return { email, person: createPageVisitor(issuer, { email, password: PASSWORD, decision }) }
  }

  describe('openid-client', () => {
    const discover = (client_id: string, authentication: openid.ClientAuth) =>
      openid.discovery(new URL(issuer), client_id, undefined, authentication, {
        execute: [openid.allowInsecureRequests],
      })

    /** The parameters of a request, and the checks of its answer. */
    const prepare = async (redirect_uri: string, more: Record<string, string> = {}) => {
      const pkceCodeVerifier = openid.randomPKCECodeVerifier()
      const [expectedState, expectedNonce] = [openid.randomState(), openid.randomNonce()]
      const parameters = {
        redirect_uri,
        scope: SCOPE,
        code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: expectedState,
        nonce: expectedNonce,
        ...more,
      }
      const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true }
      return { parameters, checks }
    }

    /** A request, and the checks of its answer. */
    const ask = async (
      configuration: openid.Configuration,
      redirect_uri: string,
      more: Record<string, string> = {},
    ) => {
      const { parameters, checks } = await prepare(redirect_uri, more)
      return { url: openid.buildAuthorizationUrl(configuration, parameters), checks }
    }

    it.each([
      ['a public client', 'native', NATIVE_URI, () => openid.None()],
      [
        'a public client of a private-use scheme',
        'native',
        'com.example.notes:/callback',
        () => openid.None(),
      ],
      ['client_secret_basic', 'web', WEB_URI, () => openid.ClientSecretBasic(SECRET)],
      ['private_key_jwt', 'jwt', WEB_URI, () => openid.PrivateKeyJwt(key.privateKey)],
    ])(
      'signs a person in as %s, reads the claims, refreshes and revokes',
      async (_, id, uri, authentication) => {
        const [{ person, email }, configuration] = [meet(), await discover(id, authentication())]
        const { url, checks } = await ask(configuration, uri)
        const answer = await person.authorize(url)
        expect(person.visited).toEqual(['/sign-up', '/consent'])
        const tokens = await openid.authorizationCodeGrant(configuration, answer, checks)
        const claims = tokens.claims()
        expect(claims).toMatchObject({ email, acr: 'urn:signet:acr:pwd', aud: id })
        const userinfo = await openid.fetchUserInfo(configuration, tokens.access_token, claims?.sub ?? '')
        expect(userinfo).toMatchObject({ email, email_verified: false })
        const fresh = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '')
        expect(fresh.claims()).toMatchObject({ sub: claims?.sub, sid: claims?.['sid'] })
        await openid.tokenRevocation(configuration, fresh.refresh_token ?? '')
        await expect(
          openid.refreshTokenGrant(configuration, fresh.refresh_token ?? ''),
        ).rejects.toMatchObject({
          error: 'invalid_grant',
        })
      },
    )

    it.each([
      ['at /authorize', openid.buildAuthorizationUrlWithJAR, 'request'],
      [
        'pushed',
        async (
          ...[configuration, parameters, privateKey]: Parameters<typeof openid.buildAuthorizationUrlWithJAR>
        ) =>
          openid.buildAuthorizationUrlWithPAR(
            configuration,
            (await openid.buildAuthorizationUrlWithJAR(configuration, parameters, privateKey)).searchParams,
          ),
        'request_uri',
      ],
    ])('signs a person in by a signed request %s', async (_, build, sent) => {
      const configuration = await discover('jwt', openid.PrivateKeyJwt(key.privateKey))
      const { checks, parameters } = await prepare(WEB_URI)
      const url = await build(configuration, parameters, { key: key.privateKey, kid: key.kid })
      expect([...url.searchParams.keys()].toSorted()).toEqual(['client_id', sent])
      const { person, email } = meet()
      const tokens = await openid.authorizationCodeGrant(configuration, await person.authorize(url), checks)
      expect(tokens.claims()).toMatchObject({ email, aud: 'jwt' })
    })

    it('finds a person still signed in, and asks one to sign in again', async () => {
      const [{ person, email }, configuration] = [
        meet(),
        await discover('web', openid.ClientSecretBasic(SECRET)),
      ]
      const first = await ask(configuration, WEB_URI)
      await person.authorize(first.url)
      const silent = await ask(configuration, WEB_URI, { prompt: 'none' })
      const answer = await person.authorize(silent.url)
      const tokens = await openid.authorizationCodeGrant(configuration, answer, silent.checks)
      expect(tokens.claims()).toMatchObject({ email })
      expect(person.visited).toEqual(['/sign-up', '/consent'])
      await deployment.database.sql`update browser_sessions set auth_time = auth_time - interval '1 minute'`
      const again = await ask(configuration, WEB_URI, { prompt: 'login', max_age: '0' })
      const late = await openid.authorizationCodeGrant(configuration, await person.authorize(again.url), {
        ...again.checks,
        maxAge: 0,
      })
      expect(late.claims()?.sub).toBe(tokens.claims()?.sub)
      expect(person.visited).toEqual(['/sign-up', '/consent', '/sign-in'])
    })

    it('signs a person in on a device (RFC 8628)', async () => {
      const configuration = await discover('tv', openid.None())
      const device = await openid.initiateDeviceAuthorization(configuration, { scope: SCOPE })
      const person = await meetPerson(signet)
      await decideOn(person, device.user_code, 'allow')
      const tokens = await openid.pollDeviceAuthorizationGrant(configuration, { ...device, interval: 0 })
      expect(tokens.claims()).toMatchObject({ email: person.email, aud: 'tv' })
      const fresh = await openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '')
      expect(fresh.claims()?.sub).toBe(tokens.claims()?.sub)
      const other = await openid.initiateDeviceAuthorization(configuration, { scope: SCOPE })
      await decideOn(person, other.user_code, 'deny')
      await expect(
        openid.pollDeviceAuthorizationGrant(configuration, { ...other, interval: 0 }),
      ).rejects.toMatchObject({ error: 'access_denied' })
    })

    it('hears of a refusal, of a stranger without a page, and of a code that was spent', async () => {
      const configuration = await discover('native', openid.None())
      const denied = await ask(configuration, NATIVE_URI)
      const { person } = meet('deny')
      await expect(
        openid.authorizationCodeGrant(configuration, await person.authorize(denied.url), denied.checks),
      ).rejects.toMatchObject({ error: 'access_denied' })
      const silent = await ask(configuration, NATIVE_URI, { prompt: 'none' })
      const stranger = meet().person
      await expect(
        openid.authorizationCodeGrant(configuration, await stranger.authorize(silent.url), silent.checks),
      ).rejects.toMatchObject({ error: 'login_required' })
      const { url, checks } = await ask(configuration, NATIVE_URI)
      const answer = await meet().person.authorize(url)
      const tokens = await openid.authorizationCodeGrant(configuration, answer, checks)
      await expect(openid.authorizationCodeGrant(configuration, answer, checks)).rejects.toMatchObject({
        error: 'invalid_grant',
      })
      await expect(openid.refreshTokenGrant(configuration, tokens.refresh_token ?? '')).rejects.toMatchObject(
        { error: 'invalid_grant' },
      )
    })
  })

  describe('oauth4webapi', () => {
    const insecure = { [oauth.allowInsecureRequests]: true }
    const discover = async () => {
      const response = await oauth.discoveryRequest(new URL(issuer), insecure)
      return oauth.processDiscoveryResponse(new URL(issuer), response)
    }

    it('holds every step of the flow against the RFCs', async () => {
      const [{ person, email }, server, client] = [meet(), await discover(), { client_id: 'web' }]
      const verifier = oauth.generateRandomCodeVerifier()
      const [state, expectedNonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
      const url = new URL(server.authorization_endpoint ?? '')
      url.search = new URLSearchParams({
        client_id: client.client_id,
        redirect_uri: WEB_URI,
        response_type: 'code',
        scope: SCOPE,
        state,
        nonce: expectedNonce,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      }).toString()
      // RFC 9207: the answer is refused without `iss`.
      const answer = oauth.validateAuthResponse(server, client, await person.authorize(url), state)
      const authentication = oauth.ClientSecretBasic(SECRET)
      const response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        authentication,
        answer,
        WEB_URI,
        verifier,
        insecure,
      )
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
        expectedNonce,
        requireIdToken: true,
      })
      await oauth.validateApplicationLevelSignature(server, response, insecure)
      const { sub = '' } = oauth.getValidatedIdTokenClaims(tokens) ?? {}
      const userinfo = await oauth.userInfoRequest(server, client, tokens.access_token, insecure)
      expect(await oauth.processUserInfoResponse(server, client, sub, userinfo)).toMatchObject({ sub, email })
      const call = new Request(API, { headers: { authorization: `Bearer ${tokens.access_token}` } })
      expect(await oauth.validateJwtAccessToken(server, call, API, insecure)).toMatchObject({
        sub,
        client_id: 'web',
      })
    })
  })

  describe('simple-oauth2', () => {
    const client = () =>
      new AuthorizationCode({
        client: { id: 'old-web', secret: SECRET },
        auth: { tokenHost: issuer, tokenPath: '/token', revokePath: '/revoke', authorizePath: '/authorize' },
      })

    it('signs a person in without PKCE, where a confidential client is registered for that', async () => {
      const url = client().authorizeURL({ redirect_uri: WEB_URI, scope: SCOPE.split(' '), state: 'a state' })
      const answer = (await meet().person.authorize(url)).searchParams
      expect(answer.get('state')).toBe('a state')
      const token = await client().getToken({ code: answer.get('code') ?? '', redirect_uri: WEB_URI })
      expect(token.token['scope']).toBe(SCOPE)
      const fresh = await token.refresh()
      expect(fresh.token['refresh_token']).not.toBe(token.token['refresh_token'])
      await fresh.revoke('refresh_token')
      await expect(fresh.refresh()).rejects.toThrow(/400/)
    })
  })
})
