import type { Wait } from '../ports/effects.ts'

/** A factor on the time of the slowest digest, so that the same digest under a higher load does not take longer than the floor. */
const MARGIN = 1.5
/** A digest counts for one to two windows, so that refusals become fast again after the digest was replaced. */
const WINDOW_MILLISECONDS = 600_000
/** The largest floor of one digest, however slow the digest is. */
const HOLD_MAX_MILLISECONDS = 4_096

/**
 * Ours – A digest of another scheme or cost takes a different time, which would tell its account from an unknown e-mail. Once such a
 * digest has been seen, a timer, not a worker, delays every refusal to a floor of 1.5 times the time of the slowest such digest.
 * Without such digests there is no delay. The floor is rounded up to a power of two and is lowered only at the end of a window: a floor
 * that moved a little with each attempt would tell which account was tried a moment ago.
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
    /** Records the time of one comparison with an unusual digest, whatever its result. */
    learn: (milliseconds: number): void => {
      turn()
      dearest = Math.max(dearest, milliseconds)
    },
    /** Waits until a refusal that has taken `milliseconds`, for this number of digests, has reached the floor. */
    hold: async (milliseconds: number, digests: number): Promise<void> => {
      turn()
      const floor = digests * floorOf(Math.max(dearest, dearest_before))
      if (floor > milliseconds) await wait(floor - milliseconds)
    },
  }
}

const floorOf = (milliseconds: number): number =>
  milliseconds === 0 ? 0 : Math.min(2 ** Math.ceil(Math.log2(milliseconds * MARGIN)), HOLD_MAX_MILLISECONDS)
