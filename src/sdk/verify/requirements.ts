import { type CommonClaims, isFor } from './claims.ts'
import { requireKnownOptions } from './known-options.ts'
import type { ChallengeParameters, TokenErrorCode } from './token-error.ts'

/** Why a genuine token does not suffice, with the parameters of the challenge. */
export type Shortfall = Readonly<{ code: TokenErrorCode; parameters?: ChallengeParameters }>

/**
 * A demand of a route beyond a genuine token, or beyond a session while an application moves to tokens. Null when the claims meet it. Pure;
 * `now` in seconds since 1970.
 */
export type Requirement = ((claims: CommonClaims, now: number) => Shortfall | null) &
  Readonly<{
    /** Named in the challenge to a request without a good token, so that a client asks for them at once. */
    scopes?: readonly string[]
  }>

/** RFC 6750 §3.1 – Every one of these scopes. */
export const scope = (...scopes: readonly string[]): Requirement => {
  const wanted = listOf('scope', scopes, SCOPE_TOKEN)
  const judge = (claims: CommonClaims): Shortfall | null => {
    const granted = (claims.scope ?? '').split(' ')
    return wanted.every(one => granted.includes(one)) ? null : { code: 'scope_insufficient' }
  }
  return Object.assign(judge, { scopes: wanted })
}

/** RFC 6750 §3 – The scopes that a request needs: all of them, because a client asks for exactly those that a challenge names. */
export const scopeNeeded = (requirements: readonly Requirement[]): ChallengeParameters => {
  const needed = new Set(requirements.flatMap(({ scopes = [] }) => scopes))
  return needed.size === 0 ? {} : { scope: [...needed].join(' ') }
}

/** RFC 9068 §2.2.3.1 – At least one of these roles. */
export const role = (...roles: readonly string[]): Requirement => {
  const wanted = listOf('role', roles, /^.+$/s)
  return claims => (wanted.some(one => claims.roles?.includes(one)) ? null : { code: 'role_insufficient' })
}

/** RFC 8707 – The token's audiences must include this resource, where a service answers for several. */
export const resource = (audience: string): Requirement => {
  const [wanted] = listOf('resource', [audience], /^.+$/s)
  return claims => (isFor(claims, wanted) ? null : { code: 'audience_mismatch' })
}

/**
 * RFC 9470 §3 – Step-up: one of these authentication classes, a sign-in at most `max_age` seconds ago, or both. A token without
 * the claim does not meet the requirement.
 */
export const authentication = (demand: {
  acr_values?: readonly string[]
  /** Seconds, 0 or more. */
  max_age?: number
}): Requirement => {
  requireKnownOptions('authentication', demand, { acr_values: true, max_age: true })
  const { acr_values, max_age } = demand
  const classes = acr_values === undefined ? null : listOf('acr_values', acr_values, SCOPE_TOKEN)
  if (max_age !== undefined && !(Number.isSafeInteger(max_age) && max_age >= 0))
    throw new TypeError('authentication: max_age must be a whole number of seconds')
  if (classes === null && max_age === undefined) throw new TypeError('authentication: demands nothing')
  const shortfall: Shortfall = {
    code: 'authentication_insufficient',
    parameters: {
      ...(classes === null ? {} : { acr_values: classes.join(' ') }),
      ...(max_age === undefined ? {} : { max_age: String(max_age) }),
    },
  }
  return ({ acr, auth_time }, now) => {
    if (classes !== null && (acr === undefined || !classes.includes(acr))) return shortfall
    if (max_age === undefined) return null
    return auth_time !== undefined && now - auth_time <= max_age ? null : shortfall
  }
}

/** RFC 6749 §3.3 */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/

/** A requirement that asks for nothing, or for something that no token can hold, is a mistake in the service. */
const listOf = (name: string, values: readonly string[], pattern: RegExp): readonly [string, ...string[]] => {
  const [first, ...rest] = values
  if (first === undefined || !values.every(value => typeof value === 'string' && pattern.test(value)))
    throw new TypeError(`${name}: needs one or more well-formed values`)
  return [first, ...rest]
}
