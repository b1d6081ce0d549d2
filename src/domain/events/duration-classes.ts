/**
 * Upper bounds, in seconds, of the classes by which durations are counted for the overview, from requests of milliseconds to followers of the
 * revocation feed that are minutes behind. A longer duration counts in the last class.
 */
export const DURATION_CLASSES = [
  0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 20, 60, 300, 3600,
] as const

const LAST = DURATION_CLASSES[DURATION_CLASSES.length - 1]

/** The class of a duration, as a label. */
export const durationClassOf = (seconds: number): string =>
  String(DURATION_CLASSES.find(bound => seconds <= bound) ?? LAST)

/** How many durations were of a class. */
export type DurationCount = Readonly<{ label: string; count: number }>

/** The bound, in seconds, under which this share of the durations lies; null where none was counted. */
export const quantileOf = (counts: readonly DurationCount[], share: number): number | null => {
  const sorted = counts
    .map(({ label, count }) => ({ bound: Number(label), count }))
    .toSorted((one, other) => one.bound - other.bound)
  const all = sorted.reduce((sum, { count }) => sum + count, 0)
  let below = 0
  for (const { bound, count } of sorted) {
    below += count
    if (count > 0 && below >= all * share) return bound
  }
  return null
}
