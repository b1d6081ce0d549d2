import type { Wait } from '../ports/effects.ts'

/** How much longer a refusal takes than the dearest digest: another load at the same moment must not carry that one beyond. */
const MARGIN = 1.5
/** For so long, and at most for twice as long, a digest counts: nobody waits for ever for one that has been renewed. */
const WINDOW_MILLISECONDS = 600_000
/** However dear a digest is. */
const HOLD_MAX_MILLISECONDS = 4_096

/**
 * Ours – A digest of another kind, or of another cost than today's, takes a time of its own, and would tell its account from an
 * e-mail that nobody has. As soon as one has been seen, every refusal is held until it has taken as long as the dearest of them,
 * and half as much again; it is a timer that holds, no worker. Where there is none, nobody waits.
 * That time is a power of two and follows the clock: it would tell what was tried a moment ago if each attempt moved it a little.
 */
export const createTimingFloor = ({
  wait,
  now = () => performance.now(),
}: {
  wait: Wait
  now?: () => number
}) => {
  let dearest = 0
  let dearest_before = 0
  let since = now()
  const turn = () => {
    const windows = Math.floor((now() - since) / WINDOW_MILLISECONDS)
    if (windows === 0) return
    dearest_before = windows === 1 ? dearest : 0
    dearest = 0
    since += windows * WINDOW_MILLISECONDS
  }
  return {
    /** One unusual digest took that long, whatever came of it. */
    learn: (milliseconds: number): void => {
      turn()
      dearest = Math.max(dearest, milliseconds)
    },
    /** Resolves when a refusal that has taken that long, for so many digests, is no shorter than any other. */
    hold: async (milliseconds: number, digests: number): Promise<void> => {
      turn()
      const floor = digests * floorOf(Math.max(dearest, dearest_before))
      if (floor > milliseconds) await wait(floor - milliseconds)
    },
  }
}

const floorOf = (milliseconds: number): number =>
  milliseconds === 0 ? 0 : Math.min(2 ** Math.ceil(Math.log2(milliseconds * MARGIN)), HOLD_MAX_MILLISECONDS)
