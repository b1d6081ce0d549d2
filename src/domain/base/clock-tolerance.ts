/** Ours: seconds by which another party's clock may differ: for client assertions, and the default of verifiers. */
export const CLOCK_TOLERANCE_SECONDS = 5

/**
 * Ours: the highest tolerance, in seconds, that a verifier accepts. A revocation is kept for that much longer than its token lives here,
 * because a verifier would otherwise accept the token again once the revocation is forgotten.
 */
export const CLOCK_TOLERANCE_MAX_SECONDS = 300
