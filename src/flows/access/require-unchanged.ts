import { Problem } from '../../domain/refusals/problem.ts'

/** Returns the outcome of a change. Throws a 401 for null: the account's credentials changed meanwhile, and nothing was done. */
export const requireUnchanged = <Outcome>(outcome: Outcome | null): Outcome => {
  if (outcome === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'credentials_changed_meanwhile' })
  return outcome
}
