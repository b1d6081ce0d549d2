import type { World } from './world.ts'

/** One figure of the report, with its goal if it has one. */
export type Row = Readonly<{ what: string; seen: number; unit?: string; goal?: Goal }>

type Goal = Readonly<{ most: number } | { least: number }>

/** A benchmark: returns its rows of the report. */
export type Bench = (world: World) => Promise<readonly Row[]>

export const isReached = ({ seen, goal }: Row): boolean => {
  if (goal === undefined) return true
  return 'most' in goal ? seen <= goal.most : seen >= goal.least
}

export const format = (row: Row): string => {
  const { what, seen, unit = '', goal } = row
  const bound = goal && ('most' in goal ? `≤ ${goal.most}` : `≥ ${goal.least}`)
  const verdict = bound === undefined ? '' : `${bound} ${isReached(row) ? 'reached' : 'MISSED'}`
  return `  ${what.padEnd(66)} ${round(seen).padStart(9)} ${unit.padEnd(6)} ${verdict}`.trimEnd()
}

const round = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3))
