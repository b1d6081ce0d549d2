import { createLocalJWKSet, errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose'
import { CLOCK_TOLERANCE_SECONDS } from '../../domain/base/clock-tolerance.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { judgeIdToken } from '../../domain/upstream/id-token-verdict.ts'
import type { Upstream } from '../../domain/upstream/upstream.ts'
import { UPSTREAM_SECONDS } from '../../domain/upstream/upstream-attempt.ts'
import type { Clock, Log } from '../../ports/effects.ts'
import type { ProviderKeys, Providers } from './providers.ts'

type Needs = Readonly<{ providers: Providers; clock: Clock; log: Log }>

/** Asymmetric ones alone: with a symmetric one, a public key that is mistaken for a secret would make anything a valid ID token. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']

type Presented = Readonly<{
  id_token: string
  access_token: string
  nonce: string
  ends_at: number
}>

/** OpenID Connect Core §3.1.3.7 – The claims of an ID token that a provider has signed for this sign-in. Throws a Problem. */
export const createVerifyIdToken = (needs: Needs) => {
  const { providers, log } = needs
  return async (upstream: Upstream, presented: Presented): Promise<JWTPayload & { sub: string }> => {
    const { payload, protectedHeader } = await verifyWithKeys(needs, upstream, presented).catch(
      (error: unknown) => {
        if (!(error instanceof errors.JOSEError)) throw error
        throw refused(log, upstream, error.code)
      },
    )
    const { alg } = protectedHeader
    const fault = judgeIdToken(payload, { ...presented, alg, client_id: upstream.client_id })
    const { sub } = payload
    if (fault !== null || sub === undefined) throw refused(log, upstream, fault ?? 'sub_malformed')
    return { ...payload, sub }
  }

  /** A key that is not known may be new: the keys are fetched again, unless they have just been. */
  async function verifyWithKeys(
    { clock }: Needs,
    upstream: Upstream,
    { id_token, ends_at }: Presented,
  ): Promise<JWTVerifyResult> {
    const verify = (keys: ProviderKeys) => verifyWithAny(id_token, keys, { upstream, now: clock() })
    try {
      return await verify(await providers.keysOf(upstream, ends_at))
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      const newer = providers.newerKeysOf(upstream, ends_at)
      if (newer === null) throw error
      return verify(await newer)
    }
  }
}

export type VerifyIdToken = ReturnType<typeof createVerifyIdToken>

const refused = (log: Log, { id }: Upstream, cause: string): Problem => {
  log.warn({ upstream: id, reason: 'id_token', cause }, 'an ID token of a provider was refused')
  return new Problem('UPSTREAM_INVALID', { reason: 'id_token' })
}

type Verifying = Readonly<{ upstream: Upstream; now: Date }>

/** RFC 7515 §4.1.4 – Without a `kid`, each key of the right type is tried. */
const verifyWithAny = async (
  id_token: string,
  keys: ProviderKeys,
  { upstream, now }: Verifying,
): Promise<JWTVerifyResult> => {
  const options = {
    algorithms: ALGORITHMS,
    issuer: upstream.issuer,
    audience: upstream.client_id,
    requiredClaims: ['sub', 'exp', 'iat'],
    maxTokenAge: UPSTREAM_SECONDS,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
    currentDate: now,
  }
  try {
    return await jwtVerify(id_token, createLocalJWKSet(keys), options)
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      const verified = await jwtVerify(id_token, key, options).catch((failure: unknown) => {
        if (failure instanceof errors.JWSSignatureVerificationFailed) return null
        throw failure
      })
      if (verified !== null) return verified
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}
