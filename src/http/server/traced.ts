import type { Context } from 'hono'
import type { SpanAttributes, Tracer } from '../../ports/traces.ts'
import { type Http, nameOf, type Reply, type Route } from './route.ts'

/** Answers a request that a route has taken, by its handler. */
export type AnswerRoute = (
  context: Context<Http>,
  path: string,
  policy: Route['cors'],
  handle: Route['handle'],
) => Promise<Response>

/** Null where the requests of a listener are not traced. `issuer`: the origin that clients ask. */
export type Tracing = Readonly<{ tracer: Tracer; issuer: string }>

/**
 * OpenTelemetry, "HTTP server spans" – A span for each request that no probe sends. It has the pattern of the route and never the path, the
 * address of the issuer and never that of the client, and nothing that the request says (docs/decisions/0054).
 */
export const traced = (
  answer: AnswerRoute,
  { tracing, routes }: Readonly<{ tracing: Tracing | null; routes: readonly Route[] }>,
): AnswerRoute => {
  if (tracing === null) return answer
  const { protocol, hostname, port } = new URL(tracing.issuer)
  const scheme = protocol.slice(0, -1)
  const server: SpanAttributes = {
    'url.scheme': scheme,
    'server.address': hostname,
    'server.port': Number(port) || (scheme === 'https' ? 443 : 80),
  }
  const known = new Map(routes.map(({ path, isProbe = false }) => [path, isProbe]))
  return (context, path, policy, handle) => {
    const isProbe = known.get(path)
    if (isProbe === true) return answer(context, path, policy, handle)
    const name = nameOf(context.req.method)
    const method = name === 'other' ? '_OTHER' : name
    const route: SpanAttributes = isProbe === undefined ? {} : { 'http.route': path }
    const verb = name === 'other' ? 'HTTP' : name
    const start = {
      name: isProbe === undefined ? verb : `${verb} ${path}`,
      kind: 'server',
      attributes: { 'http.request.method': method, ...route, ...server },
      traceparent: context.env.incoming.headers['traceparent']?.toString(),
    } as const
    return tracing.tracer.trace(start, async note => {
      const response = await answer(context, path, policy, async call => {
        const reply = await handle(call)
        note({ 'signet.request_id': call.request_id, ...refusalOf(reply) })
        return reply
      })
      const { status } = response
      note({
        'http.response.status_code': status,
        ...(status >= 500 ? { 'error.type': String(status) } : {}),
      })
      return response
    })
  }
}

/** Code and reason of a refusal, which are of closed lists. */
const refusalOf = ({ log: { error, reason } = {} }: Reply): SpanAttributes => ({
  ...(typeof error === 'string' ? { 'signet.error': error } : {}),
  ...(typeof reason === 'string' ? { 'signet.reason': reason } : {}),
})
