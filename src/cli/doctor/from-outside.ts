import { type Found, OK } from '../../compose/findings/finding.ts'
import type { Config } from '../../config.ts'
import { CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { JWKS_CACHE_SECONDS } from '../../domain/keys/key-ring.ts'
import type { BrowserOrigin } from './browser-origins.ts'

/** Milliseconds within which each answer has to come. */
const ANSWER_MILLISECONDS = 5_000

/** Seconds by which the time of a header may differ: it is rounded, and takes a while to arrive. */
const HEADER_SECONDS = 2

/** Origins of clients about which the server is asked, at most. */
const ORIGINS_AT_MOST = 20

/** The origin of a page that is registered nowhere: it may read what any client may read. */
const PAGE = 'https://app.example'
/** The request headers of agents and applications that a browser asks about in a preflight. */
const SENT_HEADERS = ['authorization', 'content-type', 'dpop', 'idempotency-key', 'mcp-protocol-version']

const PLACES = {
  issuer: '/.well-known/oauth-authorization-server',
  discovery: '/.well-known/openid-configuration',
  keys: '/.well-known/jwks.json',
} as const

type Place = Pick<Config, 'ISSUER'>
type Seen = Readonly<{ status: number; headers: Headers; json: unknown; type: string }>

/**
 * Asks the server at ISSUER what its clients ask, through the proxy in front of it. One finding where nothing answers there, so that the
 * doctor can be asked before the first start.
 */
export const examineFromOutside = async (
  { ISSUER }: Place,
  origins: readonly BrowserOrigin[] = [],
): Promise<Readonly<Record<string, Found>>> => {
  const asked = await ask(`${ISSUER}${PLACES.issuer}`)
  if ('silence' in asked)
    return {
      issuer: {
        fault: null,
        note: `nothing answers at ${ISSUER} (${asked.silence}): run this again when Signet runs, to check what stands in front of it`,
      },
    }
  const issuer = judgeMetadata(asked, { ISSUER, path: PLACES.issuer })
  if (issuer.fault !== null) return { issuer }
  const [discovery, keys, preflight] = await Promise.all([
    ask(`${ISSUER}${PLACES.discovery}`),
    ask(`${ISSUER}${PLACES.keys}`),
    ask(`${ISSUER}/token`, {
      method: 'OPTIONS',
      headers: {
        'Access-Control-Request-Method': 'POST',
        'Access-Control-Request-Headers': SENT_HEADERS.join(','),
      },
    }),
  ])
  return {
    issuer,
    discovery: heard(discovery, seen => judgeDiscovery(asked, seen, ISSUER)),
    'published keys': heard(keys, judgeKeys),
    cors: heard(preflight, seen => judgeCors(asked, seen)),
    ...(origins.length === 0 ? {} : { 'cors of clients': await examineOrigins(ISSUER, origins) }),
    clock: judgeClock(asked),
  }
}

/** What the pages of one client ask: where it signs in by the account API, its cookie goes too. */
const examineOrigins = async (ISSUER: string, origins: readonly BrowserOrigin[]): Promise<Found> => {
  const shown = origins.slice(0, ORIGINS_AT_MOST)
  const faults = await Promise.all(
    shown.map(async ({ origin, client_id, isFirstParty }) => {
      const paths = isFirstParty ? ['/token', '/auth/refresh'] : ['/token']
      const asked = await Promise.all(paths.map(path => askPreflight(ISSUER, { path, origin })))
      const fault = asked
        .map((seen, index) => judgePreflight(seen, { path: paths[index] ?? '', origin }))
        .find(each => each !== null)
      return fault === undefined ? [] : [`${origin} of ${client_id ?? 'CORS_ORIGINS'}: ${fault}`]
    }),
  )
  const [first, ...others] = faults.flat()
  if (first !== undefined)
    return { fault: others.length === 0 ? first : `${first}; and ${others.length} more` }
  const left = origins.length - shown.length
  return left === 0 ? OK : { fault: null, note: `${left} origins were not asked about` }
}

type Asking = Readonly<{ path: string; origin: string }>

const askPreflight = (ISSUER: string, { path, origin }: Asking) =>
  ask(`${ISSUER}${path}`, {
    method: 'OPTIONS',
    headers: {
      Origin: origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    },
  })

/** Fetch Standard, "CORS check" – A request with a cookie needs its own origin in the answer, and the permission for credentials. */
const judgePreflight = (asked: Awaited<ReturnType<typeof ask>>, { path, origin }: Asking): string | null => {
  if ('silence' in asked) return `no answer at ${path} (${asked.silence})`
  const { status, headers } = asked
  const allowed = headers.get('access-control-allow-origin')
  const isCookie = path !== '/token'
  const isAllowed = isCookie
    ? allowed === origin && headers.get('access-control-allow-credentials') === 'true'
    : allowed === '*' || allowed === origin
  if (status < 300 && isAllowed) return null
  const what = `the preflight of ${path} is ${status} with Access-Control-Allow-Origin ${JSON.stringify(allowed)}`
  return isCookie
    ? `${what}: leave CORS to Signet, and pass Origin and OPTIONS on; a server that was started before the client was registered has to be told by SIGHUP`
    : `${what}: leave CORS to Signet, and pass OPTIONS on`
}

type Question = Readonly<{ method?: string; headers?: Readonly<Record<string, string>> }>

const ask = async (url: string, init: Question = {}): Promise<Seen | Readonly<{ silence: string }>> => {
  try {
    const answer = await fetch(url, {
      ...init,
      headers: { Origin: PAGE, ...init.headers },
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MILLISECONDS),
    })
    const text = await answer.text()
    const type = answer.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? 'no content type'
    return { status: answer.status, headers: answer.headers, json: parse(text), type }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return { silence: cause instanceof Error ? cause.message : String(cause) }
  }
}

