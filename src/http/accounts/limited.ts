import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { rateLimited } from '../../flows/access/require-allowance.ts'
import type { Allowance, Limit } from '../../ports/limits.ts'
import { catchingProblems, problemReply } from '../server/refusal.ts'
import type { Call, Handle, Reply } from '../server/route.ts'

type Headers = Reply['headers']

/** Counts a request against the limit of its kind, once it is known that it can be carried out. */
export type Within = Readonly<{ within: (handle: Handle) => Handle }>

/** Ours – Counts a request before its handler runs. Answers 429 with Retry-After when the limit is used up. */
export const limited = (limit: Limit, handle: Handle): Handle =>
  limitedBy({ limit, keyOf: addressOf }, handle)

/** Ours – The same for requests that count apart from the others of their address. */
export const limitedApart = (limit: Limit, kind: 'passkey', handle: Handle): Handle =>
  limitedBy({ limit, keyOf: call => `${kind}:${addressOf(call)}` }, handle)

/**
 * Ours – Reads a request before it counts. A request that cannot be carried out counts under a key of its own: however many of them
 * come from an address, people behind the same address can sign in. Both counts are bounded by the limit. A limit that is known to be
 * used up refuses before anything is read.
 */
export const limitedOnceRead =
  <Request>(
    limit: Limit,
    read: (call: Call) => Promise<Request>,
    handle: (request: Request, call: Call) => Promise<Reply>,
  ): Handle =>
  async call => {
    const exhausted = limit.isExhausted(addressOf(call))
    if (exhausted !== null) return refusalBy(exhausted)
    const reading = await read(call).then(
      request => ({ request }),
      (error: unknown) => ({ error }),
    )
    if ('error' in reading) {
      const refuse = catchingProblems(async () => {
        throw reading.error
      })
      return limitedBy({ limit, keyOf: each => `unreadable:${addressOf(each)}` }, refuse)(call)
    }
    return limited(
      limit,
      catchingProblems(each => handle(reading.request, each)),
    )(call)
  }

type Keyed = Readonly<{ limit: Limit; keyOf: (call: Call) => string }>

const addressOf = ({ ip }: Call): string => limitKeyOf(ip)

const limitedBy =
  ({ limit, keyOf }: Keyed, handle: Handle): Handle =>
  async call => {
    const allowance = await limit.consume(keyOf(call))
    if (allowance === null) return handle(call)
    if (!allowance.isAllowed) return refusalBy(allowance)
    const reply = await handle(call)
    return { ...reply, headers: { ...reply.headers, ...headersOf(allowance, reply.headers) } }
  }

const refusalBy = (allowance: Allowance): Reply =>
  problemReply(rateLimited(allowance), headersOf(allowance, {}))

/**
 * draft-ietf-httpapi-ratelimit-headers-10 §3, §4 – Names every limit that the request counted against: r of q requests are left, for t of w
 * seconds. The older X-RateLimit fields have room for one limit: they show the innermost, which is the strictest.
 */
const headersOf = (allowance: Allowance, inner: Headers): Headers => {
  const { name, limit, window_seconds, remaining, reset_seconds } = allowance
  const join = (mine: string, field: string) => [mine, inner[field]].filter(Boolean).join(', ')
  return {
    'RateLimit-Policy': join(`"${name}";q=${limit};w=${window_seconds}`, 'RateLimit-Policy'),
    RateLimit: join(`"${name}";r=${remaining};t=${reset_seconds}`, 'RateLimit'),
    'X-RateLimit-Limit': inner['X-RateLimit-Limit'] ?? String(limit),
    'X-RateLimit-Remaining': inner['X-RateLimit-Remaining'] ?? String(remaining),
    'X-RateLimit-Reset': inner['X-RateLimit-Reset'] ?? String(reset_seconds),
  }
}
