import { isNode, type Node, nodesOf, stringsOf } from '../statement-rules.ts'
import { type Level, levelsOf, listOf, type Placements, unwrap } from './levels.ts'

/**
 * What Citus carries out in another way than one Postgres, without an error. `whole_table`: an outer join from rows of the coordinator brings
 * all rows of the distributed table there. `distinct_insert`: the defaults of the inserted columns, such as a random id, are drawn before equal
 * rows are left out. `seen_change`: a query reads a table that another query of the statement has changed before it, and sees the change.
 */
type Trap = `${'whole_table' | 'distinct_insert' | 'seen_change'} ${string}`

/** The traps of a statement, each with its table. None for a statement without a distributed table. */
export const findTraps = (text: string, placements: Placements): readonly Trap[] => {
  const levels = levelsOf(text, placements)
  if (!levels.some(({ sources }) => sources.some(({ by }) => by !== null))) return []
  const found: readonly Trap[] = [
    ...levels.flatMap(wholeTables).map(table => `whole_table ${table}` as const),
    ...levels.filter(isDistinctInsert).map(({ sources }) => `distinct_insert ${sources[0]?.table}` as const),
    ...(isOfOneShard(levels) ? [] : seenChanges(levels).map(table => `seen_change ${table}` as const)),
  ]
  return [...new Set(found)]
}

const wholeTables = (level: Level): readonly string[] =>
  nodesOf(level.node['fromClause']).flatMap(([kind, { jointype, larg, rarg }]) => {
    if (kind !== 'JoinExpr') return []
    const [left, right] = [tablesIn(level, larg), tablesIn(level, rarg)]
    if (jointype === 'JOIN_LEFT' && left.length === 0) return right
    return jointype === 'JOIN_RIGHT' && right.length === 0 ? left : []
  })

/** The distributed tables of a side of a join of which all shards are asked. */
const tablesIn = ({ untied }: Level, side: unknown): readonly string[] => {
  const aliases = new Set(
    nodesOf(side).flatMap(([kind, node]) => (kind === 'RangeVar' ? [aliasOf(node)] : [])),
  )
  return untied.filter(({ alias }) => aliases.has(alias)).map(({ table }) => String(table))
}

const aliasOf = ({ alias, relname }: Node): string => String(isNode(alias) ? alias['aliasname'] : relname)

const isDistinctInsert = ({ kind, node }: Level): boolean =>
  kind === 'InsertStmt' && listOf(unwrap(node['selectStmt'])['distinctClause']).length > 0

/** Such a statement goes whole to one shard, and Postgres carries it out there. */
const isOfOneShard = (levels: readonly Level[]): boolean =>
  levels.every(
    ({ kind, role, untied, sources }) =>
      untied.length === 0 &&
      !(kind === 'InsertStmt' && role === 'with') &&
      sources.every(({ table, by }) => table === null || by !== null),
  )

/** Citus carries out the members of a `with` one after the other, and the query that reads them last. */
const seenChanges = (levels: readonly Level[]): readonly string[] =>
  levels.flatMap((changing, at) => {
    const table = changing.kind === 'SelectStmt' ? null : changing.sources[0]?.table
    if (typeof table !== 'string') return []
    const isSeen = levels.some(
      (reading, other) =>
        reading !== changing &&
        reading.sources.some(source => source.table === table) &&
        !(changing.kind === 'UpdateStmt' && readsPersonAlone(reading)) &&
        positionOf(reading, { levels, at: other }) > at,
    )
    return isSeen ? [table] : []
  })

/** What an update leaves as it was: which rows there are, and whose they are. */
const readsPersonAlone = ({ kind, node, sources: [source, ...others] }: Level): boolean =>
  kind === 'SelectStmt' &&
  source !== undefined &&
  others.length === 0 &&
  nodesOf(node).every(
    ([name, { fields }]) => name !== 'ColumnRef' || stringsOf(fields).map(String).at(-1) === source.by,
  )

type Place = Readonly<{ levels: readonly Level[]; at: number }>

/** The last reader of a member that Citus may put into it. */
const positionOf = ({ member }: Level, { levels, at }: Place): number => {
  if (member === null || member.isMaterialized) return at
  const readers = levels.flatMap(({ node }, other) =>
    nodesOf({ ...node, withClause: null }).some(
      ([, { relname, schemaname }]) => relname === member.name && schemaname === undefined,
    )
      ? [other]
      : [],
  )
  return Math.max(at, ...readers)
}
