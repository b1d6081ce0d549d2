/**
 * Ours: the most by which a verifier may be told to tolerate a late clock. To it a token lives for so much longer than to us, and
 * must not come back to life when its revocation is forgotten.
 */
export const LATE_SECONDS = 300
