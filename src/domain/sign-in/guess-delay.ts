/** Failures in a row that cost nothing: people mistype. */
const FREE_FAILURES = 5
const FIRST_MILLISECONDS = 1_000
export const GUESS_DELAY_MAX_MILLISECONDS = 10_000

/** Ours (docs/decisions/0032) – How long the next attempt waits after that many failures in a row: 1, 2, 4, 8 and then 10 seconds. Never a lock. */
export const guessDelayAfter = (failures: number): number => {
  if (failures < FREE_FAILURES) return 0
  return Math.min(FIRST_MILLISECONDS * 2 ** (failures - FREE_FAILURES), GUESS_DELAY_MAX_MILLISECONDS)
}
