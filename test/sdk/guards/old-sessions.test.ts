import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import express from 'express'
import fastify, { type FastifyRequest } from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Authenticated, OldSessions } from '../../../src/sdk/guards/old-sessions.ts'
import { createProtect } from '../../../src/sdk/hono-node.ts'
import {
  authOf,
  createExpressProtect,
  createFastifyProtect,
  createHttpProtect,
} from '../../../src/sdk/node.ts'
import { createTestIssuer, type TestIssuer } from '../../../src/sdk/testing.ts'
import type { CommonClaims } from '../../../src/sdk/verify/claims.ts'
import type { VerifierOptions } from '../../../src/sdk/verify/options.ts'
import { type Requirement, resource, role, scope } from '../../../src/sdk/verify/requirements.ts'
import { AUDIENCE, closeServer, listenOnLoopback } from '../../support/issuer.ts'

/** The sessions of the application, by cookie. */
const SESSIONS: Readonly<Record<string, CommonClaims>> = {
  ada: { sub: 'ada', scope: 'orders:read' },
  bob: { sub: 'bob', roles: ['admin'] },
}
const END = '2027-03-31T00:00:00Z'

type Sent = Readonly<Record<string, string>>
type Service = Readonly<{
  call: (path: string, headers: Sent) => Promise<Response>
  close: () => Promise<unknown>
}>

const used: Authenticated[] = []
let now = 0
/** How often the application was asked for a session. */
let asked = 0
const recognised = (cookie: string | undefined): CommonClaims | null => {
  asked += 1
  if (cookie === 'away') throw new Error('the store of the sessions is away')
  return SESSIONS[cookie ?? ''] ?? null
}
const sessions = <Request>(cookieOf: (request: Request) => string | undefined): OldSessions<Request> => ({
  recognise: async request => recognised(cookieOf(request)),
  until: END,
  onUse: auth => used.push(auth),
  now: () => now,
})

const overHttp = async (listener: RequestListener): Promise<Service> => {
  const server = createServer(listener)
  const origin = `http://127.0.0.1:${await listenOnLoopback(server)}`
  return { call: (path, headers) => fetch(origin + path, { headers }), close: () => closeServer(server) }
}
const answerOf = ({ by, claims }: Authenticated) => ({ by, sub: claims.sub })

const START: Readonly<Record<string, (options: VerifierOptions) => Promise<Service>>> = {
  Hono: async options => {
    const protect = createProtect(
      options,
      sessions(c => c.req.header('Cookie')),
    )
    const app = new Hono()
      .get('/', protect(), c => c.json(answerOf(c.var.auth)))
      .get('/orders', protect(scope('orders:read')), c => c.json(answerOf(c.var.auth)))
    app.onError((_, c) => c.text('', 500))
    return { call: async (path, headers) => app.request(path, { headers }), close: async () => {} }
  },
  Express: options => {
    const protect = createExpressProtect(
      options,
      sessions((request: express.Request) => request.get('cookie')),
    )
    const app = express().set('env', 'test')
    app.get('/', protect(), (request, response) => void response.json(answerOf(authOf(request))))
    app.get(
      '/orders',
      protect(scope('orders:read')),
      (request, response) => void response.json(answerOf(authOf(request))),
    )
    return overHttp(app)
  },
  Fastify: async options => {
    const protect = createFastifyProtect(
      options,
      sessions((request: FastifyRequest) => request.headers.cookie),
    )
    const app = fastify()
    app.get('/', { onRequest: protect() }, async request => answerOf(authOf(request)))
    app.get('/orders', { onRequest: protect(scope('orders:read')) }, async request =>
      answerOf(authOf(request)),
    )
    const origin = await app.listen({ port: 0, host: '127.0.0.1' })
    return { call: (path, headers) => fetch(origin + path, { headers }), close: () => app.close() }
  },
  'plain http': options => {
    const protect = createHttpProtect(
      options,
      sessions((request: IncomingMessage) => request.headers.cookie),
    )
    const [open, orders] = [protect(), protect(scope('orders:read'))]
    return overHttp((request, response) => {
      const guard = request.url === '/orders' ? orders : open
      guard(request, response).then(
        passes => passes && response.end(JSON.stringify(answerOf(authOf(request)))),
        () => response.writeHead(500).end(),
      )
    })
  },
}

