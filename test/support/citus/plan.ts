import type { ISql } from 'postgres'
import type { Recorded } from '../statement-recorder.ts'
import { nodesOf } from '../statement-rules.ts'

type Plan = Readonly<{
  /** The most shards that a part of the statement asks: each part has a task for each of its shards. */
  tasks: number
  /** True where the rows of an insert pass through the coordinator: they have no task before they are known. */
  isSpread: boolean
}>

/** The plan that Citus makes of a statement. Nothing is carried out. */
export const readPlan = async (
  sql: ISql,
  { text, parameters }: Pick<Recorded, 'text' | 'parameters'>,
): Promise<Plan> => {
  const rows: unknown = await Reflect.apply(
    (...query: Parameters<ISql['unsafe']>) => sql.unsafe(...query),
    null,
    [
      `explain (format json, costs off) ${text.replaceAll('signet.', '')}`,
      [...parameters],
      { prepare: true },
    ],
  )
  const nodes = nodesOf(rows).map(([, node]) => node)
  const tasks = nodes.map(({ 'Task Count': count }) => (typeof count === 'number' ? count : 0))
  const isSpread = nodes.some(({ 'INSERT/SELECT method': method }) => method === 'pull to coordinator')
  return { tasks: Math.max(0, ...tasks), isSpread }
}
