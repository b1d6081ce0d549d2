import { isNode, type Node, nodesOf, stringsOf } from '../statement-rules.ts'
import { type Level, levelsOf, listOf, type Placements, unwrap } from './levels.ts'

/** Functions whose result changes within a statement. */
const VOLATILE = /^(?:clock_timestamp|gen_random_uuid|random|nextval|timeofday|set_config)$/
/** Functions whose result is the same within a statement, but depends on its time or on settings. */
const STABLE =
  /^(?:now|(?:statement|transaction)_timestamp|date_trunc|to_char|(?:to_)?jsonb?_build_\w+|to_jsonb?|row_to_json|current_setting|concat(?:_ws)?|array_to_string)$/

/** What Citus 13.2 answers to a statement with a distributed table, by the rule that foretells it. */
export const REFUSALS = {
  lock: 'could not run distributed query with FOR UPDATE/SHARE commands',
  lock_beside_query: 'invalid input syntax for type uuid: "PGCOPY"',
  recursion: 'recursive CTEs are only supported when they contain a filter on the distribution column',
  join: 'complex joins are only supported when all distributed tables are co-located and joined on their distribution columns',
  local_join: 'direct joins between distributed and local tables are not supported',
  no_column: 'a column definition list is required for functions returning "record"',
  no_table:
    'cannot push down this subquery: Subqueries without a FROM clause can only contain immutable functions',
  sample: 'could not determine data type of parameter',
  conflict_target: 'there is no unique or exclusion constraint matching the ON CONFLICT specification',
  conflict_set:
    'functions used in the DO UPDATE SET clause of INSERTs on distributed tables must be marked IMMUTABLE',
  conflict_where:
    'functions used in the WHERE clause of the ON CONFLICT clause of INSERTs on distributed tables must be marked IMMUTABLE',
  returning: 'non-IMMUTABLE functions are not allowed in the RETURNING clause',
  set_volatile: 'functions used in UPDATE queries on distributed tables must not be VOLATILE',
  where_volatile:
    'functions used in the WHERE/ON/WHEN clause of modification queries on distributed tables must not be VOLATILE',
  branch: 'non-IMMUTABLE functions are not allowed in CASE or COALESCE statements',
  stable_of_column: 'STABLE functions used in UPDATE queries cannot be called with column references',
  moved: 'modifying the partition value of rows is not allowed',
} as const

export type Refusal = keyof typeof REFUSALS

/** The rules of Citus that a statement breaks. None for a statement without a distributed table. */
export const findRefusals = (text: string, placements: Placements): readonly Refusal[] => {
  const levels = levelsOf(text, placements)
  if (!levels.some(({ sources }) => sources.some(({ by }) => by !== null))) return []
  return [...new Set(levels.flatMap(level => [...refusalsOfReading(level), ...refusalsOfWriting(level)]))]
}

/** The distributed tables of a statement of which it touches more than one person, as far as the text tells. */
export const findUntied = (text: string, placements: Placements): readonly string[] => [
  ...new Set(levelsOf(text, placements).flatMap(({ untied }) => untied.map(({ table }) => String(table)))),
]

const refusalsOfReading = (level: Level): readonly Refusal[] => {
  const { node, role, sources } = level
  const isLocal = sources.some(({ table, by }) => table !== null && by === null)
  const isDistributed = sources.some(({ by }) => by !== null)
  const isLocking = listOf(node['lockingClause']).length > 0
  const isOfOneShard = level.untied.length === 0 && !isLocal
  return which({
    lock: isLocking && isDistributed && !isOfOneShard,
    // Citus writes the result of the other query in one format and reads it in another, once it has a row.
    lock_beside_query:
      isLocking && isDistributed && isOfOneShard && sources.some(({ table }) => table === null),
    recursion: level.isRecursive && level.untied.length > 0,
    join: level.crossesShards,
    local_join: role === 'expression' && isLocal && level.correlated.length > 0,
    // The result of a query that is carried out before the others is a table, which needs a column.
    no_column:
      role !== 'statement' &&
      level.kind === 'SelectStmt' &&
      listOf(node['targetList']).length === 0 &&
      listOf(node['valuesLists']).length === 0 &&
      (level.untied.length > 0 || isLocal),
    sample: isDistributed && samplesBesideParameters(node),
    no_table:
      isDistributed && sources.filter(({ table }) => table === null).length > 1 && hasRowOfStable(node),
  })
}

