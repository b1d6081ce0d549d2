/**
 * RFC 9449 – The rules of a DPoP proof that need no cryptography. The server and the library of other services share them, so that this
 * file uses nothing of Node.
 */

/** RFC 9449 §5.1, §11.6, RFC 9864 §2.2 – The algorithms of proofs, the newer name of EdDSA with Ed25519 among them. Asymmetric ones only: the verifier of a proof must not be able to make one. */
export const DPOP_ALGORITHMS = ['ES256', 'EdDSA', 'Ed25519', 'RS256', 'PS256'] as const
export type DpopAlgorithm = (typeof DPOP_ALGORITHMS)[number]

/** RFC 9449 §11.1 – Ours: seconds by which the `iat` of a proof may differ from the verifier's clock, before it and after it. */
export const PROOF_SECONDS = 60

/** Ours: characters of a proof. One of an RSA key of 4096 bits with a long `htu` has 3,000. */
export const PROOF_MAX_CHARACTERS = 4_096

const JTI_MAX_CHARACTERS = 255

/** Why a proof is refused: for the log of a service, not for its client. */
export const PROOF_FAULTS = {
  malformed: 'The proof is no signed JWT, or lacks a claim.',
  key_unacceptable:
    'The header of the proof lacks typ dpop+jwt, an accepted alg, or a public key of this alg.',
  signature_wrong: 'The key in the proof did not sign it.',
  foreign_method: 'The proof is for another method.',
  foreign_address: 'The proof is for another address.',
  not_recent: 'The proof was made too long ago, or in the future.',
  foreign_token: 'The proof is for another access token.',
  nonce_wrong: 'The proof lacks the nonce of the server, or has an old one.',
  replayed: 'The proof was shown before.',
} as const satisfies Readonly<Record<string, string>>
export type ProofFault = keyof typeof PROOF_FAULTS

type Json = Readonly<Record<string, unknown>>

/** RFC 7517 – The public members of a proof's key, and no others. */
export type ProofJwk =
  | Readonly<{ kty: 'EC'; crv: 'P-256'; x: string; y: string }>
  | Readonly<{ kty: 'OKP'; crv: 'Ed25519'; x: string }>
  | Readonly<{ kty: 'RSA'; n: string; e: string }>

export type ProofKey = Readonly<{ alg: DpopAlgorithm; jwk: ProofJwk }>

/**
 * RFC 9449 §4.2, §4.3 – The key in a proof's header. Null for a header that is no proof's, and for a private or symmetric key (§4.3,
 * check 7). RFC 7515 §4.1.11: an extension that has to be understood is refused. Ours: RSA keys of 2048 to 4096 bits with the usual
 * exponent, because a stranger chooses what their verification costs.
 */
export const proofKeyOf = ({ typ, alg: named, jwk: given, ...rest }: Json): ProofKey | null => {
  const alg = DPOP_ALGORITHMS.find(each => each === named)
  if (typeof typ !== 'string' || typ.toLowerCase() !== 'dpop+jwt' || alg === undefined) return null
  if ('crit' in rest || 'b64' in rest || !isObject(given)) return null
  if (PRIVATE_MEMBERS.some(member => Object.hasOwn(given, member))) return null
  const jwk = publicJwkOf(alg, given)
  return jwk && { alg, jwk }
}

/** RFC 7518 §6.2.2, §6.3.2, §6.4, RFC 8037 §2 */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** 32 bytes. */
const COORDINATE = /^[\w-]{43}$/
/** 2048 to 4096 bits. */
const MODULUS = /^[\w-]{342,683}$/

const publicJwkOf = (alg: DpopAlgorithm, { kty, crv, x, y, n, e }: Json): ProofJwk | null => {
  switch (alg) {
    case 'ES256':
      return kty === 'EC' && crv === 'P-256' && matches(x, COORDINATE) && matches(y, COORDINATE)
        ? { kty, crv, x, y }
        : null
    case 'EdDSA':
    case 'Ed25519':
      return kty === 'OKP' && crv === 'Ed25519' && matches(x, COORDINATE) ? { kty, crv, x } : null
    case 'RS256':
    case 'PS256':
      return kty === 'RSA' && e === 'AQAB' && matches(n, MODULUS) ? { kty, n, e } : null
  }
}

/** RFC 7638 §3.2, RFC 8037 §2 – What the thumbprint of a key is the SHA-256 of: its required members in the order of the alphabet. */
export const thumbprintInputOf = (jwk: ProofJwk): string => {
  switch (jwk.kty) {
    case 'EC':
      return JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y })
    case 'OKP':
      return JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x })
    case 'RSA':
      return JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n })
  }
}

/** RFC 7638 – SHA-256 in base64url. */
export const isThumbprint = (text: string): boolean => COORDINATE.test(text)

/** The request that a proof has to be for. */
type ProofExpectation = Readonly<{
  method: string
  /** The address as clients know it. Its query and its fragment do not count. */
  url: string
  /** RFC 9449 §4.2 – The hash of the access token that is shown with the proof; null at the token endpoint, where none is. */
  ath: string | null
  /** Since 1970. */
  now_seconds: number
}>

/** What is left to judge of a proof: whether the nonce is the verifier's, and whether the `jti` is new for the key. */
export type ProofClaims = Readonly<{ jti: string; iat: number; nonce: string | null }>

/** RFC 9449 §4.3 – Judges the claims of a proof. Checks 8 to 12, but for the nonce's origin. */
export const judgeProofClaims = (
  { jti, htm, htu, iat, ath, nonce = null }: Json,
  expected: ProofExpectation,
): Readonly<{ claims: ProofClaims }> | Readonly<{ fault: ProofFault }> => {
  if (!isShortText(jti) || typeof htm !== 'string' || typeof htu !== 'string') return { fault: 'malformed' }
  if (typeof iat !== 'number' || (nonce !== null && typeof nonce !== 'string')) return { fault: 'malformed' }
  if (htm !== expected.method) return { fault: 'foreign_method' }
  const address = addressOf(htu)
  if (address === null || address !== addressOf(expected.url)) return { fault: 'foreign_address' }
  if (Math.abs(expected.now_seconds - iat) > PROOF_SECONDS) return { fault: 'not_recent' }
  if (expected.ath !== null && ath !== expected.ath) return { fault: 'foreign_token' }
  return { claims: { jti, iat, nonce } }
}

/** RFC 9449 §4.3, RFC 3986 §6.2.2, §6.2.3 – A normalized http address without query and fragment; null for what is none. */
const addressOf = (text: string): string | null => {
  if (!URL.canParse(text)) return null
  const { protocol, username, password, origin, pathname } = new URL(text)
  const isHttp = protocol === 'https:' || protocol === 'http:'
  return isHttp && username === '' && password === '' ? origin + decodeUnreserved(pathname) : null
}

const decodeUnreserved = (path: string): string =>
  path.replace(/%[\da-f]{2}/gi, encoded => {
    const character = String.fromCharCode(Number.parseInt(encoded.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase()
  })

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const matches = (value: unknown, pattern: RegExp): value is string =>
  typeof value === 'string' && pattern.test(value)

const isShortText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= JTI_MAX_CHARACTERS
