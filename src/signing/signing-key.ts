import {
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { promisify } from 'node:util'
import type { PublicJwk, RingKey } from '../domain/keys/key-ring.ts'

/** A `typ` for each kind of JWS, so that none passes for another: RFC 9068 §2.1, RFC 7519 §5.1, OpenID Connect Back-Channel Logout §2.4, revocation feeds and status lists. */
export const TYPS = ['at+jwt', 'JWT', 'logout+jwt', 'revocations+jwt', 'statuslist+jwt'] as const
export type Typ = (typeof TYPS)[number]

/** A key that signs and verifies but does not expose its private half, which lives in the closure of `sign` alone. */
export type SigningKey = RingKey &
  Readonly<{
    jwk: PublicJwk
    /** The first segment of every JWS by this key, made once. */
    headers: Readonly<Record<Typ, string>>
    /** RSASSA-PKCS1-v1_5 with SHA-256, on the thread pool: the event loop stays free. */
    sign(input: Uint8Array): Promise<Buffer>
    verify(input: Uint8Array, signature: Uint8Array): boolean
  }>

type KeyWork = Pick<SigningKey, 'jwk' | 'headers' | 'sign' | 'verify'>

const MODULUS_BITS = 2048
/** Verifiers accept no larger modulus, and the maximum length of a token is computed from this size. */
const MOST_MODULUS_BITS = 8192

/** RFC 7518 §3.3 – Imports a PKCS#8 PEM for RS256. A fault says what the file is instead, never what is in it. */
export const importKey = (pem: string): KeyWork | { readonly fault: string } => {
  if (!pem.includes('-----BEGIN PRIVATE KEY-----')) {
    return {
      fault:
        'is not an unencrypted PKCS#8 key; convert one with: openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW',
    }
  }
  const privateKey = parsePrivateKey(pem)
  if (privateKey === null) return { fault: 'is not a readable private key' }
  if (privateKey.asymmetricKeyType !== 'rsa') {
    return { fault: `holds a key of type ${privateKey.asymmetricKeyType}; RS256 takes RSA` }
  }
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0
  if (bits < MODULUS_BITS) return { fault: `holds an RSA key of ${bits} bits; ${MODULUS_BITS} is the least` }
  if (bits > MOST_MODULUS_BITS)
    return { fault: `holds an RSA key of ${bits} bits; ${MOST_MODULUS_BITS} is the most` }
  return isWhole(privateKey) ? createKeyWork(privateKey) : { fault: 'holds a damaged key: it cannot sign' }
}

const createKeyWork = (privateKey: KeyObject): KeyWork => {
  const publicKey = createPublicKey(privateKey)
  const jwk = publicJwkOf(publicKey)
  return {
    jwk,
    headers: {
      'at+jwt': encodeHeader('at+jwt', jwk.kid),
      JWT: encodeHeader('JWT', jwk.kid),
      'logout+jwt': encodeHeader('logout+jwt', jwk.kid),
      'revocations+jwt': encodeHeader('revocations+jwt', jwk.kid),
      'statuslist+jwt': encodeHeader('statuslist+jwt', jwk.kid),
    },
    sign: input =>
      new Promise((resolve, reject) => {
        sign('RSA-SHA256', input, privateKey, (error, signature) =>
          error ? reject(error) : resolve(signature),
        )
      }),
    verify: (input, signature) => verify('RSA-SHA256', input, publicKey, signature),
  }
}

const generate = promisify(generateKeyPair)

/** A new RSA key as PKCS#8 PEM. A key whose kid begins with a dash (one in 64) is made again: the kid would read as an option. */
export const generatePem = async (): Promise<{ pem: string; kid: string }> => {
  const { privateKey, publicKey } = await generate('rsa', { modulusLength: MODULUS_BITS })
  const { kid } = publicJwkOf(publicKey)
  if (kid.startsWith('-')) return generatePem()
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), kid }
}

/** Picks the public members by name, so that no private one can slip through. */
const publicJwkOf = (publicKey: KeyObject): PublicJwk => {
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
  return Object.freeze({ kty: 'RSA', use: 'sig', alg: 'RS256', kid: thumbprint({ n, e }), n, e })
}

/** RFC 7638 §3 – The SHA-256 over the required members in the order of the alphabet. */
const thumbprint = ({ n, e }: { n: string; e: string }): string =>
  hash('sha256', JSON.stringify({ e, kty: 'RSA', n }), 'base64url')

const encodeHeader = (typ: Typ, kid: string): string =>
  Buffer.from(JSON.stringify({ alg: 'RS256', typ, kid })).toString('base64url')

const parsePrivateKey = (pem: string): KeyObject | null => {
  try {
    return createPrivateKey({ key: pem, format: 'pem' })
  } catch {
    return null
  }
}

/** The import accepts a key whose numbers are inconsistent: a trial signature finds the damage before a client does. */
const isWhole = (privateKey: KeyObject): boolean => {
  const probe = Buffer.from('probe')
  try {
    return verify('RSA-SHA256', probe, createPublicKey(privateKey), sign('RSA-SHA256', probe, privateKey))
  } catch {
    return false
  }
}
