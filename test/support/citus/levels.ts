import type { Placement } from '../../../src/store/schema/distribution.ts'
import { isNode, type Node, nodesOf, statementsOf, stringsOf } from '../statement-rules.ts'

/**
 * The queries of a statement, read as the planner of Citus reads them: which tables each has, and whether equalities tie the column with the
 * person to a parameter.
 */

/** What a query reads from: a table, or another query, such as a member of a `with`. */
export type Source = Readonly<{
  alias: string
  /** Null for a query or a function. */
  table: string | null
  /** The column by which the table is distributed; null for everything else. */
  by: string | null
  /** The columns of a query that are tied to a parameter. */
  tied: ReadonlySet<string>
}>

/** One query of a statement, without those inside it. */
export type Level = Readonly<{
  kind: 'SelectStmt' | 'InsertStmt' | 'UpdateStmt' | 'DeleteStmt'
  node: Node
  /** `expression`: an `exists`, an `in` or a value. */
  role: 'statement' | 'with' | 'from' | 'expression'
  /** The member of a `with` that it is in. Citus may put one that is read once into its reader, unless it is materialized or changes rows. */
  member: Member | null
  isRecursive: boolean
  sources: readonly Source[]
  /**
   * The distributed sources of which it asks all shards. The parameters of a query alone tie what it reads: Citus carries out the members of a
   * `with` by themselves, and knows their results when it has chosen the shards. Each row of an insert goes to its own shard, so that its person
   * may come from another query.
   */
  untied: readonly Source[]
  /** True when two distributed sources are neither tied nor joined by their persons. */
  crossesShards: boolean
  /** The distributed sources of the queries around it that it names. */
  correlated: readonly Source[]
}>

export type Member = Readonly<{ name: string; isMaterialized: boolean }>

export type Placements = Readonly<Record<string, Placement>>

type Output = Readonly<{ name: string; isTied: boolean }>
type Scope = Readonly<{
  placements: Placements
  queries: ReadonlyMap<string, readonly Output[]>
  outer: Query | null
  /** True where the planner joins it with the query around: an `exists` that holds for every row, with or without a `not`. */
  isJoined?: boolean
  role: Level['role']
  member: Member | null
  isRecursive: boolean
}>
/** A query while it is read. */
type Query = Readonly<{ sources: readonly Source[]; equalities: readonly Equality[]; scope: Scope }>
type Equality = Readonly<[Node, Node]>
type Read = Readonly<{ levels: readonly Level[]; outputs: readonly Output[] }>

/** The key of all parameters and constants. */
const GIVEN = '$'
/** The key of what is one value, which Citus does not know when it chooses the shards: the result of a query, or a column of the query around. */
const VALUE = '='
/** Begins the key of a column of the query around. */
const OUTER = '^'
const QUERIES = ['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt'] as const

export const levelsOf = (text: string, placements: Placements): readonly Level[] =>
  statementsOf(text).flatMap(statement => {
    const root = isNode(statement) ? statement['stmt'] : null
    const scope = {
      placements,
      queries: new Map(),
      outer: null,
      role: 'statement',
      member: null,
      isRecursive: false,
    } as const
    return isQuery(root) ? readQuery(root, scope).levels : []
  })

const isQuery = (value: unknown): value is Node => isNode(value) && QUERIES.some(kind => kind in value)

const readQuery = (wrapper: Node, scope: Scope): Read => {
  const kind = QUERIES.find(known => known in wrapper)
  const node = kind === undefined ? undefined : wrapper[kind]
  if (kind === undefined || !isNode(node)) return { levels: [], outputs: [] }
  const members = readMembers(node, scope)
  const inner = { ...scope, queries: members.queries }
  const arms = [node['larg'], node['rarg']].filter(isNode)
  if (arms.length > 0) {
    const reads = arms.map(arm => readQuery({ SelectStmt: arm }, inner))
    const outputs = (reads[0]?.outputs ?? []).map(({ name }, at) => ({
      name,
      isTied: reads.every(read => read.outputs[at]?.isTied === true),
    }))
    return { levels: [...members.levels, ...reads.flatMap(({ levels }) => levels)], outputs }
  }
  const read = kind === 'InsertStmt' ? readInsert(node, inner) : readLevel(kind, node, inner)
  return { levels: [...members.levels, ...read.levels], outputs: read.outputs }
}

