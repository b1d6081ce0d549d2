import { decodeJwt, errors, type JWTPayload } from 'jose'
import { CLOCK_TOLERANCE_SECONDS } from '../domain/base/clock-tolerance.ts'
import type { Client } from '../domain/oauth/client.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { SpentAssertions } from '../ports/clients.ts'
import type { Clock } from '../ports/effects.ts'
import type { VerifyByClient } from './client-signature.ts'

export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

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

type Needs = Readonly<{
  verifyByClient: VerifyByClient
  assertions: SpentAssertions
  clock: Clock
  issuer: string
}>

/**
 * RFC 7523 §3 – A client assertion: signed by a registered key, by and about the client, for this issuer, short-lived, single use.
 * Ours: the audience is the issuer alone, because an assertion for another endpoint could be replayed by that endpoint.
 */
export const createVerifyAssertion =
  ({ verifyByClient, assertions, clock, issuer }: Needs) =>
  async (client: Client, assertion: string): Promise<void> => {
    const now = clock()
    const { client_id } = client
    const verified = await verifyByClient(client, assertion, {
      subject: client_id,
      audience: issuer,
      requiredClaims: ['exp', 'jti'],
      now,
    })
    if (verified.outcome !== 'verified') {
      const reason = verified.outcome === 'claims_wrong' ? 'assertion_claims' : 'assertion_signature'
      throw new OAuthError(reason, { client_id, cause: verified.cause })
    }
    const { jti, exp } = judgeClaims(verified.claims, { now, issuer })
    const expires_at = new Date((exp + CLOCK_TOLERANCE_SECONDS) * 1000)
    if (!(await assertions.redeem({ client_id, jti, expires_at })))
      throw new OAuthError('assertion_replayed', { client_id })
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
