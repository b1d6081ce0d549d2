/** A monotonic clock in seconds, by which ages and pauses are measured. */
export type Elapsed = () => number

/**
 * The runtime's monotonic clock stands still while its machine is suspended. A second or more by which the wall clock alone went
 * forward is therefore added; less than a second is drift. A clock that the service brings (`now`, in milliseconds) is counted by its
 * steps forward alone. A step back counts as no time.
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
