import { type Context, Hono } from 'hono'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Log, Metrics, Random } from '../../ports/effects.ts'
import type { OnBehalfOf } from '../../ports/events.ts'
import type { Pages } from '../layout/layout.ts'
import type { ClientAddress } from './client-address.ts'
import type { Cors } from './cors.ts'
import { catching, methodRefused, problemReply } from './refusal.ts'
import { type Handle, type Http, nameOf, type Reply, type Route } from './route.ts'
import { type AnswerRoute, type Tracing, traced } from './traced.ts'

type Needs = Readonly<{
  routes: readonly Route[]
  cors: Cors
  pages: Pages
  clientAddress: ClientAddress
  random: Random
  metrics: Pick<Metrics, 'answered'>
  log: Log
  /** RFC 9449 §8.2 – The nonce for the next proof; null while DPOP_NONCE is off. */
  proofNonce: () => string | null
  /** True where answers travel by https. */
  isHttps: boolean
  onBehalfOf: OnBehalfOf
  /** True while the process stops and each answer is the last one of its connection. */
  areConnectionsEnding: () => boolean
  tracing: Tracing | null
  /** Answers a browser's GET of an unknown address below the path `under`. Null: such an address gets the common page. */
  unknownPage: Readonly<{ under: string; handle: Handle }> | null
}>

