/** Remembers proofs that were shown. False when it knows the proof already. */
export type ProofMemory = (proof: string, now_seconds: number) => boolean

/**
 * RFC 9449 §11.1 – Ours: two generations of proofs, of which the older one is dropped once the younger one is full, or covers the time for
 * which a proof is good. Of one process: a service of several instances asks for a nonce, or takes a proof once at each of them. The size
 * is bounded, since a client with a genuine token may send any number of proofs; only such proofs are remembered.
 */
export const createProofMemory = ({
  size,
  seconds,
}: Readonly<{ size: number; seconds: number }>): ProofMemory => {
  const half = Math.ceil(size / 2)
  let young = new Set<string>()
  let old: typeof young = new Set()
  let since = 0
  return (proof, now) => {
    const age = now - since
    if (young.size >= half || age >= seconds) {
      // After a pause, what both generations hold is too old to be taken.
      old = age >= 2 * seconds ? new Set() : young
      young = new Set()
      since = now
    }
    if (young.has(proof) || old.has(proof)) return false
    young.add(proof)
    return true
  }
}
