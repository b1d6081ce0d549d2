import {
  createLocalJWKSet,
  decodeJwt,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { CLOCK_TOLERANCE_SECONDS } from '../domain/base/clock-tolerance.ts'
import type { Client } from '../domain/oauth/client.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { SpentAssertions } from '../ports/clients.ts'
import type { Clock } from '../ports/effects.ts'

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** RFC 7518 §3.1 – Asymmetric algorithms only: a client's public key must never be usable as a shared secret. */
export const ASSERTION_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']

/** Ours (docs/decisions/0026): seconds that an assertion may live. */
const LIFETIME_SECONDS = 600
const JTI_MAX_CHARACTERS = 255

/** RFC 7523 §3 – The client that an assertion claims to come from; nothing is verified yet. Null for a text that is no JWT. */
export const peekClientId = (assertion: string): string | null => {
  try {
    const { sub } = decodeJwt<{ sub?: unknown }>(assertion)
    return typeof sub === 'string' ? sub : null
  } catch (error) {
    if (error instanceof errors.JWTInvalid) return null
    throw error
  }
}

type Needs = Readonly<{ assertions: SpentAssertions; clock: Clock; issuer: string }>

/**
 * RFC 7523 §3 – A client assertion: signed by a registered key, by and about the client, for this issuer, short-lived, single use.
 * Ours: the audience is the issuer alone, because an assertion for another endpoint could be replayed by that endpoint.
 */
export const createVerifyAssertion = ({ assertions, clock, issuer }: Needs) => {
  const keysOf = createKeysOf()
  return async (client: Client, assertion: string): Promise<void> => {
    const now = clock()
    const claims = await verifySignature(client, assertion, { now, issuer, keys: keysOf(client) })
    const { jti, exp } = judgeClaims(claims, { now, issuer })
    const expires_at = new Date((exp + CLOCK_TOLERANCE_SECONDS) * 1000)
    if (!(await assertions.redeem({ client_id: client.client_id, jti, expires_at }))) {
      throw new OAuthError('assertion_replayed', { client_id: client.client_id })
    }
  }
}

/** Caches the key set of each registration: a key is imported once, and forgotten with its registration. */
const createKeysOf = () => {
  const sets = new WeakMap<Client, JWTVerifyGetKey>()
  return (client: Client): JWTVerifyGetKey => {
    const keys = sets.get(client) ?? createLocalJWKSet({ keys: [...(client.jwks?.keys ?? [])] })
    sets.set(client, keys)
    return keys
  }
}

const verifySignature = async (
  client: Client,
  assertion: string,
  { now, issuer, keys }: { now: Date; issuer: string; keys: JWTVerifyGetKey },
) => {
  try {
    return await verifyWithAny(assertion, keys, {
      algorithms: ASSERTION_ALGORITHMS,
      issuer: client.client_id,
      subject: client.client_id,
      audience: issuer,
      requiredClaims: ['exp', 'jti'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: now,
    })
  } catch (error) {
    // Another error comes from a registered key that cannot be imported: a fault of the server, not of the client.
    if (!(error instanceof errors.JOSEError)) throw error
    const detail = { client_id: client.client_id, cause: error.code }
    const isAboutClaims =
      error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired
    throw new OAuthError(isAboutClaims ? 'assertion_claims' : 'assertion_signature', detail)
  }
}

/** RFC 7515 §4.1.4 – `kid` is a hint and may be absent. Then each registered key of the right type is tried. */
const verifyWithAny = async (
  assertion: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTPayload> => {
  try {
    return (await jwtVerify(assertion, keys, options)).payload
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      const verified = await jwtVerify(assertion, key, options).catch((failure: unknown) => {
        if (failure instanceof errors.JWSSignatureVerificationFailed) return null
        throw failure
      })
      if (verified) return verified.payload
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}

const judgeClaims = (
  { aud, exp = 0, iat, jti }: JWTPayload,
  { now, issuer }: { now: Date; issuer: string },
) => {
  const isForUsAlone = aud === issuer || (Array.isArray(aud) && aud.length === 1 && aud[0] === issuer)
  const isName = typeof jti === 'string' && jti !== '' && jti.length <= JTI_MAX_CHARACTERS
  if (!isForUsAlone || !isName) throw new OAuthError('assertion_claims')
  const now_seconds = now.getTime() / 1000
  const isFromTheFuture = iat !== undefined && iat > now_seconds + CLOCK_TOLERANCE_SECONDS
  const isTooLong =
    exp > now_seconds + LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS ||
    (iat !== undefined && exp - iat > LIFETIME_SECONDS)
  if (isFromTheFuture || isTooLong) throw new OAuthError('assertion_lifetime')
  return { jti, exp }
}
