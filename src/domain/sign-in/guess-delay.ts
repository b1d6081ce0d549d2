/** Failures in a row without a delay, because people mistype. */
const FREE_FAILURES = 5
const FIRST_MILLISECONDS = 1_000
export const GUESS_DELAY_MAX_MILLISECONDS = 10_000

/** Ours (docs/decisions/0032) – Milliseconds that the next attempt waits: after five failures 1 second, then 2, 4, 8 and 10. No lock. */
export const guessDelayAfter = (failures: number): number => {
  if (failures < FREE_FAILURES) return 0
  return Math.min(FIRST_MILLISECONDS * 2 ** (failures - FREE_FAILURES), GUESS_DELAY_MAX_MILLISECONDS)
}