/** The members of a `with`, each of which those after it can read. */
const readMembers = (node: Node, scope: Scope) => {
  const clause = node['withClause']
  const queries = new Map(scope.queries)
  const levels: Level[] = []
  if (!isNode(clause)) return { queries, levels }
  for (const member of listOf(clause['ctes'])) {
    const { ctename, ctequery, ctematerialized, aliascolnames } = unwrap(member)
    if (!isNode(ctequery)) continue
    const isRecursive = clause['recursive'] === true
    const isMaterialized = ctematerialized === 'CTEMaterializeAlways' || !('SelectStmt' in ctequery)
    const own = { name: String(ctename), isMaterialized }
    const read = readQuery(ctequery, {
      ...scope,
      queries,
      outer: null,
      role: 'with',
      member: own,
      isRecursive,
    })
    const names = stringsOf(aliascolnames).map(String)
    levels.push(...read.levels)
    queries.set(
      String(ctename),
      read.outputs.map((output, at) => ({ ...output, name: names[at] ?? output.name })),
    )
  }
  return { queries, levels }
}

const readLevel = (kind: Level['kind'], node: Node, scope: Scope, more: readonly Source[] = []): Read => {
  const relation = isNode(node['relation']) ? [sourceOf(node['relation'], scope)] : []
  const items = [...listOf(node['fromClause']), ...listOf(node['usingClause'])]
  const equalities = equalitiesOf([node['whereClause'], ...items.flatMap(conditionsOf)])
  const levels: Level[] = []
  const sources = [...more, ...relation]
  for (const item of items.flatMap(leavesOf)) {
    const outer = { sources: [...sources], equalities, scope }
    const read = readItem(item, { ...scope, outer, isJoined: false })
    levels.push(...read.levels)
    sources.push(read.source)
  }
  const query = { sources, equalities, scope }
  const joined = new Set(existsOf(node['whereClause']))
  const inside = subqueriesOf(node).flatMap(
    subquery =>
      readQuery(subquery, {
        ...scope,
        outer: query,
        isJoined: joined.has(subquery),
        role: 'expression',
        isRecursive: false,
      }).levels,
  )
  const returning = isNode(node['returningClause']) ? node['returningClause']['exprs'] : null
  const outputs = listOf(kind === 'SelectStmt' ? node['targetList'] : returning).flatMap(target =>
    outputsOf(unwrap(target), query),
  )
  return { levels: [...levels, ...inside, levelOf(kind, node, query)], outputs }
}

/** An insert writes the person that its query gives for the column. */
const readInsert = (node: Node, scope: Scope): Read => {
  const target = isNode(node['relation']) ? sourceOf(node['relation'], scope) : null
  const select = isNode(node['selectStmt']) ? unwrap(node['selectStmt']) : {}
  const rows = listOf(select['valuesLists']).map(row => listOf(unwrap(row)['items']))
  const none: Query = { sources: [], equalities: [], scope }
  const read =
    rows.length > 0
      ? { levels: [], outputs: rows.map(row => row.map(value => isTied(value, none))) }
      : withRows(readQuery({ SelectStmt: select }, { ...scope, role: 'from', isRecursive: false }))
  const at = listOf(node['cols']).findIndex(column => unwrap(column)['name'] === target?.by)
  // A column that is left out has its default, which is a constant.
  const isOfOne = at < 0 || read.outputs.every(row => row[at] === true)
  const { relation: _, ...rest } = node
  const source =
    target === null
      ? []
      : [isOfOne && target.by !== null ? { ...target, tied: new Set([target.by]) } : target]
  const own = readLevel('InsertStmt', rest, scope, source)
  return { levels: [...read.levels, ...own.levels], outputs: own.outputs }
}

const withRows = ({ levels, outputs }: Read) => ({ levels, outputs: [outputs.map(output => output.isTied)] })

const levelOf = (kind: Level['kind'], node: Node, query: Query): Level => {
  const distributed = query.sources.filter(({ by }) => by !== null)
  const [given, tied] = [closureOf(query, [GIVEN]), tiedKeys(query)]
  const outside = distributed.filter(source => !tied.has(keyOf(source)))
  const reached = closureOf(query, outside.slice(0, 1).map(keyOf))
  const correlated = outerSourcesIn(node, query)
  return {
    kind,
    node,
    role: query.scope.role,
    member: query.scope.member,
    isRecursive: query.scope.isRecursive,
    sources: query.sources,
    untied: kind === 'InsertStmt' ? outside : distributed.filter(source => !given.has(keyOf(source))),
    crossesShards:
      outside.some(source => !reached.has(keyOf(source))) ||
      (outside.length > 0 && outside.length < distributed.length) ||
      (outside.length > 0 &&
        correlated.length > 0 &&
        !correlated.some(source => reached.has(OUTER + keyOf(source)))),
    correlated,
  }
}

const keyOf = ({ alias, by }: Source): string => `${alias}.${by}`

