import { ACR } from '../domain/authentication-class.ts'
import { Problem } from '../domain/problem.ts'
import type { Bearer } from './bearer.ts'

/** Seconds for which a sign-in may change how its person signs in. */
const FRESH_SECONDS = 600

/**
 * RFC 9470 §3 – Throws unless the person has just signed in, and with a second factor where there is one: whoever finds an unlocked
 * device, or steals a token, changes nothing that outlasts it.
 */
export const requireFresh = (
  { claims: { acr, auth_time = 0 } }: Bearer,
  { now, hasFactor }: Readonly<{ now: Date; hasFactor: boolean }>,
): void => {
  const isFresh = now.getTime() / 1000 - auth_time <= FRESH_SECONDS
  if (isFresh && (!hasFactor || acr === ACR.mfa)) return
  const demand = { acr_values: hasFactor ? ACR.mfa : null, max_age_seconds: FRESH_SECONDS }
  const reason = isFresh ? 'one_factor' : 'not_fresh'
  throw new Problem('AUTH_STEP_UP_REQUIRED', reason, [], null, { demand })
}
