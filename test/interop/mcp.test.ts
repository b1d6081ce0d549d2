import { auth, type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { newEmail, PASSWORD } from '../support/ask.ts'
import { createPageVisitor } from '../support/authorization/person.ts'
import { createPepperText } from '../support/clients.ts'
import { type Deployment, openDeployment } from '../support/deployment.ts'
import { listen } from '../support/listen.ts'
import { type Program, startProgram } from '../support/process.ts'
import { type DocumentHost, openDocumentHost } from '../support/services/document-host.ts'
import { freePort } from '../support/services/services.ts'

type Kept = {
  information?: OAuthClientInformationMixed
  tokens?: OAuthTokens | undefined
  verifier: string
  asked: URL | null
}

const KINDS = ['registered', 'described by a document', 'one that registers itself'] as const
type Kind = (typeof KINDS)[number]

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
      scope: 'offline_access notes:read',
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
    invalidateCredentials: () => {
      kept.tokens = undefined
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

describe('the client of @modelcontextprotocol/sdk, with examples/mcp', () => {
  let deployment: Deployment
  let issuer: string
  let resource: string
  let host: DocumentHost
  let example: Program
  const closers: (() => Promise<void>)[] = []
  beforeAll(async () => {
    const port = await freePort()
    resource = `http://localhost:${port}/mcp`
    const agent = {
      client_id: 'agent',
      client_name: 'Agent',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['http://localhost/callback'],
      scope: 'openid offline_access notes:read notes:write',
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
        REGISTRATION_SCOPES: 'openid offline_access notes:read notes:write',
      },
    })
    issuer = listening.issuer
    closers.push(listening.close)
    example = startProgram({ ISSUER: issuer, PORT: String(port) }, [
      process.execPath,
      'examples/mcp/server.mjs',
    ])
    await vi.waitFor(() => expect(example.out()).toContain('Listening'), { timeout: 20_000 })
  })
  afterAll(async () => {
    example.process.kill()
    await example.ended
    for (const close of closers) await close()
    await deployment.close()
  })

  /** From the first 401 to a client that is connected, by the pages. */
  const signIn = async (kind: Kind = 'described by a document') => {
    const document = host.publish('/agent.json', {
      client_name: 'Agent',
      redirect_uris: ['http://localhost/callback'],
    })
    const redirectUrl = `http://localhost:${await freePort()}/callback`
    const known: Record<Kind, Parameters<typeof createAgent>[1]> = {
      registered: { client_id: 'agent' },
      'described by a document': { document },
      'one that registers itself': {},
    }
    const agent = createAgent(redirectUrl, known[kind])
    const person = createPageVisitor(issuer, { email: newEmail(), password: PASSWORD })
    const open = () => new StreamableHTTPClientTransport(new URL(resource), { authProvider: agent.provider })
    /** The person allows what the agent asks for. The answer is what the agent was sent. */
    const allow = async (transport: StreamableHTTPClientTransport) => {
      const { searchParams } = await person.authorize(agent.kept.asked ?? '')
      await transport.finishAuth(searchParams.get('code') ?? '')
      return searchParams
    }
    const first = open()
    await expect(new Client({ name: 'agent', version: '1.0.0' }).connect(first)).rejects.toThrow(
      UnauthorizedError,
    )
    const answer = await allow(first)
    const client = new Client({ name: 'agent', version: '1.0.0' })
    await client.connect(open())
    return { ...agent, person, client, answer, allow, client_id: document }
  }
  const read = (client: Client) => client.callTool({ name: 'read_notes' })
  const write = (client: Client) =>
    client.callTool({ name: 'write_note', arguments: { text: 'a lantern for the harbour' } })
  const saying = (text: string) => ({ content: [{ type: 'text', text }] })

  it.each(KINDS)(
    'that is %s is sent to Signet by the server, comes back with a code, calls a tool and refreshes',
    async kind => {
      const { provider, kept, client, answer, client_id } = await signIn(kind)
      expect([answer.get('state'), answer.get('iss')]).toEqual(['a state', issuer])
      // The scope that the server asked for in its first 401, and no more.
      expect(kept.asked?.searchParams.get('scope')).toBe('notes:read')
      expect(await read(client)).toMatchObject(saying(''))
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

  it('is told of a scope that it lacks, and asks for it together with those that it has', async () => {
    const { provider, kept, client, allow } = await signIn()
    // This version refreshes before it asks the person, which widens nothing.
    await expect(write(client)).rejects.toThrow('403')
    expect(kept.tokens?.scope).toBe('notes:read')
    kept.tokens = { access_token: kept.tokens?.access_token ?? '', token_type: 'Bearer' }
    await client.close()
    const again = new Client({ name: 'agent', version: '1.0.0' })
    const steppedUp = new StreamableHTTPClientTransport(new URL(resource), { authProvider: provider })
    await again.connect(steppedUp)
    await expect(write(again)).rejects.toThrow(UnauthorizedError)
    expect(kept.asked?.searchParams.get('scope')).toBe('notes:read notes:write')
    await allow(steppedUp)
    expect(await write(again)).toMatchObject(saying('Kept.'))
    expect(await read(again)).toMatchObject(saying('a lantern for the harbour'))
    await again.close()
  })

  it('is refused at its next call when the person withdraws it, and no other is', async () => {
    const [ended, other] = [await signIn(), await signIn()]
    expect(await read(ended.client)).toMatchObject(saying(''))
    const refresh_token = ended.kept.tokens?.refresh_token ?? ''
    await ended.person.withdraw(ended.client_id)
    // The feed tells the server of the MCP within two seconds; the client then tries to refresh, and has to ask the person again.
    await vi.waitFor(() => expect(read(ended.client)).rejects.toThrow(UnauthorizedError), { timeout: 10_000 })
    const form = { grant_type: 'refresh_token', refresh_token, client_id: ended.client_id }
    const refused = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(form) })
    expect([refused.status, await refused.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    expect(await read(other.client)).toMatchObject(saying(''))
    expect(await auth(other.provider, { serverUrl: resource })).toBe('AUTHORIZED')
    for (const { client } of [ended, other]) await client.close()
  })

  it('has no way around the scope of a tool: neither a batch nor another type of body', async () => {
    const { kept, client } = await signIn()
    const calls = ['read_notes', 'write_note'].map((name, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name, arguments: { text: 'smuggled' } },
    }))
    const send = async (body: unknown, type: string) => {
      const headers = {
        authorization: `Bearer ${kept.tokens?.access_token}`,
        accept: 'application/json, text/event-stream',
        'content-type': type,
      }
      return (await fetch(resource, { method: 'POST', headers, body: JSON.stringify(body) })).status
    }
    expect(await send(calls[0], 'application/json')).toBe(200)
    expect(await send(calls, 'application/json')).toBe(403)
    expect(await send(calls[1], 'text/plain; application/json')).toBe(403)
    expect(await read(client)).toMatchObject(saying(''))
    await client.close()
  })
})