/** The keys that equalities tie to those given. */
const closureOf = (query: Query, start: readonly string[]): ReadonlySet<string> => {
  const pairs = query.equalities.map(sides => sides.map(side => keyOfExpression(side, query)))
  const reached = new Set(start)
  for (let size = -1; size !== reached.size; ) {
    size = reached.size
    for (const [left, right] of pairs)
      if (typeof left === 'string' && typeof right === 'string') {
        if (reached.has(left)) reached.add(right)
        if (reached.has(right)) reached.add(left)
      }
  }
  return reached
}

const tiedKeys = (query: Query): ReadonlySet<string> =>
  closureOf(query, [
    GIVEN,
    VALUE,
    ...query.sources.flatMap(({ alias, tied }) => [...tied].map(column => `${alias}.${column}`)),
  ])

const isTied = (expression: unknown, query: Query): boolean => {
  const key = keyOfExpression(expression, query)
  return key !== null && tiedKeys(query).has(key)
}

/** Null for an expression that no equality can tie. */
const keyOfExpression = (expression: unknown, query: Query): string | null => {
  if (!isNode(expression)) return null
  const { ColumnRef: column, TypeCast: cast, CoalesceExpr: first, SubLink: link } = expression
  if ('ParamRef' in expression || 'A_Const' in expression) return GIVEN
  if (isNode(cast)) return keyOfExpression(cast['arg'], query)
  if (isNode(first)) return keyOfExpression(listOf(first['args'])[0], query)
  if (isNode(link)) return isTiedValue(link, query) ? VALUE : null
  if (!isNode(column)) return null
  const [alias, name] = qualifiedOf(column)
  const source = findSource(query.sources, { alias, name })
  if (source !== undefined) return `${source.alias}.${name}`
  const { outer, isJoined } = query.scope
  if (outer === null) return null
  // A row of the query around is one row here.
  const key = keyOfExpression(expression, outer)
  if (key === null) return null
  if (isJoined === true && closureOf(outer, [GIVEN]).has(key)) return GIVEN
  return tiedKeys(outer).has(key) ? VALUE : `${OUTER}${key}`
}

const isTiedValue = ({ subLinkType, subselect }: Node, query: Query): boolean =>
  subLinkType === 'EXPR_SUBLINK' &&
  isNode(subselect) &&
  readQuery(subselect, { ...query.scope, outer: null, role: 'expression' }).outputs[0]?.isTied === true

type Named = Readonly<{ alias: string | null; name: string }>

const qualifiedOf = (column: Node): readonly [string | null, string] => {
  const names = stringsOf(column['fields']).map(String)
  return [names.length > 1 ? (names[0] ?? null) : null, names.at(-1) ?? '*']
}

/** Of a column without an alias: the table that is distributed by it, or the query in which it is tied. */
const findSource = (sources: readonly Source[], { alias, name }: Named): Source | undefined =>
  sources.find(source =>
    alias === null ? source.by === name || source.tied.has(name) : source.alias === alias,
  )

const outputsOf = (target: Node, query: Query): readonly Output[] => {
  const { name, val } = target
  const column = isNode(val) ? val['ColumnRef'] : null
  if (isNode(column) && nodesOf(column).some(([kind]) => kind === 'A_Star')) {
    const [alias] = stringsOf(column['fields'])
    return query.sources
      .filter(source => alias === undefined || source.alias === alias)
      .flatMap(source =>
        [...source.tied, ...(source.by === null ? [] : [source.by])].map(own => [source, own] as const),
      )
      .map(([source, own]) => ({ name: own, isTied: tiedKeys(query).has(`${source.alias}.${own}`) }))
  }
  const own = isNode(column) ? stringsOf(column['fields']).map(String).at(-1) : undefined
  return [{ name: typeof name === 'string' ? name : (own ?? ''), isTied: isTied(val, query) }]
}

/** The tables, queries and functions that a `from` joins. */
const leavesOf = (item: unknown): readonly Node[] => {
  if (!isNode(item)) return []
  const { JoinExpr: join, RangeTableSample: sample } = item
  if (isNode(sample)) return leavesOf(sample['relation'])
  return isNode(join) ? [join['larg'], join['rarg']].flatMap(leavesOf) : [item]
}

const conditionsOf = (item: unknown): readonly unknown[] => {
  const join = isNode(item) ? item['JoinExpr'] : null
  return isNode(join) ? [join['quals'], ...[join['larg'], join['rarg']].flatMap(conditionsOf)] : []
}

