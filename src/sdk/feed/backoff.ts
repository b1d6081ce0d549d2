/**
 * Seconds between a failure and the next attempt: doubled each time, from the least to the most. The most is below the two seconds in which a
 * follower has to be right after its issuer has come back, and above the pause of a follower that is served (docs/decisions/0066).
 */
export const BACKOFF_SECONDS = { least: 0.1, most: 1.5 } as const

/** Backoff before a request that is repeated after so many failures in succession. */
export const backoffAfter = (failures: number, random: () => number): number =>
  scattered(Math.min(BACKOFF_SECONDS.least * 2 ** (failures - 1), BACKOFF_SECONDS.most), random)

/**
 * Backoff before a repeated request for the whole set: two issuers with different databases under one name reject each other's cursors
 * again and again. Half of the staleness bound at most, so that the knowledge stays current.
 */
export const backoffOfBeginning = (
  { gone, max_stale_seconds }: Readonly<{ gone: number; max_stale_seconds: number }>,
  random: () => number,
): number => scattered(Math.min(2 ** (gone - 1), max_stale_seconds / 2), random)

/** Jitter, from a half to the whole: followers that lost a server together must not come back together. `random` is from 0 to 1. */
const scattered = (seconds: number, random: () => number): number => seconds * (0.5 + random() / 2)
