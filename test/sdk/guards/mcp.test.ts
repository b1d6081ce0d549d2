import { createServer } from 'node:http'
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { authInfoOf, createExpressProtect, createMcpVerifier, scope } from '../../../src/sdk/node.ts'
import { createTestIssuer, type TestIssuer } from '../../../src/sdk/testing.ts'
import { closeServer, listenOnLoopback } from '../../support/issuer.ts'

const RESOURCE = 'https://tools.example/mcp'
const METADATA = 'https://tools.example/.well-known/oauth-protected-resource/mcp'

describe('the servers of @modelcontextprotocol/sdk', () => {
  let issuer: TestIssuer
  let origin: string
  let close: () => Promise<void>
  beforeAll(async () => {
    issuer = await createTestIssuer({ issuer: 'https://id.example', audience: RESOURCE })
    const protect = createExpressProtect({
      issuer: issuer.issuer,
      audience: [RESOURCE, 'https://other.example'],
      fetch: issuer.fetch,
      resource: { resource: RESOURCE, scopes_supported: ['tools:read'] },
    })
    const verifier = createMcpVerifier(protect.verifier, InvalidTokenError)
    const away = createExpressProtect({
      issuer: issuer.issuer,
      audience: RESOURCE,
      fetch: () => Promise.reject(new Error('away')),
    })
    const guard = (more: Partial<Parameters<typeof requireBearerAuth>[0]> = {}) =>
      requireBearerAuth({
        verifier,
        resourceMetadataUrl: METADATA,
        expectedResource: new URL(RESOURCE),
        ...more,
      })
    const app = express()
    app.use(protect.metadata())
    app.get('/sdk', guard(), (request, response) => void response.json(request.auth))
    app.get('/sdk/write', guard({ requiredScopes: ['tools:write'] }), (_, response) => void response.json({}))
    app.get(
      '/away',
      guard({ verifier: createMcpVerifier(away.verifier, InvalidTokenError) }),
      (_, response) => void response.json({}),
    )
    app.get('/own', protect(scope('tools:read')), (request, response) => {
      const auth: AuthInfo = authInfoOf(request)
      response.json(auth)
    })
    app.options('/{*rest}', (_, response) => void response.sendStatus(405))
    const server = createServer(app)
    origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
    close = () => closeServer(server)
  })
  afterAll(() => close())

  const call = async (path: string, token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`${origin}${path}`, { headers })
    const body: unknown = await answer.json()
    return { status: answer.status, body, challenge: answer.headers.get('WWW-Authenticate') }
  }
  const exp = Math.floor(Date.now() / 1000) + 600

  it.each(['/sdk', '/own'])('know the token of a request to %s, with its end in seconds', async path => {
    const token = await issuer.issue({ sub: 'ada', client_id: 'agent', scope: 'tools:read a', exp })
    expect(await call(path, token)).toMatchObject({
      status: 200,
      body: {
        token,
        clientId: 'agent',
        scopes: ['tools:read', 'a'],
        expiresAt: exp,
        resource: RESOURCE,
        extra: { claims: { sub: 'ada' } },
      },
    })
  })

  it('refuse by requireBearerAuth what the verifier refuses, with 401 and not as a fault of their own', async () => {
    expect(await call('/sdk')).toMatchObject({ status: 401 })
    for (const claims of [{ exp: 1 }, { iss: 'https://else.example' }, { aud: 'https://third.example' }])
      expect(await call('/sdk', await issuer.issue(claims))).toMatchObject({
        status: 401,
        body: { error: 'invalid_token' },
        challenge: expect.stringContaining(`resource_metadata="${METADATA}"`),
      })
    expect(await call('/sdk', 'no token')).toMatchObject({ status: 401 })
    // An audience of the service, but not the one of this server.
    expect(await call('/sdk', await issuer.issue({ aud: 'https://other.example' }))).toMatchObject({
      status: 401,
    })
    expect(await call('/sdk/write', await issuer.issue({ scope: 'tools:read' }))).toMatchObject({
      status: 403,
      challenge: expect.stringContaining('scope="tools:write"'),
    })
    expect(await call('/sdk', await issuer.issue())).toMatchObject({ status: 200, body: { scopes: [] } })
  })

  it('do not take an issuer that is away for a bad token', async () => {
    expect((await call('/away', await issuer.issue())).status).toBe(500)
  })

  it('let an inspector’s page ask for the metadata first with MCP-Protocol-Version', async () => {
    const headers = {
      origin: 'http://localhost:6274',
      'access-control-request-headers': 'mcp-protocol-version',
    }
    const path = '/.well-known/oauth-protected-resource'
    for (const each of [path, `${path}/mcp`]) {
      const answer = await fetch(`${origin}${each}`, { method: 'OPTIONS', headers })
      expect([answer.status, answer.headers.get('Access-Control-Allow-Headers')]).toEqual([204, '*'])
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*')
    }
    expect((await fetch(`${origin}/own`, { method: 'OPTIONS' })).status).toBe(405)
  })
})
