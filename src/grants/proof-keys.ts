import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { type ProofKey, thumbprintInputOf } from '../domain/oauth/dpop-proof.ts'

/** The key of a proof, ready to verify with, and its thumbprint (RFC 7638). */
export type ImportedKey = Readonly<{ publicKey: KeyObject; jkt: string }>

/** Keys of each of two generations: about a kilobyte each. */
const KEYS_OF_A_GENERATION = 1_000

/**
 * Ours – Keys that were imported: an import costs as much as a verification, and a client goes on with its key. An approximate LRU of two
 * generations; the older one is dropped when the younger one is full. Null for a point that is not on its curve.
 */
export const createProofKeys = () => {
  let young = new Map<string, ImportedKey>()
  let old: typeof young = new Map()
  return ({ jwk }: ProofKey): ImportedKey | null => {
    const input = thumbprintInputOf(jwk)
    const recent = young.get(input)
    if (recent !== undefined) return recent
    const key = old.get(input) ?? importKey(jwk, input)
    if (key === null) return null
    if (young.size >= KEYS_OF_A_GENERATION) {
      old = young
      young = new Map()
    }
    young.set(input, key)
    return key
  }
}

const importKey = (jwk: ProofKey['jwk'], input: string): ImportedKey | null => {
  try {
    return {
      publicKey: createPublicKey({ key: { ...jwk }, format: 'jwk' }),
      jkt: hash('sha256', input, 'base64url'),
    }
  } catch {
    return null
  }
}