const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'cross-origin',
  'Cache-Control': 'no-store',
}
const NOTHING = {}
/** RFC 9110 §8.6 – Generated clients parse a body unless the length says that there is none. */
const EMPTY = { 'Content-Length': '0' }
/** RFC 9110 §8.6 – Statuses whose answers have neither a body nor a length. */
const WITHOUT_LENGTH: ReadonlySet<number> = new Set([204, 304])
const CLOSE = { Connection: 'close' }
const HSTS = { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' }

/** Answers requests that came over node:http. */
export type App = Pick<Hono<Http>, 'fetch' | 'routes'>

/** Creates the app of a listener. Every request gets an id, a line of the log and the common headers. */
export const createApp = (needs: Needs): App => {
  const answer = traced(createAnswer(needs), needs)
  const app = new Hono<Http>()
  for (const route of needs.routes) {
    const { method, path, cors: policy } = route
    const handle = createHandle(route, needs)
    app.on(method, path, context => answer(context, path, policy, handle))
  }
  const rest = createRest(needs, answer)
  app.notFound(({ req, env }) => rest.fetch(req.raw, env))
  return app
}

/** What the handler of a route does is done on behalf of the request, and what it throws is a refusal. */
const createHandle = (
  { handle, errors, handsOriginDown }: Pick<Route, 'handle' | 'errors' | 'handsOriginDown'>,
  { onBehalfOf }: Pick<Needs, 'onBehalfOf'>,
): Handle => {
  const safe = catching(errors, handle)
  if (handsOriginDown) return safe
  return call => onBehalfOf({ actor: null, ip: call.ip, request_id: call.request_id }, () => safe(call))
}

/**
 * Answers the requests that no route takes: preflights, wrong methods, unknown paths. An app of its own, because Hono looks a route up in
 * one table only where no route takes all methods; the slower look-up cost 2% of a token request.
 */
const createRest = (needs: Needs, answer: AnswerRoute): Pick<App, 'fetch'> => {
  const { routes, cors, unknownPage } = needs
  const rest = new Hono<Http>()
  for (const [path, methods] of methodsByPath(routes)) {
    const { cors: policy = 'none', errors } = routes.find(route => route.path === path) ?? {}
    rest.options(path, context =>
      answer(context, path, 'none', async ({ header }) => cors.preflight({ policy, methods, header })),
    )
    rest.all(path, context =>
      answer(context, path, policy, async () =>
        errors === 'oauth'
          ? methodRefused(methods)
          : problemReply(new Problem('METHOD_NOT_ALLOWED'), { Allow: methods }),
      ),
    )
  }
  const oauthPaths = routes.filter(({ errors }) => errors === 'oauth').map(({ path }) => `${path}/`)
  const nowhereAt = (path: string) => {
    if (isOfAccounts(path)) return NOWHERE.accounts
    return oauthPaths.some(each => path.startsWith(each)) ? NOWHERE.oauth : NOWHERE.problem
  }
  if (unknownPage !== null) {
    const handle = createHandle({ ...unknownPage, errors: 'page' }, needs)
    rest.get(`${unknownPage.under}/*`, (context, next) =>
      asksForPage(context) ? answer(context, loggable(context.req.path), 'none', handle) : next(),
    )
  }
  rest.notFound(context =>
    answer(
      context,
      loggable(context.req.path),
      policyOfNone(context.req.path),
      asksForPage(context) ? NOWHERE.page : nowhereAt(context.req.path),
    ),
  )
  return rest
}

const nowhere =
  (members: Readonly<Record<string, string>> = {}): Handle =>
  async () => {
    throw new Problem('NOT_FOUND', { members })
  }

const nowhereOfOAuth: Handle = async () => {
  throw new OAuthError('address_unknown')
}

/** RFC 6749 §5.2 – Ours: an OAuth client that asks for an endpoint which is not there finds the members that it can read. */
const NO_ENDPOINT = { error: 'invalid_request', error_description: 'There is no such endpoint.' }
const NOWHERE = {
  page: catching('page', nowhere()),
  accounts: catching('problem', nowhere()),
  oauth: catching('oauth', nowhereOfOAuth),
  problem: catching('problem', nowhere(NO_ENDPOINT)),
}

/** True for a person who follows a link or types an address. */
const asksForPage = ({ req }: Context<Http>): boolean =>
  req.method === 'GET' && (req.header('accept') ?? '').includes('text/html')

const createAnswer = (needs: Needs): AnswerRoute => {
  const { routes, cors, clientAddress, random, metrics, log, pages, proofNonce, isHttps } = needs
  const { areConnectionsEnding } = needs
  const known = new Set(routes.map(route => route.path))
  const probes = new Set(routes.filter(route => route.isProbe).map(route => route.path))
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
      isNoFault = false,
    } = await handle({ context, request_id, ip, header, pages })
    const duration_ms = Math.round((performance.now() - started) * 100) / 100
    if (fault !== undefined) log.error({ request_id, error: fault }, 'unexpected error')
    const { method } = context.req
    const route = known.has(path) ? path : 'unmatched'
    metrics.answered({ route, method: nameOf(method), status, seconds: duration_ms / 1000 })
    // A 501 answers a request for something that is not supported: no fault.
    const level = status >= 500 && status !== 501 && !isNoFault ? 'error' : 'info'
    if (!probes.has(path))
      log[level]({ request_id, method, path, status, duration_ms, ip, ...fields }, 'request')
    const response = new Response(body, {
      status,
      // Spread members come last: V8 defines a member that follows a spread ten times as slowly.
      headers: {
        'X-Request-Id': request_id,
        ...common,
        ...cors.headersFor(policy, header('origin')),
        ...(header('dpop') === undefined ? NOTHING : nonceHeader(proofNonce())),
        ...(areConnectionsEnding() ? CLOSE : NOTHING),
        ...(body === null && !WITHOUT_LENGTH.has(status) ? EMPTY : NOTHING),
        ...headers,
      },
    })
    for (const cookie of cookies) response.headers.append('Set-Cookie', cookie)
    return response
  }
}

const nonceHeader = (nonce: string | null): Reply['headers'] =>
  nonce === null ? NOTHING : { 'DPoP-Nonce': nonce }

/** The CORS policy of an unknown path: a page may read that the path is unknown. */
const policyOfNone = (path: string): Route['cors'] => (isOfAccounts(path) ? 'clients-with-cookies' : 'anyone')

const isOfAccounts = (path: string): boolean => path.startsWith('/auth/')

/** An unknown path without the tokens and JWTs that it may contain, for the log. */
const loggable = (path: string): string =>
  path.slice(0, 200).replace(/(signet_[a-z]+_)[\w-]+|(eyJ)[\w.-]+/g, '$1$2…')

const methodsByPath = (routes: readonly Route[]): ReadonlyMap<string, string> => {
  const methods = new Map<string, string>()
  for (const { path, method } of routes) {
    const name = method === 'GET' ? 'GET, HEAD' : method
    const others = methods.get(path)
    methods.set(path, others === undefined ? name : `${others}, ${name}`)
  }
  return methods
}