/** A parameter of a `tablesample`, where the query has others: Citus forgets their types. */
const samplesBesideParameters = (node: Node): boolean => {
  const samples = nodesOf(node['fromClause']).filter(([kind]) => kind === 'RangeTableSample')
  const own = parametersIn(samples)
  return own.size > 0 && parametersIn(node).size > own.size
}

const parametersIn = (value: unknown): ReadonlySet<unknown> =>
  new Set(nodesOf(value).flatMap(([kind, { number }]) => (kind === 'ParamRef' ? [number] : [])))

/** A `from` with a query that has no `from` and calls a function that is not immutable. */
const hasRowOfStable = (node: Node): boolean =>
  nodesOf(node['fromClause']).some(
    ([kind, query]) => kind === 'SelectStmt' && query['fromClause'] === undefined && callsOf(query, 'stable'),
  )

/** The rules for a change hold for tables of the coordinator too, where the statement has a distributed one. */
const refusalsOfWriting = (level: Level): readonly Refusal[] => {
  if (level.kind === 'SelectStmt') return []
  const { node, kind } = level
  const conflict = isNode(node['onConflictClause']) ? node['onConflictClause'] : {}
  const infer = isNode(conflict['infer']) ? listOf(conflict['infer']['indexElems']) : []
  const by = level.sources[0]?.by ?? null
  const sets = withoutSubqueries(kind === 'UpdateStmt' ? node['targetList'] : null)
  const where = withoutSubqueries(kind === 'InsertStmt' ? null : node['whereClause'])
  const written = listOf(kind === 'UpdateStmt' ? node['targetList'] : conflict['targetList'])
  return which({
    conflict_target: by !== null && infer.length > 0 && !infer.some(one => unwrap(one)['name'] === by),
    conflict_set: callsOf(conflict['targetList'], 'stable'),
    conflict_where: callsOf(conflict['whereClause'], 'stable'),
    returning: callsOf(withoutSubqueries(node['returningClause']), 'stable'),
    set_volatile: callsOf(sets, 'volatile'),
    where_volatile: callsOf(where, 'volatile'),
    branch: [sets, where].some(hasBranch),
    stable_of_column: [sets, where].some(hasStableOfColumn),
    moved: by !== null && written.some(target => unwrap(target)['name'] === by),
  })
}

const which = (rules: Partial<Record<Refusal, boolean>>): readonly Refusal[] =>
  (Object.keys(REFUSALS) as Refusal[]).filter(name => rules[name] === true)

/** `stable`: functions that are not immutable, the volatile ones too. */
export const callsOf = (value: unknown, what: 'volatile' | 'stable'): boolean =>
  nodesOf(value).some(([kind, node]) => {
    if (kind === 'SQLValueFunction') return what === 'stable'
    if (kind !== 'FuncCall') return false
    const name = String(stringsOf(node['funcname']).at(-1))
    return VOLATILE.test(name) || (what === 'stable' && STABLE.test(name))
  })

const hasBranch = (value: unknown): boolean =>
  nodesOf(value).some(
    ([kind, node]) => (kind === 'CaseExpr' || kind === 'CoalesceExpr') && callsOf(node, 'stable'),
  )

/** A function of a column, or a time of a column and an interval. */
const hasStableOfColumn = (value: unknown): boolean =>
  nodesOf(value).some(([kind, node]) => {
    if (kind === 'FuncCall')
      return hasColumn(node['args']) && callsOf({ FuncCall: { ...node, args: [] } }, 'stable')
    const [operator] = kind === 'A_Expr' ? stringsOf(node['name']) : []
    const sides = [node['lexpr'], node['rexpr']]
    return (operator === '+' || operator === '-') && sides.some(hasColumn) && sides.some(isInterval)
  })

const hasColumn = (value: unknown): boolean => nodesOf(value).some(([kind]) => kind === 'ColumnRef')

const isInterval = (value: unknown): boolean =>
  nodesOf(value).some(([, node]) =>
    stringsOf([node['funcname'], node['names']]).some(
      name => name === 'make_interval' || name === 'interval',
    ),
  )

/** Citus carries the queries inside an expression out first, and puts their results in. */
const withoutSubqueries = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutSubqueries)
  if (!isNode(value)) return value
  if ('SubLink' in value) return null
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutSubqueries(inner)]))
}
