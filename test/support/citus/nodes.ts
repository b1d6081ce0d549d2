import { type Node, nodesOf } from '../statement-rules.ts'
import { type Level, levelsOf, listOf, type Placements, unwrap } from './levels.ts'
import { callsOf } from './refusals.ts'

/** Which nodes of Citus a statement needs, and how it commits on them (docs/decisions/0071). */

/**
 * The distributed tables whose inserted rows Citus takes to the coordinator and sends to every node: the statement fails while one of them is
 * away. The rows of an insert go to one shard alone where it also reads a table of that shard, and draws nothing at random.
 */
export const findSpread = (text: string, placements: Placements): readonly string[] => [
  ...new Set(
    levelsOf(text, placements).flatMap(level => {
      const table = changedIn(level)
      return table !== null && isDistributed(table, placements) && isSpread(level, placements) ? [table] : []
    }),
  ),
]

/** True for a statement that changes rows of people and rows of the coordinator, and does not commit in two phases. */
export const isHalfCommitted = (text: string, placements: Placements): boolean => {
  const changed = levelsOf(text, placements).flatMap(level => changedIn(level) ?? [])
  return (
    changed.some(table => isDistributed(table, placements)) &&
    changed.some(table => !isDistributed(table, placements)) &&
    !changed.some(table => isManaged(table, placements))
  )
}

const changedIn = ({ kind, sources }: Level): string | null =>
  kind === 'SelectStmt' ? null : (sources[0]?.table ?? null)

const isDistributed = (table: string, placements: Placements): boolean => 'by' in (placements[table] ?? {})

const isManaged = (table: string, placements: Placements): boolean => {
  const placement = placements[table]
  return placement !== undefined && 'on' in placement && placement.isManaged === true
}

/** The column of a table whose default is drawn at random. */
const DRAWN: Readonly<Record<string, string>> = { events: 'id' }

const isSpread = ({ kind, node, sources }: Level, placements: Placements): boolean => {
  if (kind !== 'InsertStmt') return false
  const select = unwrap(node['selectStmt'])
  if (listOf(select['valuesLists']).length > 0) return false
  const drawn = DRAWN[sources[0]?.table ?? '']
  return (
    !readsShard(select, placements) ||
    callsOf(select['targetList'], 'volatile') ||
    (drawn !== undefined && !columnsOf(node).includes(drawn))
  )
}

const readsShard = (select: Node, placements: Placements): boolean =>
  nodesOf(select['fromClause']).some(
    ([kind, { schemaname, relname }]) =>
      kind === 'RangeVar' && schemaname !== undefined && isDistributed(String(relname), placements),
  )

const columnsOf = (node: Node): readonly string[] =>
  listOf(node['cols']).map(column => String(unwrap(column)['name']))
