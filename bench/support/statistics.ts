/** The value below which the given share (0–1) of the values lies. */
export const quantile = (values: readonly number[], share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)

/**
 * The probability that two sets of values differ in their ranks as much as these do, or more, when there is no difference: the
 * two-sided Mann-Whitney U test, by the normal approximation, with the correction for ties.
 */
export const mannWhitney = (a: readonly number[], b: readonly number[]): number => {
  const all = [...a.map(value => ({ value, isA: true })), ...b.map(value => ({ value, isA: false }))]
  const sorted = all.toSorted((one, other) => one.value - other.value)
  const size = sorted.length
  let rankSum = 0
  let ties = 0
  for (let start = 0; start < size; ) {
    let end = start
    while (end < size && sorted[end]?.value === sorted[start]?.value) end += 1
    const rank = (start + 1 + end) / 2
    const tied = end - start
    ties += tied ** 3 - tied
    rankSum += rank * sorted.slice(start, end).filter(({ isA }) => isA).length
    start = end
  }
  const product = a.length * b.length
  const u = rankSum - (a.length * (a.length + 1)) / 2
  const deviation = Math.sqrt((product / 12) * (size + 1 - ties / (size * (size - 1))))
  return complementaryError(Math.abs(u - product / 2) / deviation / Math.SQRT2)
}

/** Abramowitz and Stegun 7.1.26, to seven digits. */
const complementaryError = (x: number): number => {
  const t = 1 / (1 + 0.3275911 * x)
  const series = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429]
  return series.reduceRight((sum, factor) => (sum + factor) * t, 0) * Math.exp(-x * x)
}
