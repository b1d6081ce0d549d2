import type { JWTPayload } from 'jose'
import { CLOCK_TOLERANCE_SECONDS } from '../base/clock-tolerance.ts'

/** RFC 7523 §2.1 */
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

/** draft-ietf-oauth-identity-assertion-authz-grant – The profile of the grant, and the type of its assertions. */
export const ID_JAG = {
  profile: 'urn:ietf:params:oauth:grant-profile:id-jag',
  typ: 'oauth-id-jag+jwt',
} as const

/** Ours: the type of the JWT with which an identity provider asks for a global token revocation, as Okta sends it. */
export const REVOCATION_JWT_TYPE = 'global-token-revocation+jwt'

/** Ours: seconds that an assertion of an issuer may live. */
const LIFETIME_SECONDS = 600
const JTI_MAX_CHARACTERS = 255

type Expected = Readonly<{ audiences: readonly string[]; now: Date }>

/** What is used of an assertion once. `expires_at`: until when its `jti` has to be remembered. */
export type SingleUse = Readonly<{ jti: string; sub: string; expires_at: Date }>

/**
 * RFC 7523 §3 – Judges the claims of a JWT whose signature, issuer and times have been verified. Ours: it is for one audience alone, because
 * another one could present it here, and it lives for ten minutes at most. Null for one that is not taken.
 */
export const judgeIssuerClaims = (
  { aud, jti, sub, iat, exp }: JWTPayload,
  { audiences, now }: Expected,
): SingleUse | null => {
  const [audience, ...others] = typeof aud === 'string' ? [aud] : (aud ?? [])
  if (audience === undefined || others.length > 0 || !audiences.includes(audience)) return null
  if (typeof jti !== 'string' || jti === '' || jti.length > JTI_MAX_CHARACTERS) return null
  if (typeof sub !== 'string' || sub === '' || iat === undefined || exp === undefined) return null
  const now_seconds = now.getTime() / 1000
  if (iat > now_seconds + CLOCK_TOLERANCE_SECONDS || exp - iat > LIFETIME_SECONDS) return null
  return { jti, sub, expires_at: new Date((Math.ceil(exp) + CLOCK_TOLERANCE_SECONDS) * 1000) }
}

/** A scope or resources in an assertion: null where it has none, undefined where it is not understood. */
export const assertedResources = (resource: unknown): readonly string[] | null | undefined => {
  if (resource === undefined) return null
  const list: readonly unknown[] = Array.isArray(resource) ? resource : [resource]
  const texts = list.filter(each => typeof each === 'string')
  return texts.length === list.length ? texts : undefined
}

/** OpenID Connect Core §2 – When the issuer saw the person prove who they are. Null where it does not tell, or tells of the future. */
export const assertedAuthTime = (auth_time: unknown, now: Date): Date | null => {
  const now_seconds = now.getTime() / 1000
  if (typeof auth_time !== 'number' || auth_time < 0 || auth_time > now_seconds + CLOCK_TOLERANCE_SECONDS)
    return null
  return new Date(Math.min(auth_time, now_seconds) * 1000)
}

/** RFC 7800 §3.1, RFC 9449 §6.1 – True unless the assertion is bound to another key than the proven one, or in a way that is not known. */
export const isOfKey = (cnf: unknown, jkt: string | null): boolean => {
  if (cnf === undefined) return true
  return typeof cnf === 'object' && cnf !== null && 'jkt' in cnf && jkt !== null && cnf.jkt === jkt
}
