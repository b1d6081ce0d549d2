import type { Clients } from '../../ports/clients.ts'
import type { Call, Reply, Route } from './route.ts'

type Headers = Reply['headers']

/** Seconds for which a browser may remember a preflight. Chromium remembers two hours at most. */
const MAX_AGE_SECONDS = '7200'

/** The headers that applications, their tracing and their HTTP libraries send. */
const REQUEST_HEADERS = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'DPoP',
  'MCP-Protocol-Version',
  'Signet-Device',
  'X-Requested-With',
  'X-Request-Id',
  'X-Correlation-Id',
  'X-CSRF-Token',
  'X-XSRF-Token',
  'Cache-Control',
  'Pragma',
  'If-None-Match',
  'traceparent',
  'tracestate',
  'baggage',
  'sentry-trace',
  'b3',
].join(', ')

const RESPONSE_HEADERS = [
  'WWW-Authenticate',
  'DPoP-Nonce',
  'Retry-After',
  'X-Request-Id',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'RateLimit',
  'RateLimit-Policy',
  'Signet-Device',
  'ETag',
  'Allow',
].join(', ')

/** RFC 9110 §5.1, §5.6.1 – A list of field names, longer than any page needs. */
const FIELD_NAMES = /^[!#$%&'*+.^`|~\w-]{1,64}(?:[ \t]*,[ \t]*[!#$%&'*+.^`|~\w-]{1,64}){0,63}$/

const NOTHING: Headers = {}
const ANYONE: Headers = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': RESPONSE_HEADERS,
}

type Needs = Readonly<{ origins: readonly string[]; clients: Pick<Clients, 'hasFirstPartyOrigin'> }>
type Asked = Readonly<{ policy: Route['cors']; methods: string; header: Call['header'] }>

/**
 * Fetch Standard, "CORS protocol" – Decides which pages may read an answer. An endpoint that takes no cookie allows all pages, without
 * credentials and with any request header. The account API allows the configured origins and those of first-party clients.
 */
export const createCors = ({ origins, clients }: Needs) => {
  const configured = new Set(origins)

  const headersFor = (policy: Route['cors'], origin: string | undefined): Headers => {
    if (policy === 'none') return NOTHING
    if (policy === 'anyone') return ANYONE
    if (origin === undefined || !(configured.has(origin) || clients.hasFirstPartyOrigin(origin)))
      return { Vary: 'Origin' }
    return {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Expose-Headers': RESPONSE_HEADERS,
      Vary: 'Origin',
    }
  }

  return {
    headersFor,
    preflight: ({ policy, methods, header }: Asked): Reply => {
      const allowed = headersFor(policy, header('origin'))
      if (!('Access-Control-Allow-Origin' in allowed))
        return { status: 204, body: null, headers: { ...allowed, Allow: methods } }
      const headers = {
        ...allowed,
        Allow: methods,
        'Access-Control-Allow-Methods': methods,
        'Access-Control-Max-Age': MAX_AGE_SECONDS,
        ...(policy === 'anyone' ? reflected(header) : { 'Access-Control-Allow-Headers': REQUEST_HEADERS }),
      }
      return { status: 204, body: null, headers }
    },
  }
}

export type Cors = ReturnType<typeof createCors>

/** Allows the headers that the page asks for, by their names: a `*` would not include Authorization. */
const reflected = (header: Call['header']): Headers => {
  const asked = header('access-control-request-headers')?.trim()
  const names = asked !== undefined && FIELD_NAMES.test(asked) ? asked : REQUEST_HEADERS
  return { 'Access-Control-Allow-Headers': names, Vary: 'Access-Control-Request-Headers' }
}
