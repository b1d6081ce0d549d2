import type { ISql } from 'postgres'
import type { Recorded } from '../statement-recorder.ts'
import { nodesOf } from '../statement-rules.ts'

/**
 * `tasks`: the most shards that a part of the statement asks, in the plan of Citus, where each part has a task for each of them. `isSpread`:
 * the rows of an insert pass through the coordinator, and have no task before they are known.
 */
type Plan = Readonly<{ tasks: number; isSpread: boolean }>

/** The plan of Citus. Nothing is carried out. */
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
