import { ACR } from '../domain/authentication-class.ts'
import { Problem } from '../domain/problem.ts'
import type { Factors } from '../ports/factors.ts'
import type { Bearer } from './bearer.ts'
import { hasFactor } from './offer-factors.ts'

export type RequireFullClass = (bearer: Bearer) => Promise<void>

/**
 * RFC 9470 §3 – For what asks for the password as well: throws unless the sign-in has a second factor where its person has one. The
 * one that enrolled the first factor goes on in its old class, and its tokens with the password must not be enough to take the
 * account or to delete it.
 */
export const createRequireFullClass =
  ({ factors }: { factors: Factors }): RequireFullClass =>
  async ({ account, claims }) => {
    if (claims.acr === ACR.mfa || !hasFactor(await factors.find(account.id))) return
    const demand = { acr_values: ACR.mfa, max_age_seconds: null }
    throw new Problem('AUTH_STEP_UP_REQUIRED', 'one_factor', [], null, { demand })
  }
