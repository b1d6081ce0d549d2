import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { rateLimited } from '../../flows/access/require-allowance.ts'
import type { Allowance, Limit } from '../../ports/limits.ts'
import { problemReply } from '../server/refusal.ts'
import type { Handle, Reply } from '../server/route.ts'

type Headers = Reply['headers']

/** Puts what is left of a request behind the limit of its kind, once the request is known to be one that can be carried out. */
export type Within = Readonly<{ within: (handle: Handle) => Handle }>

/** Ours – Counts a request before its handler; refuses with 429 and says when to come back. */
export const limited =
  (limit: Limit, handle: Handle): Handle =>
  async call => {
    const allowance = await limit.consume(limitKeyOf(call.ip))
    if (allowance === null) return handle(call)
    if (!allowance.isAllowed) return problemReply(rateLimited(allowance), headersOf(allowance, {}))
    const reply = await handle(call)
    return { ...reply, headers: { ...reply.headers, ...headersOf(allowance, reply.headers) } }
  }

/**
 * draft-ietf-httpapi-ratelimit-headers-10 §3, §4 – Every limit that a request counted against is named: r of q are left, for
 * t of w seconds. Beside them the X- fields of old, which know one limit alone: the innermost, which is the strictest.
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
