import { Problem } from '../../domain/base/problem.ts'

/** The outcome of a change of an account. Throws a 401 when the account's credentials changed meanwhile: nothing was done. */
export const requireUnchanged = <Outcome>(outcome: Outcome | null): Outcome => {
  if (outcome === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'credentials_changed_meanwhile' })
  return outcome
}
