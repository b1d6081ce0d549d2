import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
  request as send,
} from 'node:http'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProtect as onWebCrypto } from '../../../src/sdk/hono.ts'
import { createProtect as onNodeCrypto } from '../../../src/sdk/hono-node.ts'
import {
  authOf,
  createExpressProtect,
  createFastifyProtect,
  createHttpProtect,
} from '../../../src/sdk/node.ts'
import { createTestIssuer, type TestIssuer } from '../../../src/sdk/testing.ts'
import type { VerifierOptions } from '../../../src/sdk/verify/options.ts'
import { role, scope } from '../../../src/sdk/verify/requirements.ts'
import { createVerifier } from '../../../src/sdk/verify-node.ts'
import { AUDIENCE, closeServer, listenOnLoopback } from '../../support/issuer.ts'

/** One service in each framework: /orders for everyone with a token, /admin for a scope and a role, /open for all. */
type Service = Readonly<{
  call: (path: string, authorization?: string | string[]) => Promise<Answer>
  close: () => Promise<void>
}>
type Answer = Readonly<{ status: number; headers: Headers; body: unknown }>

const overHttp = async (listener: RequestListener): Promise<Service> => {
  const server = createServer(listener)
  const port = await listenOnLoopback(server)
  return { call: (path, authorization) => ask(port, path, authorization), close: () => closeServer(server) }
}

/** node:http and not fetch, which joins two Authorization headers before they leave. */
const ask = (port: number, path: string, authorization?: string | string[]) =>
  new Promise<Answer>((resolve, reject) => {
    const lines = [authorization ?? []].flat().flatMap(value => ['Authorization', value])
    const outgoing = send({ port, path, host: '127.0.0.1', headers: ['Host', 'localhost', ...lines] })
    outgoing.on('error', reject)
    outgoing.on('response', (incoming: IncomingMessage) => {
      let text = ''
      incoming.setEncoding('utf8')
      incoming.on('data', (part: string) => (text += part))
      incoming.on('end', () => {
        const headers = new Headers(
          Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
        )
        resolve({ status: incoming.statusCode ?? 0, headers, body: parse(text) })
      })
    })
    outgoing.end()
  })

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const honoService =
  (create: typeof onNodeCrypto) =>
  async (options: VerifierOptions): Promise<Service> => {
    const protect = create(options)
    const app = new Hono()
      .use(protect.metadata())
      .get('/open', c => c.json({}))
      .get('/orders', protect(), c =>
        c.json({ sub: c.var.auth.claims.sub, revocation: c.var.auth.revocation }),
      )
      .get('/admin', protect(scope('orders:write'), role('admin')), c =>
        c.json({ sub: c.var.auth.claims.sub }),
      )
    const call = async (path: string, authorization?: string | string[]) => {
      const headers = new Headers()
      for (const value of [authorization ?? []].flat()) headers.append('Authorization', value)
      const response = await app.request(path, { headers })
      return { status: response.status, headers: response.headers, body: parse(await response.text()) }
    }
    return { call, close: async () => {} }
  }

const expressService = (options: VerifierOptions) => {
  const protect = createExpressProtect(options)
  const app = express()
  app.use(protect.metadata())
  app.get('/open', (_, response) => void response.json({}))
  app.get('/orders', protect(), (request, response) => {
    const { claims, revocation } = authOf(request)
    response.json({ sub: claims.sub, revocation })
  })
  app.get('/admin', protect(scope('orders:write'), role('admin')), (request, response) => {
    response.json({ sub: authOf(request).claims.sub })
  })
  return overHttp(app)
}

const fastifyService = async (options: VerifierOptions): Promise<Service> => {
  const protect = createFastifyProtect(options)
  const app = fastify()
  app.addHook('onRequest', protect.metadata())
  app.get('/open', async () => ({}))
  app.get('/orders', { preHandler: protect() }, async request => {
    const { claims, revocation } = authOf(request)
    return { sub: claims.sub, revocation }
  })
  app.get('/admin', { onRequest: protect(scope('orders:write'), role('admin')) }, async request => ({
    sub: authOf(request).claims.sub,
  }))
  const port = Number(new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port)
  return {
    call: (path, authorization) => ask(port, path, authorization),
    close: () => app.close(),
  }
}

