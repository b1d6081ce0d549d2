import { type Context, Hono } from 'hono'
import { Problem } from '../../domain/base/problem.ts'
import type { Log, Metrics, Random } from '../../ports/effects.ts'
import type { Pages } from '../pages/layout.ts'
import type { ClientAddress } from './client-address.ts'
import type { Cors } from './cors.ts'
import { catching, problemReply } from './refusal.ts'
import type { Http, Reply, Route } from './route.ts'

type Needs = Readonly<{
  routes: readonly Route[]
  cors: Cors
  pages: Pages
  clientAddress: ClientAddress
  random: Random
  metrics: Pick<Metrics, 'answered'>
  log: Log
  /** True where answers travel by https. */
  isHttps: boolean
  /** True once the process is on its way out: clients are asked to go elsewhere. */
  isDraining: () => boolean
}>

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'no-store',
}
const NOTHING = {}
/** RFC 9110 §8.6 – Clients that are generated from openapi.yaml parse a body where no length says that there is none. */
const EMPTY = { 'Content-Length': '0' }
/** RFC 9110 §8.6 – Their answers have no body, and no length. */
const WITHOUT_LENGTH: ReadonlySet<number> = new Set([204, 304])
const CLOSE = { Connection: 'close' }
const HSTS = { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' }

/** Answers requests that came over node:http. */
export type App = Pick<Hono<Http>, 'fetch' | 'routes'>

/** Puts the routes on the wire: one request id, one log line, one place for headers and errors. */
export const createApp = (needs: Needs): App => {
  const answer = createAnswer(needs)
  const app = new Hono<Http>()
  for (const { method, path, errors, handle, cors: policy } of needs.routes) {
    const safe = catching(errors, handle)
    app.on(method, path, context => answer(context, path, policy, safe))
  }
  const rest = createRest(needs, answer)
  app.notFound(({ req, env }) => rest.fetch(req.raw, env))
  return app
}

/**
 * What no route takes: preflights, wrong methods, unknown paths. An app of its own, because Hono looks routes up in one table only
 * where no method is "all" of them: a fiftieth of a token's way on the event loop.
 */
const createRest = ({ routes, cors }: Needs, answer: Answer): Pick<App, 'fetch'> => {
  const rest = new Hono<Http>()
  for (const [path, methods] of methodsByPath(routes)) {
    const policy = routes.find(route => route.path === path)?.cors ?? 'nobody'
    rest.options(path, context =>
      answer(context, path, 'nobody', async ({ header }) => cors.preflight({ policy, methods, header })),
    )
    rest.all(path, context =>
      answer(context, path, policy, async () =>
        problemReply(new Problem('METHOD_NOT_ALLOWED'), { Allow: methods }),
      ),
    )
  }
  rest.notFound(context =>
    answer(context, loggable(context.req.path), policyOfNone(context.req.path), async () =>
      problemReply(new Problem('NOT_FOUND')),
    ),
  )
  return rest
}

const createAnswer = (needs: Needs) => {
  const { routes, cors, clientAddress, random, metrics, log, pages, isHttps, isDraining } = needs
  const known = new Set(routes.map(route => route.path))
  const common: Reply['headers'] = isHttps ? { ...SECURITY_HEADERS, ...HSTS } : SECURITY_HEADERS
  return async (
    context: Context<Http>,
    path: string,
    policy: Route['cors'],
    handle: Route['handle'],
  ): Promise<Response> => {
    const started = performance.now()
    const request_id = random.uuid()
    const { incoming } = context.env
    const header = (name: string) => incoming.headers[name.toLowerCase()]?.toString()
    const ip = clientAddress(incoming, header)
    const {
      status,
      body,
      headers,
      cookies = [],
      log: fields,
      fault,
    } = await handle({ context, request_id, ip, header, pages })
    const duration_ms = Math.round((performance.now() - started) * 100) / 100
    if (fault !== undefined) log.error({ request_id, error: fault }, 'unexpected error')
    const { method } = context.req
    const route = known.has(path) ? path : 'unmatched'
    metrics.answered({ route, method: nameOf(method), status, seconds: duration_ms / 1000 })
    // 501 is what a client asks for, and no fault.
    const level = status >= 500 && status !== 501 ? 'error' : 'info'
    log[level]({ request_id, method, path, status, duration_ms, ip, ...fields }, 'request')
    const response = new Response(body, {
      status,
      // What is spread comes last: V8 defines what follows a spread ten times as slowly.
      headers: {
        'X-Request-Id': request_id,
        ...common,
        ...cors.headersFor(policy, header('origin')),
        ...(isDraining() ? CLOSE : NOTHING),
        ...(body === null && !WITHOUT_LENGTH.has(status) ? EMPTY : NOTHING),
        ...headers,
      },
    })
    for (const cookie of cookies) response.headers.append('Set-Cookie', cookie)
    return response
  }
}

type Answer = ReturnType<typeof createAnswer>

/** A page that asks for a path that is none of ours is told so, and not that CORS failed. */
const policyOfNone = (path: string): Route['cors'] =>
  path.startsWith('/auth/') ? 'clients-with-cookies' : 'anyone'

/** A path that is none of ours, without what it may hold of our tokens, or anybody's JWT. */
const loggable = (path: string): string =>
  path.slice(0, 200).replace(/(signet_[a-z]+_)[\w-]+|(eyJ)[\w.-]+/g, '$1$2…')

/** Anybody can make up a method. */
const nameOf = (method: string): string => (METHODS.has(method) ? method : 'other')
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const methodsByPath = (routes: readonly Route[]): ReadonlyMap<string, string> => {
  const methods = new Map<string, string>()
  for (const { path, method } of routes) {
    const name = method === 'GET' ? 'GET, HEAD' : method
    const others = methods.get(path)
    methods.set(path, others === undefined ? name : `${others}, ${name}`)
  }
  return methods
}
