import type { AccessTokenClaims } from '../../domain/oauth/access-token.ts'
import { asObject } from './jws.ts'
import type { TokenErrorCode } from './token-error.ts'

/** RFC 9068 §2.2 – The claims of a verified token, deeply frozen. Claims that the RFC does not name are kept, as `unknown`. */
export type Claims = AccessTokenClaims & Readonly<{ nbf?: number }> & Readonly<Record<string, unknown>>

/** What is known of a person who comes by a token, or by the session of an application that moves to tokens: `sub` alone is always there. */
export type CommonClaims = Pick<Claims, 'sub'> &
  Partial<AccessTokenClaims> &
  Readonly<Record<string, unknown>>

/** The values with which the claims of a token are compared. */
export type Expectation = Readonly<{
  issuer: string
  audience: readonly string[]
  clock_tolerance_seconds: number
}>

/** Objects one in the other, at most. */
const DEEPEST = 16

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isTime = (value: unknown): value is number =>
  typeof value === 'number' && value >= 0 && value <= 8_640_000_000_000
const isTextList = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText)

/**
 * RFC 9068 §2.2, §4 – The payload as claims, or null. Ours: optional claims must have their type as well, because the type
 * `Claims` promises it; and `__proto__` is refused, because it would set the prototype of a careless copy of the claims.
 */
export const parseClaims = (json: string): Claims | null => {
  const claims = asObject(parseJson(json))
  if (claims === null || !hasRequired(claims) || !hasOptional(claims)) return null
  return isPlain(claims) ? (claims as Claims) : null
}

type Unchecked = Readonly<{ [Name in keyof AccessTokenClaims | 'nbf']?: unknown }>

const hasRequired = ({ iss, sub, aud, client_id, exp, iat, jti }: Unchecked): boolean =>
  isText(iss) &&
  isText(sub) &&
  (isText(aud) || (isTextList(aud) && aud.length > 0)) &&
  isText(client_id) &&
  isTime(exp) &&
  isTime(iat) &&
  isText(jti)

/** True when every optional claim that is there has its type. */
export const hasOptional = ({
  scope,
  sid,
  auth_time,
  nbf,
  acr,
  amr,
  roles,
  act,
  sign_in_client_id,
}: Unchecked): boolean =>
  (scope === undefined || typeof scope === 'string') &&
  (sid === undefined || isText(sid)) &&
  (auth_time === undefined || isTime(auth_time)) &&
  (nbf === undefined || isTime(nbf)) &&
  (acr === undefined || isText(acr)) &&
  (amr === undefined || isTextList(amr)) &&
  (roles === undefined || isTextList(roles)) &&
  (act === undefined || isActor(act)) &&
  (sign_in_client_id === undefined || isText(sign_in_client_id))

/** RFC 8693 §4.1 – A party that acts, and in `act` the one before it. */
const isActor = (claim: unknown, depth = 0): boolean => {
  const actor = asObject(claim)
  if (actor === null || !isText(actor['sub']) || depth > DEEPEST) return false
  return actor['act'] === undefined || isActor(actor['act'], depth + 1)
}

const parseJson = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return null
  }
}

/** False when a member is named `__proto__`. Freezes every member: all requests with the token are handed the same object. */
const isPlain = (value: unknown, depth = 0): boolean => {
  if (typeof value !== 'object' || value === null) return true
  if (depth > DEEPEST || Object.hasOwn(value, '__proto__')) return false
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value)
  for (const member of members) if (!isPlain(member, depth + 1)) return false
  Object.freeze(value)
  return true
}

/** RFC 9068 §4 – Judges issuer and audience; `judgeTimes` judges the times. */
export const judgeClaims = (claims: Claims, { issuer, audience }: Expectation): TokenErrorCode | null => {
  if (claims.iss !== issuer) return 'issuer_mismatch'
  return audience.some(expected => isFor(claims, expected)) ? null : 'audience_mismatch'
}

/**
 * RFC 9449 §6.1 – The thumbprint of the key that a token is bound to. Null for a bearer token, and 'unknown' for a token that is bound in a way
 * that is not known here, for example to a certificate (RFC 8705 §3): it must not work as a bearer token.
 */
export const keyBindingOf = (claims: Claims): Readonly<{ jkt: string }> | 'unknown' | null => {
  const cnf: unknown = claims.cnf
  if (cnf === undefined) return null
  const jkt = asObject(cnf)?.['jkt']
  return typeof jkt === 'string' ? { jkt } : 'unknown'
}

export const isFor = ({ aud = [] }: CommonClaims, audience: string): boolean =>
  typeof aud === 'string' ? aud === audience : aud.includes(audience)

/** RFC 7519 §4.1.4–4.1.6 – Judged at each request, also for a token from the cache. `now` in seconds. */
export const judgeTimes = (claims: Claims, now: number, tolerance: number): TokenErrorCode | null => {
  if (now - tolerance >= claims.exp) return 'token_expired'
  if (claims.iat > now + tolerance) return 'token_not_yet_valid'
  return claims.nbf !== undefined && claims.nbf > now + tolerance ? 'token_not_yet_valid' : null
}