const httpService = (options: VerifierOptions) => {
  const protect = createHttpProtect(options)
  const metadata = protect.metadata()
  const guards = { '/orders': protect(), '/admin': protect(scope('orders:write'), role('admin')) }
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.split('?')[0]
    const guard = Object.entries(guards).find(([guarded]) => guarded === path)?.[1]
    if (guard !== undefined && !(await guard(request, response))) return
    const auth = guard === undefined ? null : authOf(request)
    response.end(JSON.stringify({ sub: auth?.claims.sub, revocation: auth?.revocation }))
  }
  return overHttp((request, response) => {
    if (!metadata(request, response)) handle(request, response).catch(error => response.destroy(error))
  })
}

describe.each([
  ['Hono on node:crypto', honoService(onNodeCrypto)],
  ['Hono on Web Crypto', honoService(onWebCrypto)],
  ['Express', expressService],
  ['Fastify', fastifyService],
  ['plain http', httpService],
])('a guard for %s', (_, start) => {
  let issuer: TestIssuer
  let service: Service
  const revoked = new Set<string>()
  beforeAll(async () => {
    issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    service = await start({
      issuer: issuer.issuer,
      audience: AUDIENCE,
      fetch: issuer.fetch,
      revocations: { check: ({ sid }) => (sid !== undefined && revoked.has(sid) ? 'revoked' : 'live') },
      resource: { resource: AUDIENCE, scopes_supported: ['orders:read', 'orders:write'] },
    })
  })
  afterAll(() => service.close())
  const metadata = `resource_metadata="${AUDIENCE}/.well-known/oauth-protected-resource"`

  it('lets a genuine token pass, and gives the service its claims', async () => {
    const answer = await service.call('/orders', `Bearer ${await issuer.issue({ sub: 'ada' })}`)
    expect(answer).toMatchObject({ status: 200, body: { sub: 'ada', revocation: 'checked' } })
  })

  it('answers 401 with a bare challenge when there is no token (RFC 6750 §3.1)', async () => {
    const answer = await service.call('/orders')
    expect(answer.status).toBe(401)
    expect(answer.headers.get('WWW-Authenticate')).toBe(`Bearer ${metadata}`)
    expect(answer.headers.get('Cache-Control')).toBe('no-store')
    expect(answer.headers.get('Content-Type')).toMatch(/^application\/json/)
    expect(answer.body).toEqual({ error_description: 'An access token is required.' })
    expect((await service.call('/orders?access_token=x')).status).not.toBe(200)
  })

  it('tells a request without a good token which scope the route needs (RFC 6750 §3)', async () => {
    const challengeOf = async (token?: string) =>
      (await service.call('/admin', token)).headers.get('WWW-Authenticate')
    expect(await challengeOf()).toBe(`Bearer scope="orders:write", ${metadata}`)
    expect(await challengeOf(`Bearer ${await issuer.issue({ exp: 1 })}`)).toContain('scope="orders:write"')
    const roleless = await issuer.issue({ scope: 'orders:write' })
    expect(await challengeOf(`Bearer ${roleless}`)).not.toContain(' scope=')
  })

  it('answers 401 invalid_token with a short description (RFC 6750 §3.1)', async () => {
    const answer = await service.call('/orders', `Bearer ${await issuer.issue({ exp: 1 })}`)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('WWW-Authenticate')).toBe(
      `Bearer error="invalid_token", error_description="The access token expired.", ${metadata}`,
    )
    expect(answer.body).toEqual({ error: 'invalid_token', error_description: 'The access token expired.' })
  })

  it('answers 403 insufficient_scope with the required scope (RFC 6750 §3.1)', async () => {
    const poor = await service.call('/admin', `Bearer ${await issuer.issue({ scope: 'orders:read' })}`)
    expect(poor.status).toBe(403)
    expect(poor.headers.get('WWW-Authenticate')).toContain('error="insufficient_scope"')
    expect(poor.headers.get('WWW-Authenticate')).toContain('scope="orders:write"')
    const roleless = await service.call('/admin', `Bearer ${await issuer.issue({ scope: 'orders:write' })}`)
    expect(roleless.status).toBe(403)
    const admin = await issuer.issue({ sub: 'ada', scope: 'orders:write', roles: ['admin'] })
    expect(await service.call('/admin', `Bearer ${admin}`)).toMatchObject({
      status: 200,
      body: { sub: 'ada' },
    })
  })

  it('answers 400 invalid_request to two tokens in one request (RFC 6750 §2, §3.1)', async () => {
    const token = `Bearer ${await issuer.issue()}`
    const answer = await service.call('/orders', [token, token])
    expect(answer.status).toBe(400)
    expect(answer.headers.get('WWW-Authenticate')).toContain('error="invalid_request"')
  })

  it('refuses a token from the moment of its revocation, and no other', async () => {
    const [ended, other] = [await issuer.issue({ sid: 'ended' }), await issuer.issue({ sid: 'other' })]
    expect((await service.call('/orders', `Bearer ${ended}`)).status).toBe(200)
    revoked.add('ended')
    expect((await service.call('/orders', `Bearer ${ended}`)).status).toBe(401)
    expect((await service.call('/orders', `Bearer ${other}`)).status).toBe(200)
  })

  it('serves the metadata of the resource without a token (RFC 9728 §3)', async () => {
    expect(await service.call('/.well-known/oauth-protected-resource')).toMatchObject({
      status: 200,
      body: {
        resource: AUDIENCE,
        authorization_servers: ['https://id.example'],
        scopes_supported: ['orders:read', 'orders:write'],
        bearer_methods_supported: ['header'],
      },
    })
    expect(await service.call('/open')).toMatchObject({ status: 200, body: {} })
    expect((await service.call('/.well-known/oauth-protected-resource/other')).body).not.toHaveProperty(
      'resource',
    )
  })
})

