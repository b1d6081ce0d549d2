import { Problem } from '../../domain/refusals/problem.ts'
import type { Allowance, Limit } from '../../ports/limits.ts'

/** Counts a request against a limit. Throws a 429 with the seconds to wait when the limit is used up. */
export const requireAllowance = async (limit: Limit, key: string): Promise<void> =>
  refuse(await limit.consume(key))

/** Throws the same 429 where this process knows that the limit is used up. Counts nothing, and asks no store. */
export const refuseExhausted = (limit: Limit, key: string): void => refuse(limit.isExhausted(key))

const refuse = (allowance: Allowance | null): void => {
  if (allowance !== null && !allowance.isAllowed) throw rateLimited(allowance)
}

/** The refusal by a limit that is used up. */
export const rateLimited = ({ name, reset_seconds }: Allowance): Problem =>
  new Problem('RATE_LIMITED', { reason: name, retry_after_seconds: reset_seconds })