describe.each(Object.entries(START))('a guard that takes old sessions, for %s', (_, start) => {
  let issuer: TestIssuer
  let service: Service
  let token: string
  beforeAll(async () => {
    now = Date.parse(END) - 1
    issuer = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    service = await start({
      issuer: issuer.issuer,
      audience: AUDIENCE,
      fetch: issuer.fetch,
      resource: { resource: AUDIENCE },
    })
    token = `Bearer ${await issuer.issue({ sub: 'cleo', scope: 'orders:read' })}`
  })
  afterAll(() => service.close())
  const call = async (headers: Sent, path = '/') => {
    const answer = await service.call(path, headers)
    return [answer.status, answer.status === 200 ? await answer.json() : null]
  }

  it('gives one shape for both, and says which it was', async () => {
    used.length = 0
    expect(await call({ cookie: 'ada' })).toEqual([200, { by: 'session', sub: 'ada' }])
    expect(await call({ authorization: token })).toEqual([200, { by: 'token', sub: 'cleo' }])
    expect(used.map(answerOf)).toEqual([
      { by: 'session', sub: 'ada' },
      { by: 'token', sub: 'cleo' },
    ])
  })

  it('takes the token of a request that has both', async () => {
    expect(await call({ authorization: token, cookie: 'ada' })).toEqual([200, { by: 'token', sub: 'cleo' }])
  })

  it('refuses a bad token beside a good session, and does not ask for the session', async () => {
    const before = [asked, used.length]
    const foreign = await createTestIssuer({ issuer: 'https://id.example', audience: AUDIENCE })
    const bad = [
      `Bearer ${await issuer.issue({ exp: 1 })}`,
      `bearer ${await foreign.issue()}`,
      `DPoP ${await issuer.issue()}`,
      `Basic YTpi, Bearer ${await issuer.issue({ exp: 1 })}`,
      'Bearer x',
    ]
    for (const authorization of bad) expect((await call({ authorization, cookie: 'ada' }))[0]).toBe(401)
    for (const authorization of ['Bearer', `${token}, ${token}`])
      expect((await call({ authorization, cookie: 'ada' }))[0]).toBe(400)
    expect([asked, used.length]).toEqual(before)
  })

  it('answers a request with neither as one without a token', async () => {
    for (const headers of [{}, { cookie: 'unknown' }] as const) {
      const answer = await service.call('/', headers)
      expect(answer.status).toBe(401)
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer resource_metadata="[^"]+"$/)
    }
  })

  it('asks a session for what the route requires', async () => {
    expect((await call({ cookie: 'ada' }, '/orders'))[0]).toBe(200)
    const refused = await service.call('/orders', { cookie: 'bob' })
    expect(refused.status).toBe(403)
    expect(refused.headers.get('www-authenticate')).toContain('scope="orders:read", resource_metadata="')
  })

  it('lets no request pass while the application cannot tell', async () => {
    expect((await call({ cookie: 'away' }))[0]).toBe(500)
  })

  it('takes tokens alone from the end on', async () => {
    now = Date.parse(END)
    const before = asked
    expect((await call({ cookie: 'ada' }))[0]).toBe(401)
    expect((await call({ authorization: token }))[0]).toBe(200)
    expect(asked).toBe(before)
    now = Date.parse(END) - 1
  })
})

describe('the option sessions', () => {
  const options = { issuer: 'https://id.example', audience: AUDIENCE }
  const status = async (given: OldSessions<unknown>, ...requirements: Requirement[]) => {
    const app = new Hono().get('/', createProtect(options, given)(...requirements), c => c.json({}))
    app.onError((_, c) => c.text('', 500))
    return (await app.request('/')).status
  }
  const recognise = () => ({ sub: 'ada' })

  it('ends sessions by the flag', async () => {
    expect(await status({ recognise })).toBe(200)
    expect(await status({ recognise, enabled: false })).toBe(401)
    expect(await status({ recognise, enabled: false, until: END, now: () => 0 })).toBe(401)
  })

  it('is refused at the start where it has a fault', () => {
    const faults: readonly object[] = [
      { recognise: 'x' },
      { recognise, until: 'soon' },
      { recognise, enabled: 'false' },
      { recognise, untill: END },
    ]
    for (const fault of faults)
      expect(() => Reflect.apply(createProtect, null, [options, fault])).toThrow(TypeError)
  })

  it('takes no claims of another type: a text is no list of roles', async () => {
    const wrong: readonly object[] = [{ sub: '' }, {}, { sub: 'ada', roles: 'superadmin' }]
    for (const claims of wrong)
      expect(await status({ recognise: () => Object.assign({ sub: '' }, claims) }, role('admin'))).toBe(500)
  })

  it('meets no requirement about an audience by a session without one', async () => {
    expect(await status({ recognise }, resource(AUDIENCE))).toBe(401)
  })

  it('is not disturbed by a counter that throws, nor by the rejection of one that is async', async () => {
    const onUse = () => {
      throw new Error('the counter is broken')
    }
    expect(await status({ recognise, onUse })).toBe(200)
    // Left alone, the rejection would end the process, and this run with it.
    const rejecting = () => Promise.reject(new Error('the counter is broken'))
    expect(await status(Object.assign({ recognise }, { onUse: rejecting }))).toBe(200)
  })
})
