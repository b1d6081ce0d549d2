import {
  createLocalJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import { CLOCK_TOLERANCE_SECONDS } from '../domain/base/clock-tolerance.ts'
import { isSelfRegistered } from '../domain/clients/self-registration.ts'
import { type Client, SIGNING_ALGORITHMS } from '../domain/oauth/client.ts'

/** What came of a JWT that a client has signed. `cause` is the library's word for the fault. */
export type ClientSignature =
  | Readonly<{ outcome: 'verified'; claims: JWTPayload; header: JWTVerifyResult['protectedHeader'] }>
  | Readonly<{ outcome: 'claims_wrong' | 'signature_wrong'; cause: string }>

type Expected = Readonly<{
  audience: string
  subject?: string
  requiredClaims?: string[]
  algorithms?: readonly string[]
  now: Date
}>

/**
 * RFC 7515 §5.2, RFC 7519 §7.2 – Verifies a JWT by the keys that its client has registered: issued by the client, by an asymmetric
 * algorithm, and within its times where it names some.
 */
export type VerifyByClient = (client: Client, jwt: string, expected: Expected) => Promise<ClientSignature>

export const createVerifyByClient = (): VerifyByClient => {
  const keysOf = createKeysOf()
  return async (client, jwt, { now, algorithms = SIGNING_ALGORITHMS, ...expected }) => {
    try {
      const { payload, protectedHeader } = await verifyWithAny(jwt, keysOf(client), {
        ...expected,
        algorithms: [...algorithms],
        issuer: client.client_id,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: now,
      })
      return { outcome: 'verified', claims: payload, header: protectedHeader }
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) return unusableKey(client, error)
      const isAboutClaims =
        error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired
      return { outcome: isAboutClaims ? 'claims_wrong' : 'signature_wrong', cause: error.code }
    }
  }
}

/**
 * Ours – Another error comes from a registered key that cannot be imported. That is the operator's fault where an operator has registered the
 * client, and throws; a stranger who registers such a key for a client must not cause errors of the server at will.
 */
const unusableKey = (client: Client, error: unknown): ClientSignature => {
  if (!isSelfRegistered(client)) throw error
  return { outcome: 'signature_wrong', cause: 'key_unusable' }
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

/** RFC 7515 §4.1.4 – `kid` is a hint and may be absent. Then each registered key of the right type is tried. */
const verifyWithAny = async (
  jwt: string,
  keys: JWTVerifyGetKey,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> => {
  try {
    return await jwtVerify(jwt, keys, options)
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    for await (const key of error) {
      const verified = await jwtVerify(jwt, key, options).catch((failure: unknown) => {
        if (failure instanceof errors.JWSSignatureVerificationFailed) return null
        throw failure
      })
      if (verified) return verified
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}
