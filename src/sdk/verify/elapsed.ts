/** A monotonic clock in seconds, by which ages and pauses are measured. */
export type Elapsed = () => number

/**
 * The runtime's monotonic clock stands still while its machine is suspended. A step forward of the wall clock alone, by a second or more,
 * is therefore added; a smaller step is drift. Of a clock that the service brings (`now`, in milliseconds), only steps forward are
 * counted. A step back counts as no time.
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
