import type { ISql } from 'postgres'
import type { Recorded } from '../statement-recorder.ts'
import { nodesOf } from '../statement-rules.ts'

/**
 * The most shards that a part of the statement asks, in the plan of Citus: each part has a task for each of them. Nothing is carried out. The
 * rows of an insert that pass through the coordinator have no task before they are known.
 */
export const countTasks = async (
  sql: ISql,
  { text, parameters }: Pick<Recorded, 'text' | 'parameters'>,
): Promise<number> => {
  const rows: unknown = await Reflect.apply(
    (...query: Parameters<ISql['unsafe']>) => sql.unsafe(...query),
    null,
    [
      `explain (format json, costs off) ${text.replaceAll('signet.', '')}`,
      [...parameters],
      { prepare: true },
    ],
  )
  const tasks = nodesOf(rows).map(([, { 'Task Count': count }]) => (typeof count === 'number' ? count : 0))
  return Math.max(0, ...tasks)
}
