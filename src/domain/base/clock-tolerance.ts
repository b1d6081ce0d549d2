/** Ours: seconds by which another party's clock may differ, for the assertions of clients, and for verifiers that are told nothing else. */
export const CLOCK_TOLERANCE_SECONDS = 5

/**
 * Ours: the most that a verifier may be told to tolerate. To it a token lives for so much longer than to us, and must not come back to
 * life when its revocation is forgotten.
 */
export const CLOCK_TOLERANCE_MAX_SECONDS = 300
