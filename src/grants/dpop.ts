import { constants, hash, type KeyObject, verify } from 'node:crypto'
import { digestOf, type Plain } from '../domain/base/digest.ts'
import type { Client } from '../domain/oauth/client.ts'
import {
  type DpopAlgorithm,
  judgeProofClaims,
  PROOF_MAX_CHARACTERS,
  PROOF_SECONDS,
  type ProofClaims,
  type ProofFault,
  proofKeyOf,
} from '../domain/oauth/dpop-proof.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { SpentProofs } from '../ports/clients.ts'
import type { Clock } from '../ports/effects.ts'
import type { ProofNonces } from './dpop-nonce.ts'
import { createProofKeys } from './proof-keys.ts'

/** A proof, with the request that it came in. */
export type ShownProof = Readonly<{
  /** The header `DPoP`. */
  proof: string
  method: string
  path: string
  /** The access token that is shown with the proof; null at the token endpoint. */
  access_token: string | null
}>

/** `jkt` is the thumbprint of the key that the sender has proved to hold (RFC 7638). */
export type JudgeProof = (
  shown: ShownProof,
) => Promise<Readonly<{ jkt: string }> | Readonly<{ fault: ProofFault }>>

type Needs = Readonly<{
  spentProofs: SpentProofs
  clock: Clock
  issuer: string
  /** Null: DPOP_NONCE is off. */
  proofNonces: ProofNonces | null
}>

/**
 * RFC 9449 §4.3 – Judges a proof and spends its `jti`, which is the only step that asks the store: whatever else is wrong is found before
 * and writes nothing. Rejects with Unavailable when the database is away.
 */
export const createJudgeProof = ({ spentProofs, clock, issuer, proofNonces }: Needs): JudgeProof => {
  const readProof = createReadProof()
  return async ({ proof, method, path, access_token }) => {
    const read = readProof(proof)
    if ('fault' in read) return read
    const now = clock()
    const judged = judgeProofClaims(read.claims, {
      method,
      url: issuer + path,
      ath: access_token === null ? null : hash('sha256', access_token, 'base64url'),
      now_seconds: now.getTime() / 1000,
    })
    if ('fault' in judged) return judged
    const { nonce } = judged.claims
    if (proofNonces !== null && (nonce === null || !proofNonces.isRecent(nonce, now)))
      return { fault: 'nonce_wrong' }
    const { jkt } = read
    return (await spentProofs.redeem(proofOf(jkt, judged.claims))) ? { jkt } : { fault: 'replayed' }
  }
}

/** RFC 9449 §11.1 – Ours: single use per key, so that no client can spend the `jti` of another. */
const proofOf = (jkt: string, { jti, iat }: ProofClaims) => ({
  digest: digestOf(`${jkt} ${jti}` as Plain<'dpop_proof'>),
  expires_at: new Date((Math.ceil(iat) + PROOF_SECONDS) * 1000),
})

/**
 * RFC 9449 §5, §10.1 – The key that the tokens of a request are to be bound to. Null without a proof, which a client may be registered to need.
 * Throws OAuthError.
 */
export type ProveSender = (client: Client, shown: OfferedProof) => Promise<string | null>

/** The header `DPoP` of a request that is to get tokens, and where it was sent. */
type OfferedProof = Readonly<{ proof: string | undefined; path: '/token' | '/par' | '/auth/refresh' }>

export const createProveSender =
  (judgeProof: JudgeProof): ProveSender =>
  async ({ client_id, dpop_bound_access_tokens }, { proof, path }) => {
    if (proof === undefined) {
      // A request that is pushed gets no token yet.
      if (dpop_bound_access_tokens && path !== '/par')
        throw new OAuthError('dpop_proof_missing', { client_id })
      return null
    }
    const judged = await judgeProof({ proof, method: 'POST', path, access_token: null })
    if ('jkt' in judged) return judged.jkt
    const reason = judged.fault === 'nonce_wrong' ? 'dpop_nonce_needed' : 'dpop_proof_invalid'
    throw new OAuthError(reason, { client_id, cause: judged.fault })
  }

type Read =
  | Readonly<{ jkt: string; claims: Readonly<Record<string, unknown>> }>
  | Readonly<{ fault: ProofFault }>

const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/** RFC 9449 §4.3 – Checks 2 to 7: the form of a proof, its key, and its signature. */
const createReadProof = () => {
  const importedKeyOf = createProofKeys()
  return (proof: string): Read => {
    // Two headers arrive as one, joined by a comma, and are no JWT (check 1).
    if (proof.length > PROOF_MAX_CHARACTERS || !COMPACT.test(proof)) return { fault: 'malformed' }
    const [protectedHeader = '', payload = '', signature = ''] = proof.split('.')
    const header = parseSegment(protectedHeader)
    const claims = parseSegment(payload)
    if (header === null || claims === null) return { fault: 'malformed' }
    const key = proofKeyOf(header)
    if (key === null) return { fault: 'key_unacceptable' }
    const imported = importedKeyOf(key)
    if (imported === null) return { fault: 'key_unacceptable' }
    const { publicKey, jkt } = imported
    const signed = { input: `${protectedHeader}.${payload}`, signature: Buffer.from(signature, 'base64url') }
    return isSigned(signed, publicKey, key.alg) ? { jkt, claims } : { fault: 'signature_wrong' }
  }
}

const parseSegment = (segment: string): Readonly<Record<string, unknown>> | null => {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'))
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null
  } catch {
    return null
  }
}

type SignedInput = Readonly<{ input: string; signature: Buffer }>

/** RFC 7518 §3.3, §3.4, §3.5, RFC 8037 §3.1 */
const isSigned = ({ input, signature }: SignedInput, key: KeyObject, alg: DpopAlgorithm): boolean => {
  const data = Buffer.from(input, 'latin1')
  switch (alg) {
    case 'ES256':
      return verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'EdDSA':
    case 'Ed25519':
      return verify(null, data, key, signature)
    case 'RS256':
      return verify('sha256', data, key, signature)
    case 'PS256': {
      const padding = constants.RSA_PKCS1_PSS_PADDING
      return verify('sha256', data, { key, padding, saltLength: 32 }, signature)
    }
  }
}
