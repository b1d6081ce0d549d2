import type { Wait } from '../ports.ts'

/** How much longer a refusal takes than the dearest digest: another load at the same moment must not carry that one beyond. */
const MARGIN = 2
/** What the dearest digest counts for after another one that was cheaper: nobody waits for ever for one that has been renewed. */
const FADING = 0.97
/** However dear a digest is. */
const HOLD_MAX_MILLISECONDS = 4_000

/**
 * Ours – An imported digest of another kind, or of a higher cost, takes a time of its own, and would tell its account from an
 * e-mail that nobody has. As soon as one has been seen, every refusal is held until it has taken twice as long as the dearest of
 * them; it is a timer that holds, no worker. Where there is none, nobody waits.
 */
export const createLevel = ({ wait }: { wait: Wait }) => {
  let floor_milliseconds = 0
  return {
    /** An unusual digest took that long, whatever came of it. */
    learn: (milliseconds: number): void => {
      const seen = Math.min(milliseconds * MARGIN, HOLD_MAX_MILLISECONDS)
      floor_milliseconds = Math.max(floor_milliseconds * FADING, seen)
    },
    /** Resolves when a refusal that has taken that long is no shorter than any other. */
    hold: async (milliseconds: number): Promise<void> => {
      const rest = floor_milliseconds - milliseconds
      if (rest > 0) await wait(rest)
    },
  }
}