describe.each([
  ['Hono', honoService(onNodeCrypto)],
  ['Express', expressService],
  ['Fastify', fastifyService],
  ['plain http', httpService],
])('the metadata of a resource with a path, by %s', (_, start) => {
  it('is at its own path, with and without a slash at the end, and at the root, for pages of any origin', async () => {
    const resource = `${AUDIENCE}/mcp`
    const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: resource })
    const options = { issuer: issuer.issuer, audience: resource, fetch: issuer.fetch, resource: { resource } }
    const service = await start(options)
    for (const path of ['/mcp', '/mcp/', '']) {
      const answer = await service.call(`/.well-known/oauth-protected-resource${path}`)
      expect(answer).toMatchObject({ status: 200, body: { resource } })
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe('*')
    }
    expect((await service.call('/.well-known/oauth-protected-resource/m')).body).not.toHaveProperty(
      'resource',
    )
    expect((await service.call('/orders')).headers.get('WWW-Authenticate')).toBe(
      `Bearer resource_metadata="${AUDIENCE}/.well-known/oauth-protected-resource/mcp"`,
    )
    await service.close()
  })
})

describe('a guard for requests other than those of Node’s HTTP/1.1 server', () => {
  const start = async () => {
    const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    const options = { issuer: issuer.issuer, audience: AUDIENCE, fetch: issuer.fetch }
    return { options, token: `Bearer ${await issuer.issue({ sub: 'ada' })}` }
  }

  it('accepts a request that Fastify’s inject makes', async () => {
    const { options, token } = await start()
    const protect = createFastifyProtect(options)
    const app = fastify()
    app.get('/', { onRequest: protect() }, async request => authOf(request).claims.sub)
    const inject = async (headers: Readonly<Record<string, string | string[]>>) => {
      const { statusCode, body } = await app.inject({ method: 'GET', url: '/', headers })
      return [statusCode, body]
    }
    expect(await inject({ authorization: token })).toEqual([200, 'ada'])
    expect((await inject({}))[0]).toBe(401)
    expect((await inject({ authorization: [token, token] }))[0]).toBe(400)
    await app.close()
  })

  it('accepts a request of HTTP/2', async () => {
    const { options, token } = await start()
    const protect = createFastifyProtect(options)
    const app = fastify({ http2: true })
    app.get('/', { onRequest: protect() }, async request => authOf(request).claims.sub)
    const session = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
    const ask = async (headers: Readonly<Record<string, string>>) => {
      const stream = session.request({ ':path': '/', ...headers })
      const [answered] = await once(stream, 'response')
      return [answered[':status'], await text(stream)]
    }
    expect(await ask({ authorization: token })).toEqual([200, 'ada'])
    expect((await ask({}))[0]).toBe(401)
    session.close()
    await app.close()
  })

  it('accepts a token that earlier middleware put into the Authorization header', async () => {
    const { options, token } = await start()
    const protect = createExpressProtect(options)
    const app = express()
    app.use((request, _, next) => {
      request.headers.authorization = token
      next()
    })
    app.get('/', protect(), (request, response) => void response.json(authOf(request).claims.sub))
    const service = await overHttp(app)
    expect(await service.call('/')).toMatchObject({ status: 200, body: 'ada' })
    await service.close()
  })
})

