import type { RsaJwk } from './engine.ts'
import { asObject, isCanonical } from './jws.ts'

const MOST_KEYS = 64
const LONGEST_KID = 256

/** Base64url of 256 to 1024 bytes, the highest bit set: leading zeros would make a short modulus look long. */
const MODULUS = /^[g-z\d_-][\w-]{341,1365}$/

/** RFC 7518 §6.3.2 – Members that only a private key has. A key whose private half was published proves nothing. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * RFC 7517 §5 – The keys of a set that may verify RS256; others are ignored. Throws when the document is no key set, when
 * no key is left, and when two keys share a `kid`, which is then ambiguous.
 */
export const parseJwks = (json: unknown): readonly RsaJwk[] => {
  const keys = asObject(json)?.['keys']
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new Error('not a JWK set, or too large')
  const usable = keys.map(parseKey).filter(key => key !== null)
  if (usable.length === 0) throw new Error('the JWK set holds no key for RS256')
  if (new Set(usable.map(key => key.kid)).size < usable.length) throw new Error('two keys share a kid')
  return usable
}

const parseKey = (value: unknown): RsaJwk | null => {
  const jwk = asObject(value)
  if (jwk?.['kty'] !== 'RSA' || PRIVATE.some(name => Object.hasOwn(jwk, name))) return null
  const { kid, use, alg, key_ops, n, e } = jwk
  if (use !== undefined && use !== 'sig') return null
  if (alg !== undefined && alg !== 'RS256') return null
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) return null
  if (typeof kid !== 'string' || kid === '' || kid.length > LONGEST_KID) return null
  // Ours: every honest key has this exponent. With e = 1 any attacker could sign.
  return isModulus(n) && e === 'AQAB' ? { kid, n, e } : null
}

/** RFC 7518 §3.3 – 2048 bits at least. Ours: 8192 at most, because the cost of a check grows with the square of the length. */
const isModulus = (n: unknown): n is string => typeof n === 'string' && MODULUS.test(n) && isCanonical(n)
