import {
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import type { AssertionIssuer, AssertionIssuers } from '../../domain/exchange/assertion-issuers.ts'
import { judgeIssuerClaims, type SingleUse } from '../../domain/exchange/issuer-assertion.ts'
import { SIGNING_ALGORITHMS } from '../../domain/oauth/client.ts'
import type { SpentAssertions } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { IssuerKeys } from './issuer-keys.ts'

type Needs = Readonly<{
  issuers: () => AssertionIssuers
  issuerKeys: IssuerKeys
  assertions: SpentAssertions
  clock: Clock
}>

type Expected = Readonly<{ typ: string; audiences: readonly string[] }>

/** A JWT of a listed issuer, not yet spent. */
export type IssuerJwt = Readonly<{ issuer: AssertionIssuer; claims: JWTPayload; once: SingleUse }>

type Refused = Readonly<{ refusal: 'issuer_unknown' | 'signature' | 'claims'; cause?: string }>

/**
 * RFC 7523 §3, RFC 8725 §3 – JWTs of listed issuers: of the expected type, by an asymmetric algorithm, by a key of exactly that issuer, for
 * one of the audiences alone. No key and no address in the JWT is looked at. Rejects with Unavailable where the keys cannot be had.
 */
export type VerifyByIssuer = Readonly<{
  verify(jwt: string, expected: Expected): Promise<IssuerJwt | Refused>
  /** Atomic. False when the JWT was spent before, at any instance. */
  spend(jwt: IssuerJwt): Promise<boolean>
}>

export const createVerifyByIssuer = ({ issuers, issuerKeys, assertions, clock }: Needs): VerifyByIssuer => ({
  verify: async (jwt, { typ, audiences }) => {
    const issuer = issuers().get(peekIssuer(jwt) ?? '')
    if (issuer === undefined) return { refusal: 'issuer_unknown' }
    const now = clock()
    const verified = await verifyWith(issuerKeys, issuer, (keys: JWTVerifyGetKey) =>
      jwtVerify(jwt, keys, {
        algorithms: [...SIGNING_ALGORITHMS],
        issuer: issuer.issuer,
        audience: [...audiences],
        typ,
        requiredClaims: ['sub', 'jti', 'iat', 'exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: now,
      } satisfies JWTVerifyOptions),
    )
    if ('cause' in verified) return { refusal: 'signature', cause: verified.cause }
    const { payload: claims } = verified
    const once = judgeIssuerClaims(claims, { audiences, now })
    return once === null ? { refusal: 'claims' } : { issuer, claims, once }
  },

  // A tab is in no client_id, so that no client spends what an issuer has signed.
  spend: ({ issuer, once: { jti, expires_at } }) =>
    assertions.redeem({ client_id: `issuer\t${issuer.issuer}`, jti, expires_at }),
})

type Attempt = (keys: JWTVerifyGetKey) => ReturnType<typeof jwtVerify>

/** A key that is not among the known ones may be new: the keys are fetched again, once. */
const verifyWith = async (
  issuerKeys: IssuerKeys,
  issuer: AssertionIssuer,
  attempt: Attempt,
): Promise<Readonly<{ payload: JWTPayload }> | Readonly<{ cause: string }>> => {
  const first = await outcomeOf(attempt, await issuerKeys.of(issuer))
  if (!('cause' in first) || first.cause !== errors.JWKSNoMatchingKey.code) return first
  const renewed = await issuerKeys.renewed(issuer)
  return renewed === null ? first : outcomeOf(attempt, renewed)
}

const outcomeOf = async (attempt: Attempt, keys: JWTVerifyGetKey) => {
  try {
    return await attempt(keys)
  } catch (error) {
    // Another error comes from a key of the issuer that cannot be imported.
    return { cause: error instanceof errors.JOSEError ? error.code : 'key_unusable' }
  }
}

/** The issuer that a JWT claims to come from; nothing is verified yet. Null for a text that is no JWT. */
const peekIssuer = (jwt: string): string | null => {
  try {
    const { alg } = decodeProtectedHeader(jwt)
    const isAsymmetric = SIGNING_ALGORITHMS.some(each => each === alg)
    const { iss } = decodeJwt<{ iss?: unknown }>(jwt)
    return isAsymmetric && typeof iss === 'string' ? iss : null
  } catch {
    return null
  }
}

/** RFC 7515 §4.1.9 – The type of a JWT in lower case; null for a text that is none. Nothing is verified. */
export const peekType = (jwt: string): string | null => {
  try {
    return (
      decodeProtectedHeader(jwt)
        .typ?.toLowerCase()
        .replace(/^application\//, '') ?? null
    )
  } catch {
    return null
  }
}
