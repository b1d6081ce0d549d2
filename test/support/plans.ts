import type { Sql } from 'postgres'
import type { Database } from '../../src/store/postgres/database.ts'
import { createStatementRecorder } from './statement-recorder.ts'

export type Plan = Readonly<{
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: readonly Plan[]
}>

/** A prepared statement gets plans for its own values at first, and one plan for all values when that seems to cost no more. */
export const PLAN_MODES = ['force_custom_plan', 'force_generic_plan'] as const

type Explaining = Readonly<{
  mode: (typeof PLAN_MODES)[number]
  /** Sends one statement. */
  read: (database: Database) => Promise<unknown>
}>

/** The nodes of the plan by which the statement was carried out, as a prepared one. */
export const explain = async (sql: Sql, { mode, read }: Explaining): Promise<readonly Plan[]> => {
  const { answering, recorded } = createStatementRecorder({ isDistributed: false })
  await read(answering([]))
  const [statement] = recorded
  if (statement === undefined) throw new Error('there is no statement')
  const text = statement.text.replaceAll('signet.', 'public.')
  const values = statement.parameters.map(literalOf).join(', ')
  const held = await sql.reserve()
  try {
    await held.unsafe(`set plan_cache_mode = ${mode}`)
    await held.unsafe(`prepare explained as ${text}`)
    const [row] = await held.unsafe<{ 'QUERY PLAN': readonly { Plan: Plan }[] }[]>(
      `explain (analyze, format json) execute explained(${values})`,
    )
    await held.unsafe('deallocate explained')
    const [plan] = row?.['QUERY PLAN'] ?? []
    if (plan === undefined) throw new Error('there is no plan')
    return nodesOf(plan.Plan)
  } finally {
    held.release()
  }
}

const literalOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (typeof value === 'string' || typeof value === 'number')
    return `'${String(value).replaceAll("'", "''")}'`
  throw new TypeError('no literal for this parameter')
}

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

export const scansOf = (nodes: readonly Plan[]): readonly Plan[] =>
  nodes.filter(node => node['Relation Name'] !== undefined)

/** Rows that scans have taken from their tables, those that they dropped too. */
export const readBy = (scans: readonly Plan[]): number =>
  scans
    .map(
      node =>
        (node['Actual Rows'] +
          (node['Rows Removed by Filter'] ?? 0) +
          (node['Rows Removed by Index Recheck'] ?? 0)) *
        node['Actual Loops'],
    )
    .reduce((sum, rows) => sum + rows, 0)
