import type { Sql, TransactionSql } from 'postgres'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { quoteIdentifier } from '../postgres/index.ts'
import type { Applied } from './migrations.ts'

/** The table of applied migrations: that of drizzle's own migrator, but in the schema of the tables if that is not the default one. */
export const historyOf = (schema: string): string => `${schemaOfHistory(schema)}.__drizzle_migrations`

export const schemaOfHistory = (schema: string): string => (schema === DEFAULT_SCHEMA ? 'drizzle' : schema)

const quoteName = (name: string): string => name.split('.').map(quoteIdentifier).join('.')

/** Creates a missing schema. `create schema if not exists` would require the privilege to create one even if it exists. */
export const createSchema = async (sql: TransactionSql, schema: string) => {
  const there = await sql`select from pg_namespace where nspname = ${schema}`
  if (there.length === 0) await sql`create schema ${sql(schema)}`
}

/** Creates the table as drizzle's own migrator does, with one more column: either migrator can continue where the other stopped. */
export const createHistory = async (sql: TransactionSql, schema: string) => {
  const history = historyOf(schema)
  await sql`
    create table if not exists ${sql(history)} (
      id serial primary key,
      hash text not null,
      created_at bigint
    )
  `
  await sql`alter table ${sql(history)} add column if not exists compatible_with bigint`
}

export const readApplied = async (sql: Sql | TransactionSql, schema: string): Promise<Applied> => {
  const table = historyOf(schema)
  const [history] = await sql`select to_regclass(${quoteName(table)}) is not null as exists`
  if (history?.['exists'] !== true) return new Map()
  // Read through JSON, because the column is missing if only drizzle's own migrator has run.
  const rows = await sql<{ when: string; compatible_with: string | null }[]>`
    select created_at::text as when, to_jsonb(migration) ->> 'compatible_with' as compatible_with
    from ${sql(table)} as migration`
  return new Map(
    rows.map(({ when, compatible_with }) => [
      Number(when),
      compatible_with === null ? null : Number(compatible_with),
    ]),
  )
}
