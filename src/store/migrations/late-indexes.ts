import type { Sql, TransactionSql } from 'postgres'
import { readCitusState } from '../schema/distribution.ts'
import type { Migration } from '../schema/migrations.ts'

/** An index that a migration makes on a table of an earlier migration, which may have many rows by then. */
export type LateIndex = Readonly<{
  name: string
  table: string
  /** What follows the name of the table. */
  definition: string
  /** The statement of the migration. */
  statement: string
}>

/** Ours: up to this size, the build of an index takes about as long as another change of a table. */
const LARGE_BYTES = 16_000_000

/** A unique index is no late one: a statement may depend on it. */
const CREATE_INDEX = /^(?:\s|--[^\n]*\n)*create index "(\w+)" on "(\w+)" ([^;]+);?\s*$/i
const DROP_INDEX = /^(?:\s|--[^\n]*\n)*drop index (?:if exists )?"(\w+)"/i
const CREATE_TABLE = /^(?:\s|--[^\n]*\n)*create table "(\w+)"/i
const DROP_TABLE = /^(?:\s|--[^\n]*\n)*drop table (?:if exists )?"(\w+)"/i

/** Pure. The indexes that need not be there for a server to be right: without them it is only slower. */
export const lateIndexesOf = ({ up }: Pick<Migration, 'up'>): readonly LateIndex[] => {
  const own = new Set(up.flatMap(createdTables))
  return up.flatMap(statement => {
    const [, name, table, definition] = CREATE_INDEX.exec(statement) ?? []
    if (name === undefined || table === undefined || definition === undefined || own.has(table)) return []
    return [{ name, table, definition: definition.trim(), statement }]
  })
}

/** Pure. The table that a statement creates, or none. */
export const createdTables = (statement: string): readonly string[] =>
  CREATE_TABLE.exec(statement)?.slice(1, 2) ?? []

/** Pure. The late indexes of the applied migrations, the oldest first, without those that a later migration has dropped. */
export const expectedIndexes = (applied: readonly Pick<Migration, 'up'>[]): readonly LateIndex[] => {
  const expected = applied.flatMap((migration, at) =>
    lateIndexesOf(migration).map(index => ({ index, later: applied.slice(at + 1) })),
  )
  const isDropped = ({ name, table }: LateIndex, { up }: Pick<Migration, 'up'>) =>
    up.some(
      statement => DROP_INDEX.exec(statement)?.[1] === name || DROP_TABLE.exec(statement)?.[1] === table,
    )
  return expected
    .filter(({ index, later }) => !later.some(migration => isDropped(index, migration)))
    .map(({ index }) => index)
}

type Expected = Readonly<{ schema: string; expected: readonly LateIndex[] }>

/** The expected indexes that are missing, or that a build has left invalid: `isInvalid`. */
export const findUnbuilt = async (
  sql: Sql | TransactionSql,
  { schema, expected }: Expected,
): Promise<readonly (LateIndex & Readonly<{ isInvalid: boolean }>)[]> => {
  if (expected.length === 0) return []
  const rows = await sql<{ name: string; is_valid: boolean }[]>`
    select index.relname as name, indisvalid as is_valid
    from pg_index
    join pg_class as index on index.oid = indexrelid
    join pg_namespace as place on place.oid = index.relnamespace
    where place.nspname = ${schema}`
  const validity = new Map(rows.map(({ name, is_valid }) => [name, is_valid]))
  return expected
    .filter(({ name }) => validity.get(name) !== true)
    .map(index => ({ ...index, isInvalid: validity.has(index.name) }))
}

/**
 * The tables on which an index is not built within a migration. A distributed table counts as large: its rows are on other nodes, so that
 * the coordinator does not know its size.
 */
export const findLargeTables = async (sql: TransactionSql, schema: string): Promise<ReadonlySet<string>> => {
  const citus = await readCitusState(sql, schema)
  const distributed = JSON.stringify([...(citus?.distributed ?? [])])
  const rows = await sql<{ name: string }[]>`
    select large.relname as name
    from pg_class as large
    join pg_namespace as place on place.oid = large.relnamespace
    where
      place.nspname = ${schema}
      and large.relkind = 'r'
      and (
        pg_relation_size(large.oid) > ${LARGE_BYTES}::int
        or large.relname in (select jsonb_array_elements_text(${distributed}::text::jsonb))
      )`
  return new Set(rows.map(({ name }) => name))
}
