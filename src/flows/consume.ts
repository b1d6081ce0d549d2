import { Problem } from '../domain/problem.ts'
import type { Limit } from '../ports.ts'

/** Counts against a limit. Throws a 429 that says when to come back. */
export const consume = async (limit: Limit, key: string): Promise<void> => {
  const allowance = await limit.consume(key)
  if (allowance !== null && !allowance.isAllowed)
    throw new Problem('RATE_LIMITED', allowance.name, [], allowance.reset_seconds)
}
