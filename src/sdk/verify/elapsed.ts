/** Seconds that only grow: what ages and pauses are measured by. */
export type Elapsed = () => number

/**
 * The runtime's clock stands still while its machine is suspended: a second or more that only the wall clock has seen has passed too.
 * Less is drift. Where a service brings a clock of its own, by what that one goes forward. A step back is no time. `now` in
 * milliseconds.
 */
export const elapsedBy = (now: (() => number) | undefined): Elapsed => {
  const steadyOf = () => (now ? 0 : performance.now())
  const wallOf = now ?? Date.now
  const least = now ? 0 : 1000
  let last = wallOf() - steadyOf()
  let asleep = 0
  return () => {
    const steady = steadyOf()
    const ahead = wallOf() - steady
    if (ahead - last >= least) asleep += ahead - last
    last = ahead
    return (steady + asleep) / 1000
  }
}