describe('a guard that cannot fetch the keys', () => {
  it('answers 503 with Retry-After and no challenge', async () => {
    const service = await expressService({
      issuer: 'https://id.example',
      audience: AUDIENCE,
      fetch: () => Promise.reject(new Error('away')),
      resource: { resource: AUDIENCE },
    })
    const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    const answer = await service.call('/orders', `Bearer ${await issuer.issue()}`)
    await service.close()
    expect(answer.status).toBe(503)
    expect(answer.headers.get('Retry-After')).toBe('5')
    expect(answer.headers.get('WWW-Authenticate')).toBeNull()
  })
})

describe('mistakes in a service', () => {
  const verifier = createVerifier({ issuer: 'https://id.example', audience: AUDIENCE })

  it('authOf throws on a route without a guard', async () => {
    const service = await overHttp((request, response) => {
      expect(() => authOf(request)).toThrow('no guard protects this route')
      response.end('{}')
    })
    expect((await service.call('/')).status).toBe(200)
    await service.close()
  })

  it('metadata throws without the option resource', () => {
    expect(() => createExpressProtect(verifier).metadata()).toThrow(TypeError)
    expect(() => onNodeCrypto(verifier).metadata()).toThrow(TypeError)
  })

  it('a requirement that throws is an error of the service, and lets no request pass', async () => {
    const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    const protect = createExpressProtect({ issuer: issuer.issuer, audience: AUDIENCE, fetch: issuer.fetch })
    const app = express()
    app.set('env', 'test')
    const broken = () => {
      throw new Error('a fault in the service')
    }
    app.get('/', protect(broken), (_, response) => void response.json({}))
    const service = await overHttp(app)
    expect((await service.call('/', `Bearer ${await issuer.issue()}`)).status).toBe(500)
    await service.close()
  })
})

describe('signetd/testing', () => {
  it('replaces an unreachable issuer until it is uninstalled', async () => {
    const issuer = await createTestIssuer({ issuer: 'https://id.invalid/tenant', audience: [AUDIENCE, 'b'] })
    const restore = issuer.install()
    const verifier = createVerifier({ issuer: issuer.issuer, audience: AUDIENCE })
    const { claims } = await verifier.verify(await issuer.issue({ sub: 'ada', roles: ['admin'], tenant: 7 }))
    restore()
    expect(claims).toMatchObject({ sub: 'ada', aud: [AUDIENCE, 'b'], roles: ['admin'], tenant: 7 })
    const after = createVerifier({ issuer: issuer.issuer, audience: AUDIENCE })
    await expect(after.ready()).rejects.toMatchObject({ code: 'keys_unavailable' })
  })

  it('omits claims that are undefined', async () => {
    const issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    const verifier = createVerifier({ issuer: issuer.issuer, audience: AUDIENCE, fetch: issuer.fetch })
    await expect(verifier.verify(await issuer.issue({ jti: undefined }))).rejects.toMatchObject({
      code: 'claims_invalid',
    })
  })
})
