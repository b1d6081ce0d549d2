import { parseSync } from 'libpg-query'

/** The rules for statements, checked with the grammar of Postgres. */

/** Features that distributed Postgres lacks, and session state, which is lost behind a pooler. */
const FUNCTIONS =
  /^(?:pg_(?:try_)?advisory_\w+|txid_\w+|pg_current_xact\w*|pg_xact_\w+|pg_(?:current_|export_)?snapshot\w*|pg_visible_in_snapshot|pg_backend_pid|pg_notify|pg_listening_channels|currval|lastval)$/
const SYSTEM_COLUMNS: ReadonlySet<unknown> = new Set(['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'])
const STATEMENTS: ReadonlySet<string> = new Set([
  'ListenStmt',
  'NotifyStmt',
  'UnlistenStmt',
  'VariableSetStmt',
  'DiscardStmt',
  'PrepareStmt',
  'DeclareCursorStmt',
  'LockStmt',
])
const CHANGES: ReadonlySet<string> = new Set(['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'])

/** A node of a parse tree. */
export type Node = Readonly<Record<string, unknown>>

/** The faults of a text with one or several statements. Throws a syntax error of the grammar of Postgres. */
export const findOffences = (text: string): readonly string[] =>
  statementsOf(text).flatMap(statement => {
    const nodes = nodesOf(statement)
    return [...nodes.flatMap(([kind, node]) => offencesOf(kind, node)), ...changedTwice(nodes)]
  })

/** Tables without a schema, and members of a `with` that have the name of a table. */
export const findUnqualified = (text: string, tables: readonly string[]): readonly string[] =>
  statementsOf(text).flatMap(statement => {
    const nodes = nodesOf(statement)
    const members = namesOf(nodes, 'ctename')
    // The name after `for update of` is an alias.
    const locked = namesOf(
      nodes.flatMap(([, { lockedRels }]) => nodesOf(lockedRels)),
      'relname',
    )
    const bare = namesOf(
      nodes.filter(([, { schemaname }]) => schemaname === undefined),
      'relname',
    )
    const known = new Set([...members, ...locked])
    return [
      ...bare
        .filter(name => !known.has(name) && !name.startsWith('pg_'))
        .map(name => `${name} has no schema`),
      ...members.filter(name => tables.includes(name)).map(name => `${name} is the name of a table`),
    ]
  })

const namesOf = (nodes: ReturnType<typeof nodesOf>, field: string): readonly string[] =>
  nodes.flatMap(([, { [field]: name }]) => (typeof name === 'string' ? [name] : []))

export const statementsOf = (text: string): readonly unknown[] => parseSync(text).stmts ?? []

/** Every node of a parse tree with its kind. For a node without a wrapper, the name of its field is the kind. */
export const nodesOf = (value: unknown, kind = ''): readonly (readonly [kind: string, node: Node])[] => {
  if (Array.isArray(value)) return value.flatMap(item => nodesOf(item, kind))
  if (!isNode(value)) return []
  return [[kind, value], ...Object.entries(value).flatMap(([name, inner]) => nodesOf(inner, name))]
}

export const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

const offencesOf = (kind: string, node: Node): readonly string[] => {
  if (STATEMENTS.has(kind)) return [kind]
  if (kind === 'FuncCall') {
    const name = String(stringsOf(node['funcname']).at(-1))
    if (FUNCTIONS.test(name)) return [`${name}()`]
    // A set_config() until the end of the transaction is no session state.
    if (name === 'set_config' && !isTrue(node['args'])) return ['set_config() for the session']
  }
  if (kind === 'ColumnRef' && SYSTEM_COLUMNS.has(stringsOf(node['fields']).at(-1)))
    return [String(stringsOf(node['fields']).at(-1))]
  if (node['relname'] !== undefined && node['relpersistence'] === 't') return ['a temporary table']
  return []
}

export const stringsOf = (value: unknown): readonly unknown[] =>
  nodesOf(value).flatMap(([, { sval }]) => (sval === undefined ? [] : [sval]))

const isTrue = (args: unknown): boolean =>
  Array.isArray(args) && nodesOf(args.at(-1)).some(([, { boolval }]) => boolval === true)

const changedTwice = (nodes: ReturnType<typeof nodesOf>): readonly string[] => {
  const tables = nodes
    .filter(([kind]) => CHANGES.has(kind))
    .map(([, { relation }]) => (isNode(relation) ? String(relation['relname']) : ''))
  return [...new Set(tables.filter((table, index) => tables.indexOf(table) !== index))].map(
    table => `${table} is changed twice`,
  )
}
