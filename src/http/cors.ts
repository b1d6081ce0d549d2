import type { Clients } from '../ports.ts'
import type { Reply, Route } from './route.ts'

type Headers = Reply['headers']

/** Seconds for which a browser may remember a preflight. */
const MAX_AGE_SECONDS = '600'
const REQUEST_HEADERS =
  'Authorization, Content-Type, Idempotency-Key, DPoP, MCP-Protocol-Version, Signet-Device'
const RESPONSE_HEADERS =
  'WWW-Authenticate, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, RateLimit, RateLimit-Policy, Signet-Device'

const NOTHING: Headers = {}
const ANYONE: Headers = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Expose-Headers': RESPONSE_HEADERS,
}

/** Fetch Standard, "CORS protocol" – Who may read an answer: the configured origins and those of the clients' redirect URIs. */
export const createCors = ({ origins, clients }: { origins: readonly string[]; clients: Clients }) => {
  const configured = new Set(origins)

  const headersFor = (cors: Route['cors'], origin: string | undefined): Headers => {
    if (cors === 'nobody') return NOTHING
    if (cors === 'anyone') return ANYONE
    if (origin === undefined || !(configured.has(origin) || clients.hasOrigin(origin)))
      return { Vary: 'Origin' }
    return {
      'Access-Control-Allow-Origin': origin,
      'Access-Control-Expose-Headers': RESPONSE_HEADERS,
      Vary: 'Origin',
      ...(cors === 'clients-with-cookies' ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
    }
  }

  return {
    headersFor,
    preflight: (cors: Route['cors'], methods: string, origin: string | undefined): Reply => {
      const allowed = headersFor(cors, origin)
      if (!('Access-Control-Allow-Origin' in allowed))
        return { status: 204, body: null, headers: { ...allowed, Allow: methods } }
      const headers = {
        ...allowed,
        'Access-Control-Allow-Methods': methods,
        'Access-Control-Allow-Headers': REQUEST_HEADERS,
        'Access-Control-Max-Age': MAX_AGE_SECONDS,
      }
      return { status: 204, body: null, headers }
    },
  }
}

export type Cors = ReturnType<typeof createCors>
