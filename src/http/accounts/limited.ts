import { limitKeyOf } from '../../domain/address.ts'
import { Problem } from '../../domain/problem.ts'
import type { Allowance, Limit } from '../../ports.ts'
import { problemReply } from '../refusal.ts'
import type { Handle, Reply } from '../route.ts'

/** Contract – Counts a request before it is looked at; refuses with 429 and says when to come back. */
export const limited =
  (limit: Limit, handle: Handle): Handle =>
  async call => {
    const allowance = await limit.consume(limitKeyOf(call.ip))
    if (allowance === null) return handle(call)
    const headers = headersOf(allowance)
    if (!allowance.isAllowed) {
      return problemReply(new Problem('RATE_LIMITED'), {
        ...headers,
        'Retry-After': String(allowance.reset_seconds),
      })
    }
    const reply = await handle(call)
    return { ...reply, headers: { ...headers, ...reply.headers } }
  }

/** What is left of the limit: seconds until the window ends in -Reset. */
const headersOf = ({ limit, remaining, reset_seconds }: Allowance): Reply['headers'] => ({
  'X-RateLimit-Limit': String(limit),
  'X-RateLimit-Remaining': String(remaining),
  'X-RateLimit-Reset': String(reset_seconds),
})
