import { hash } from 'node:crypto'
import { CLOCK_TOLERANCE_SECONDS } from '../base/clock-tolerance.ts'

type Claims = Readonly<Record<string, unknown>>

type Expected = Readonly<{
  client_id: string
  nonce: string
  access_token: string
  /** The algorithm of the ID token. */
  alg: string
}>

/** Why an ID token whose signature, issuer, audience and times are right is refused all the same. */
export type IdTokenFault = 'azp_foreign' | 'nonce_wrong' | 'sub_malformed' | 'at_hash_wrong'

/** OpenID Connect Core §3.1.3.7 – What jose does not judge of an ID token; null: nothing is wrong with it. */
export const judgeIdToken = (claims: Claims, expected: Expected): IdTokenFault | null => {
  const { aud, azp, nonce, sub, at_hash } = claims
  const isForSeveral = Array.isArray(aud) && aud.length > 1
  if ((isForSeveral || azp !== undefined) && azp !== expected.client_id) return 'azp_foreign'
  if (nonce !== expected.nonce) return 'nonce_wrong'
  if (!isSubject(sub)) return 'sub_malformed'
  if (at_hash !== undefined && at_hash !== hashOfToken(expected)) return 'at_hash_wrong'
  return null
}

/**
 * OpenID Connect Core §3.1.2.1 – Whether the sign-in at a provider is as recent as it was asked for; null: it is. A provider that does not
 * say when a person signed in may have taken a session that is months old.
 */
export const judgeAuthTime = (
  auth_time: Date | null,
  least_auth_time: number | null,
): 'auth_time_absent' | 'auth_time_old' | null => {
  if (least_auth_time === null) return null
  if (auth_time === null) return 'auth_time_absent'
  return auth_time.getTime() / 1000 < least_auth_time - CLOCK_TOLERANCE_SECONDS ? 'auth_time_old' : null
}

/** OpenID Connect Core §2 – 255 ASCII characters at most. */
export const isSubject = (sub: unknown): sub is string =>
  typeof sub === 'string' && /^[\x20-\x7e]{1,255}$/.test(sub)

/** OpenID Connect Core §3.1.3.6 – The left half of the hash that the algorithm uses; EdDSA uses SHA-512. */
const hashOfToken = ({ access_token, alg }: Expected): string => {
  const digest = hash(
    alg.endsWith('256') ? 'sha256' : alg.endsWith('384') ? 'sha384' : 'sha512',
    access_token,
    'buffer',
  )
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
