/** Seconds that only grow: what ages and pauses are measured by, so that a clock that is set changes none of them. */
export type Elapsed = () => number

/**
 * Of the runtime; where a service brings a clock of its own, as tests do, by what that one goes forward: a step back is no time.
 * `now` in milliseconds.
 */
export const elapsedBy = (now: (() => number) | undefined): Elapsed => {
  if (now === undefined) return () => performance.now() / 1000
  let last = now()
  let sum = 0
  return () => {
    const time = now()
    sum += Math.max(0, time - last)
    last = time
    return sum / 1000
  }
}
