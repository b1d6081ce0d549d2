import {
  buildDiscoveryUrls,
  discoverAuthorizationServerMetadata,
} from '@modelcontextprotocol/sdk/client/auth.js'
import {
  OAuthErrorResponseSchema,
  OAuthMetadataSchema,
  OAuthTokensSchema,
  OpenIdProviderDiscoveryMetadataSchema,
} from '@modelcontextprotocol/sdk/shared/auth.js'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createVerifier } from '../../src/sdk/verify-node.ts'
import type { Answer } from '../support/answer.ts'
import { newEmail } from '../support/ask.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { type Listening, listen } from '../support/listen.ts'
import { answerOf, CODE_CHALLENGE, CODE_VERIFIER, createPerson, queryOf } from '../support/pages/person.ts'
import { type DocumentHost, openDocumentHost } from '../support/services/document-host.ts'

const RESOURCE = 'https://tools.example/mcp'
const INSPECTOR = 'http://localhost:6274'
const OAUTH_ENDPOINTS = ['/token', '/revoke', '/par', '/device_authorization', '/introspect'] as const
const METADATA = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'] as const

/** What agents and their inspectors have met at other servers. Each test is for one fault. */
describe('a client of MCP in practice', () => {
  let deployment: Deployment
  let host: DocumentHost
  let listening: Listening
  let signet: Instance
  beforeAll(async () => {
    deployment = await openDeployment()
    host = await openDocumentHost()
    listening = await listen(deployment, {
      authorities: host.certificate,
      environment: {
        ...host.environment,
        REGISTRATION_AUDIENCES: RESOURCE,
        REGISTRATION_SCOPES: 'openid offline_access tools:read',
        RATE_LIMIT_TOKEN_FAILURES: '3/60',
      },
    })
    signet = listening.signet
  })
  afterAll(async () => {
    await listening.close()
    await host.close()
    await deployment.close()
  })

  type Asked = Readonly<Record<string, string>>

  /** A code for an agent with a document of its own, and what the agent needs to redeem it. */
  const authorize = async (asked: Asked, document: Readonly<Record<string, unknown>> = {}) => {
    const redirect_uri = asked['redirect_uri'] ?? 'http://localhost:33418/callback'
    const redirect_uris = [redirect_uri, 'http://localhost/callback']
    const client_id = host.publish(`/${newEmail()}.json`, { redirect_uris, ...document })
    const request = { response_type: 'code', client_id, redirect_uri, state: 's', ...asked }
    const challenge = { code_challenge: CODE_CHALLENGE, code_challenge_method: 'S256' }
    const person = createPerson(signet)
    const page = await person.arrive(queryOf({ ...request, ...challenge }))
    const sent = answerOf(await person.allow(await person.signUp(page, newEmail())))
    const grant = { grant_type: 'authorization_code', client_id, redirect_uri, code_verifier: CODE_VERIFIER }
    return { ...grant, code: sent['code'] ?? '' }
  }
  const tokensFor = async (asked: Asked, document: Readonly<Record<string, unknown>> = {}) =>
    signet.token(await authorize(asked, document))
  const errorOf = ({ body }: Answer) => OAuthErrorResponseSchema.parse(body).error

  it('finds the server at every address that it tries, and its own issuer in the document, byte by byte', async () => {
    const documents = METADATA.map(path => new URL(path, signet.issuer).href)
    expect(buildDiscoveryUrls(signet.issuer).map(({ url }) => url.href)).toEqual(documents)
    const headers = { origin: INSPECTOR, 'mcp-protocol-version': '2026-07-28' }
    for (const path of METADATA) {
      const { status, body, headers: answered } = await signet.ask(path, { headers })
      expect([status, body['issuer']]).toEqual([200, signet.issuer])
      expect(answered.get('access-control-allow-origin')).toBe('*')
      OAuthMetadataSchema.parse(body)
      OpenIdProviderDiscoveryMetadataSchema.parse(body)
      // Without one of these an agent refuses the server, or falls back to registration.
      expect(body).toMatchObject({
        code_challenge_methods_supported: ['S256'],
        client_id_metadata_document_supported: true,
        authorization_response_iss_parameter_supported: true,
        token_endpoint_auth_methods_supported: expect.arrayContaining(['none']),
        grant_types_supported: expect.arrayContaining(['authorization_code', 'refresh_token']),
        scopes_supported: expect.arrayContaining(['offline_access']),
      })
      expect(JSON.stringify(body)).not.toContain('null')
    }
    expect(await discoverAuthorizationServerMetadata(signet.issuer)).toMatchObject({ issuer: signet.issuer })
  })

  it('that tries a path of its own is told 404 in JSON, and goes on to the right one', async () => {
    const tried = [
      '/.well-known/oauth-authorization-server/mcp',
      '/.well-known/openid-configuration/mcp',
      '/mcp/.well-known/openid-configuration',
      '/.well-known/oauth-protected-resource',
    ]
    for (const path of tried)
      for (const accept of ['application/json', '*/*']) {
        const answer = await signet.ask(path, { headers: { accept, origin: INSPECTOR } })
        expect([path, answer.status]).toEqual([path, 404])
        expect(answer.headers.get('content-type')).toMatch(/json/)
        expect(answer.headers.get('access-control-allow-origin')).toBe('*')
        expect(errorOf(answer)).toBe('invalid_request')
      }
    // A person who opens the same address in a browser reads a page.
    const page = await signet.ask(tried[0] ?? '', { headers: { accept: 'text/html' } })
    expect(page.headers.get('content-type')).toMatch(/html/)
  })

  it.each([...METADATA, ...OAUTH_ENDPOINTS.slice(0, 4), '/userinfo', '/.well-known/jwks.json'])(
    'in a browser may send MCP-Protocol-Version to %s, and read the answer (Fetch Standard)',
    async path => {
      const asked = 'mcp-protocol-version,content-type,authorization'
      const headers = {
        origin: INSPECTOR,
        'access-control-request-method': METADATA.some(each => each === path) ? 'GET' : 'POST',
        'access-control-request-headers': asked,
      }
      const preflight = await signet.ask(path, { method: 'OPTIONS', headers })
      expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, asked])
      expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
      expect(preflight.headers.get('access-control-allow-credentials')).toBeNull()
    },
  )

  it.each(['http://localhost:33418/callback', 'http://localhost:8/callback', 'http://localhost/callback'])(
    'comes back to any port of its own computer: %s (RFC 8252 §7.3)',
    async redirect_uri => {
      expect((await tokensFor({ redirect_uri, resource: RESOURCE })).status).toBe(200)
    },
  )

  it('comes back by a private-use scheme without a dot, also beside a URI that is not taken', async () => {
    const redirect_uri = 'cursor://anysphere.cursor-mcp/oauth/callback'
    const redirect_uris = [redirect_uri, 'javascript:alert(1)', 'http://localhost/callback']
    expect((await tokensFor({ redirect_uri, resource: RESOURCE }, { redirect_uris })).status).toBe(200)
  })

  it.each([RESOURCE, 'HTTPS://TOOLS.EXAMPLE/mcp', null])(
    'names the resource as %s on both requests, and gets a token for it that the resource server takes',
    async resource => {
      const asked = resource === null ? {} : { resource }
      const grant = await authorize(asked)
      const answer = await signet.token({ ...grant, ...asked })
      expect([answer.status, decodeJwt(answer.body['access_token']).aud]).toEqual([200, RESOURCE])
      const verifier = createVerifier({ issuer: signet.issuer, audience: RESOURCE })
      const { claims } = await verifier.verify(answer.body['access_token'])
      expect(claims.client_id).toBe(grant.client_id)
    },
  )

  it('may not name another path for the resource that it got a code for (RFC 8707 §2.2)', async () => {
    const answer = await signet.token({ ...(await authorize({})), resource: 'https://tools.example/other' })
    expect([answer.status, errorOf(answer)]).toEqual([400, 'invalid_target'])
  })

  it('that asks for everything in scopes_supported gets what it may have, is told so, and can refresh', async () => {
    const { scopes_supported = [] } = OAuthMetadataSchema.parse((await signet.ask(METADATA[0])).body)
    const scope = [...scopes_supported, 'tools:read', 'unknown:scope'].join(' ')
    const { status, body } = await tokensFor({ scope, resource: RESOURCE })
    expect([status, body['scope']]).toEqual([200, 'openid offline_access tools:read'])
    expect(OAuthTokensSchema.parse(body).refresh_token).toBeTypeOf('string')
  })

  it('that asks for no scope, or for none of OpenID Connect, gets a refresh token', async () => {
    for (const asked of [{}, { scope: 'tools:read' }, { scope: 'tools:read offline_access' }]) {
      const { body } = await tokensFor({ ...asked, resource: RESOURCE })
      expect(OAuthTokensSchema.parse(body).refresh_token).toBeTypeOf('string')
    }
  })

  it('has a document that is fetched when it is announced, though it has never been seen before', async () => {
    const { client_id } = await authorize({ resource: RESOURCE })
    expect(host.countOf(new URL(client_id).pathname)).toBe(1)
  })

  it('reads the JSON of RFC 6749 §5.2 also where no endpoint judged the request: 404, 405, 413 and 429', async () => {
    const inspector = { headers: { origin: INSPECTOR } }
    for (const path of OAUTH_ENDPOINTS) {
      const wrong = await signet.ask(path, inspector)
      expect([path, wrong.status, errorOf(wrong)]).toEqual([path, 405, 'invalid_request'])
      expect(wrong.headers.get('allow')).toBe('POST')
      const large = await signet.post(path, { token: 'x'.repeat(200_000) })
      expect([path, large.status, errorOf(large)]).toEqual([path, 413, 'invalid_request'])
    }
    const nowhere = await signet.post('/oauth/token', { grant_type: 'refresh_token' })
    expect([nowhere.status, errorOf(nowhere)]).toEqual([404, 'invalid_request'])
    const dead = {
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_id: 'a client that was cleaned up',
    }
    const answers: Answer[] = []
    for (let turn = 0; turn < 4; turn++) answers.push(await signet.token(dead, {}, '192.0.2.7'))
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429])
    expect(answers.map(errorOf)).toEqual([
      ...Array.from({ length: 3 }, () => 'invalid_client'),
      'temporarily_unavailable',
    ])
    expect(answers[3]?.headers.get('retry-after')).toMatch(/^\d+$/)
    // Another client from the same address, as all users of one assistant come from one, is served.
    const grant = await authorize({ resource: RESOURCE })
    expect((await signet.token(grant, {}, '192.0.2.7')).status).toBe(200)
  })
})
