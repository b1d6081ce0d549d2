import type { RequestListener } from 'node:http'
import { auth, type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor, serveAt } from '../support/authorization/person.ts'
import { createPepperText } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { type DocumentHost, openDocumentHost } from '../support/services/document-host.ts'
import { freePort } from '../support/services/services.ts'

type Kept = {
  information?: OAuthClientInformationMixed
  tokens?: OAuthTokens
  verifier: string
  asked: URL | null
}

/** What an agent keeps, and where it sends the person: to a port that was free when it started. */
const createAgent = (redirectUrl: string, client: Readonly<{ client_id?: string; document?: string }>) => {
  const kept: Kept = {
    verifier: '',
    asked: null,
    ...(client.client_id === undefined ? {} : { information: { client_id: client.client_id } }),
  }
  const provider: OAuthClientProvider = {
    redirectUrl,
    clientMetadata: {
      client_name: 'Agent',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      scope: 'offline_access read',
    },
    state: () => 'a state',
    ...(client.document === undefined ? {} : { clientMetadataUrl: client.document }),
    clientInformation: () => kept.information,
    saveClientInformation: information => {
      kept.information = information
    },
    tokens: () => kept.tokens,
    saveTokens: tokens => {
      kept.tokens = tokens
    },
    redirectToAuthorization: url => {
      kept.asked = url
    },
    saveCodeVerifier: verifier => {
      kept.verifier = verifier
    },
    codeVerifier: () => kept.verifier,
  }
  return { provider, kept }
}

/** RFC 9728 – An MCP server that says where its tokens come from, and takes those that are addressed to it. */
const mcpServer = (issuer: string, resource: string): RequestListener => {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
  const metadata = new URL('/.well-known/oauth-protected-resource/mcp', resource)
  return express()
    .get(metadata.pathname, (_request, response) => {
      response.json({ resource, authorization_servers: [issuer] })
    })
    .all('/mcp', async (request, response) => {
      try {
        const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
        await jwtVerify(token, keys, { algorithms: ['RS256'], typ: 'at+jwt', issuer, audience: resource })
      } catch {
        response.status(401).set('WWW-Authenticate', `Bearer resource_metadata="${metadata.href}"`).end()
        return
      }
      const server = new McpServer({ name: 'notes', version: '1.0.0' })
      server.registerTool('read', { description: 'Reads the notes' }, () => ({
        content: [{ type: 'text', text: 'a note' }],
      }))
      const transport = new StreamableHTTPServerTransport()
      await server.connect(transport)
      await transport.handleRequest(request, response)
    })
}

describe('the client of @modelcontextprotocol/sdk', () => {
  let deployment: Deployment
  let issuer: string
  let resource: string
  let host: DocumentHost
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const port = await freePort()
    resource = `http://127.0.0.1:${port}/mcp`
    const agent = {
      client_id: 'agent',
      client_name: 'Agent',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://localhost/callback'],
      scope: 'openid offline_access read',
      audience: [resource],
    }
    deployment = await openDeployment([agent])
    host = await openDocumentHost()
    closers.push(host.close)
    const listening = await listen(deployment, {
      authorities: host.certificate,
      environment: {
        ...host.environment,
        REGISTRATION: 'open',
        CLIENT_ID_KEYS: createPepperText(),
        REGISTRATION_AUDIENCES: resource,
        REGISTRATION_SCOPES: 'openid offline_access read',
      },
    })
    issuer = listening.issuer
    closers.push(listening.close, await serveAt(port, mcpServer(issuer, resource)))
  })
  afterAll(async () => {
    for (const close of closers) await close()
    await deployment.close()
  })

  it.each(['registered', 'described by a document', 'one that registers itself'] as const)(
    'that is %s is sent to Signet by an MCP server, comes back with a code, calls a tool and refreshes',
    async kind => {
      const client_id = host.publish('/agent.json', {
        client_name: 'Agent',
        redirect_uris: ['http://localhost/callback'],
      })
      const { provider, kept } = createAgent(
        `http://localhost:${await freePort()}/callback`,
        {
          registered: { client_id: 'agent' },
          'described by a document': { document: client_id },
          'one that registers itself': {},
        }[kind],
      )
      const open = () => new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider })
      const first = open()
      await expect(new Client({ name: 'agent', version: '1.0.0' }).connect(first)).rejects.toThrow(
        UnauthorizedError,
      )
      const person = createPageVisitor(issuer, { email: newEmail(), password: PASSWORD })
      const { searchParams } = await person.authorize(kept.asked ?? '')
      expect([searchParams.get('state'), searchParams.get('iss')]).toEqual(['a state', issuer])
      await first.finishAuth(searchParams.get('code') ?? '')
      const client = new Client({ name: 'agent', version: '1.0.0' })
      await client.connect(open())
      expect(await client.callTool({ name: 'read' })).toMatchObject({ content: [{ text: 'a note' }] })
      await client.close()
      const ids = {
        registered: 'agent',
        'described by a document': client_id,
        'one that registers itself': expect.stringMatching(/^signet_client_/),
      }
      expect(kept.information?.client_id).toEqual(ids[kind])
      const old = kept.tokens?.refresh_token
      expect(await auth(provider, { serverUrl: resource })).toBe('AUTHORIZED')
      expect(kept.tokens?.refresh_token).not.toBe(old)
    },
  )
})
