import {
  type DpopAlgorithm,
  judgeProofClaims,
  PROOF_MAX_CHARACTERS,
  PROOF_SECONDS,
  type ProofKey,
  proofKeyOf,
  thumbprintInputOf,
} from '../../domain/oauth/dpop-proof.ts'
import { asObject, bytesOf, splitJws, textOf } from '../verify/jws.ts'
import type { CreateProofJudge } from '../verify/presented.ts'
import { hashOf } from './encode.ts'
import { createProofMemory } from './proof-memory.ts'
import { createServiceNonces } from './proof-nonces.ts'

/**
 * RFC 9449 §4.3, §7 – Judges the proof that comes with a bound token, by Web Crypto. What costs no cryptography is judged first, and the
 * memory is asked last: only a good proof of the token's own key is remembered.
 */
export const createProofJudge: CreateProofJudge = ({ public_url, nonce_secret, memory_size }) => {
  const nonces = nonce_secret === null ? null : createServiceNonces(nonce_secret)
  const isNew = createProofMemory({ size: memory_size, seconds: 2 * PROOF_SECONDS })
  return async ({ proof, method, path, token, jkt }, now) => {
    const read = readProof(proof ?? '')
    if (read === null) return { fault: 'malformed' }
    const ath = await hashOf(token)
    const judged = judgeProofClaims(read.claims, { method, url: public_url + path, ath, now_seconds: now })
    if ('fault' in judged) return judged
    const { nonce, jti } = judged.claims
    if (nonces !== null && (nonce === null || !(await nonces.isRecent(nonce, now))))
      return { fault: 'nonce_wrong', nonce: await nonces.current(now) }
    if ((await hashOf(thumbprintInputOf(read.key.jwk))) !== jkt) return { fault: 'foreign_key' }
    if (!(await isSigned(read))) return { fault: 'signature_wrong' }
    return isNew(`${jkt} ${jti}`, now) ? null : { fault: 'replayed' }
  }
}

type Read = Readonly<{
  key: ProofKey
  claims: Readonly<Record<string, unknown>>
  signingInput: string
  signature: string
}>

/** Two headers arrive as one, joined by a comma, and are no JWT. */
const readProof = (proof: string): Read | null => {
  const jws = splitJws(proof, PROOF_MAX_CHARACTERS)
  const header = jws && parseSegment(jws.header)
  const claims = jws && parseSegment(jws.payload)
  const key = header && proofKeyOf(header)
  return jws && claims && key ? { ...jws, key, claims } : null
}

const parseSegment = (segment: string): Readonly<Record<string, unknown>> | null => {
  try {
    return asObject(JSON.parse(textOf(segment)))
  } catch {
    return null
  }
}

/** RFC 7518 §3.3, §3.4, §3.5, RFC 8037 §3.1 – The parameters of the import, and those of the verification. */
const ALGORITHMS = {
  ES256: [
    { name: 'ECDSA', namedCurve: 'P-256' },
    { name: 'ECDSA', hash: 'SHA-256' },
  ],
  EdDSA: [{ name: 'Ed25519' }, { name: 'Ed25519' }],
  Ed25519: [{ name: 'Ed25519' }, { name: 'Ed25519' }],
  RS256: [{ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, { name: 'RSASSA-PKCS1-v1_5' }],
  PS256: [
    { name: 'RSA-PSS', hash: 'SHA-256' },
    { name: 'RSA-PSS', saltLength: 32 },
  ],
} as const satisfies Readonly<Record<DpopAlgorithm, readonly [object, object]>>

/** False also for a key that the runtime cannot import, such as a point that is not on its curve. */
const isSigned = async ({ key: { alg, jwk }, signature, signingInput }: Read): Promise<boolean> => {
  const [importing, verifying] = ALGORITHMS[alg]
  try {
    const key = await crypto.subtle.importKey('jwk', jwk, importing, false, ['verify'])
    const data = new TextEncoder().encode(signingInput)
    return await crypto.subtle.verify(verifying, key, bytesOf(signature), data)
  } catch {
    return false
  }
}