const readItem = (item: Node, scope: Scope): Readonly<{ source: Source; levels: readonly Level[] }> => {
  const { RangeVar: table, RangeSubselect: subselect } = item
  if (isNode(table)) return { source: sourceOf(table, scope), levels: [] }
  const alias = aliasOf(isNode(subselect) ? subselect : unwrap(item))
  const subquery = isNode(subselect) ? subselect['subquery'] : null
  if (!isNode(subquery)) return { source: { alias, table: null, by: null, tied: new Set() }, levels: [] }
  const { levels, outputs } = readQuery(subquery, { ...scope, role: 'from', isRecursive: false })
  return { source: queried(alias, outputs), levels }
}

const sourceOf = (table: Node, { placements, queries }: Scope): Source => {
  const name = String(table['relname'])
  const alias = aliasOf(table) || name
  const query = table['schemaname'] === undefined ? queries.get(name) : undefined
  if (query !== undefined) return queried(alias, query)
  // A partition of the events is where its table is.
  const placement = placements[name.replace(/_(?:default|\d{4}_\d{2})$/, '')]
  return {
    alias,
    table: name,
    by: placement !== undefined && 'by' in placement ? placement.by : null,
    tied: new Set(),
  }
}

const queried = (alias: string, outputs: readonly Output[]): Source => ({
  alias,
  table: null,
  by: null,
  tied: new Set(outputs.flatMap(({ name, isTied: is }) => (is ? [name] : []))),
})

const aliasOf = (node: Node): string => (isNode(node['alias']) ? String(node['alias']['aliasname']) : '')

/** The equalities that hold for every row: those of an `and`. */
const equalitiesOf = (conditions: readonly unknown[]): readonly Equality[] =>
  conditions.flatMap(condition => {
    if (!isNode(condition)) return []
    const { BoolExpr: all, A_Expr: comparison } = condition
    if (isNode(all)) return all['boolop'] === 'AND_EXPR' ? equalitiesOf(listOf(all['args'])) : []
    if (!isNode(comparison) || comparison['kind'] !== 'AEXPR_OP') return []
    if (stringsOf(comparison['name'])[0] !== '=') return []
    const [left, right] = [sidesOf(comparison['lexpr']), sidesOf(comparison['rexpr'])]
    return left.flatMap((side, at) => {
      const other = right[at]
      return other === undefined ? [] : [[side, other] as const]
    })
  })

const sidesOf = (expression: unknown): readonly Node[] => {
  const row = isNode(expression) ? expression['RowExpr'] : null
  return isNode(row) ? listOf(row['args']).filter(isNode) : [expression].filter(isNode)
}

/** The queries in the expressions of a query, without those inside them. */
const subqueriesOf = (node: Node): readonly Node[] => {
  const { withClause: _with, fromClause: from, usingClause: using, selectStmt: _select, ...rest } = node
  const conditions = [...listOf(from), ...listOf(using)].flatMap(conditionsOf)
  return [rest, conditions].flatMap(subqueriesIn)
}

const subqueriesIn = (value: unknown): readonly Node[] => {
  if (Array.isArray(value)) return value.flatMap(subqueriesIn)
  if (!isNode(value)) return []
  const link = value['SubLink']
  if (!isNode(link)) return Object.values(value).flatMap(subqueriesIn)
  return [...(isNode(link['subselect']) ? [link['subselect']] : []), ...subqueriesIn(link['testexpr'])]
}

/** The queries of each `exists` that holds for every row, and of each `not exists`. */
const existsOf = (condition: unknown): readonly Node[] => {
  const { BoolExpr: all, SubLink: link } = isNode(condition) ? condition : {}
  if (isNode(all)) return all['boolop'] === 'OR_EXPR' ? [] : listOf(all['args']).flatMap(existsOf)
  if (!isNode(link) || link['subLinkType'] !== 'EXISTS_SUBLINK') return []
  return [link['subselect']].filter(isNode)
}

/** The distributed sources of the queries around that a query names. */
const outerSourcesIn = (node: Node, { sources, scope: { outer } }: Query): readonly Source[] => {
  if (outer === null) return []
  const columns = nodesOf({ ...node, withClause: null }).filter(([kind]) => kind === 'ColumnRef')
  return columns.flatMap(([, column]) => {
    const [alias, name] = qualifiedOf(column)
    if (alias === null || findSource(sources, { alias, name }) !== undefined) return []
    const source = findSource(outer.sources, { alias, name })
    return source === undefined || source.by === null ? [] : [source]
  })
}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The node in a wrapper that has its kind as the only field. */
export const unwrap = (value: unknown): Node => {
  const [inner] = isNode(value) ? Object.values(value) : []
  return isNode(inner) ? inner : {}
}