/** Undefined for a text that is no JSON. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const heard = (asked: Seen | Readonly<{ silence: string }>, judge: (seen: Seen) => Found): Found =>
  'silence' in asked ? { fault: `no answer (${asked.silence})` } : judge(asked)

const memberOf = (json: unknown, name: string): unknown =>
  typeof json === 'object' && json !== null
    ? Object.entries(json).find(([key]) => key === name)?.[1]
    : undefined

const judgeMetadata = (
  { status, headers, json, type }: Seen,
  { ISSUER, path }: Place & Readonly<{ path: string }>,
): Found => {
  const where = `${ISSUER}${path}`
  if (status >= 300 && status < 400)
    return {
      fault: `${where} redirects to ${headers.get('location') ?? 'nowhere'}, and clients do not follow: serve it there, or correct ISSUER`,
    }
  if (status !== 200 || type !== 'application/json' || json === undefined)
    return {
      fault: `${where} answers ${status} with ${type}: the proxy has to pass every path on to Signet, those under /.well-known/ too`,
    }
  const said = memberOf(json, 'issuer')
  if (said !== ISSUER)
    return {
      fault: `${where} says the issuer ${JSON.stringify(said)}, and ISSUER is ${JSON.stringify(ISSUER)}: another server answers there, or one with other settings`,
    }
  return { fault: null }
}

/** The members by which both forms of the metadata lead a client to the same server. */
const SHARED = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const

/** RFC 8414 §5, OpenID Connect Discovery §4 – Clients read one form or the other: both have to be of one server. */
const judgeDiscovery = (metadata: Seen, discovery: Seen, ISSUER: string): Found => {
  const found = judgeMetadata(discovery, { ISSUER, path: PLACES.discovery })
  if (found.fault !== null) return found
  const other = SHARED.find(name => memberOf(metadata.json, name) !== memberOf(discovery.json, name))
  return other === undefined
    ? OK
    : {
        fault: `${PLACES.discovery} and ${PLACES.issuer} name different ${other}: the proxy must answer neither itself, nor keep an old one`,
      }
}

/** Verifiers keep the keys for as long as the answer lets them. A key that was revoked is good for them until then. */
const judgeKeys = ({ status, json, headers }: Seen): Found => {
  const keys = memberOf(json, 'keys')
  if (status !== 200 || !Array.isArray(keys) || keys.length === 0)
    return { fault: `${PLACES.keys} answers ${status} without a key: the proxy has to pass it on to Signet` }
  const caching = headers.get('cache-control') ?? ''
  const seconds = Number(/(?:^|[ ,])max-age=(\d+)/.exec(caching)?.[1] ?? Number.NaN)
  if (seconds === JWKS_CACHE_SECONDS) return { fault: null }
  return {
    fault: `${PLACES.keys} comes with Cache-Control ${JSON.stringify(caching)}, and Signet sends max-age=${JWKS_CACHE_SECONDS}: the proxy must not change it, because verifiers accept a revoked key for as long as they may keep it`,
  }
}

/** Browsers refuse an answer with two Access-Control-Allow-Origin headers: one of Signet's and one of the proxy's. */
const judgeCors = (metadata: Seen, preflight: Seen): Found => {
  for (const [what, { status, headers }] of [
    [PLACES.issuer, metadata],
    ['the preflight of /token', preflight],
  ] as const) {
    const allowed = headers.get('access-control-allow-origin')
    if (status >= 300 || allowed !== '*')
      return {
        fault: `${what} is ${status} with Access-Control-Allow-Origin ${JSON.stringify(allowed)}, not "*": leave CORS to Signet, and pass OPTIONS on`,
      }
  }
  const allowed = (preflight.headers.get('access-control-allow-headers') ?? '').toLowerCase().split(/ *, */)
  const missing = SENT_HEADERS.filter(name => !allowed.includes(name) && !allowed.includes('*'))
  return missing.length === 0
    ? { fault: null }
    : {
        fault: `the preflight of /token does not allow the headers ${missing.join(', ')}: leave CORS to Signet`,
      }
}

const judgeClock = ({ headers }: Seen): Found => {
  const said = Date.parse(headers.get('date') ?? '')
  const seconds = Math.round((said - Date.now()) / 1000)
  if (Number.isNaN(seconds) || Math.abs(seconds) <= CLOCK_TOLERANCE_SECONDS + HEADER_SECONDS)
    return { fault: null }
  return { fault: `the clock at ISSUER differs by ${seconds} s from the one here: keep both right by NTP` }
}
