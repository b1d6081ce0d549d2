import type { Sql, TransactionSql } from 'postgres'
import { errorCodeOf } from '../../domain/base/error-code.ts'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { type DatabasePlace, isOutage, onPrimary, qualified, quoteIdentifier } from '../postgres/index.ts'
import { faultOf } from '../schema/database-faults.ts'
import {
  DISTRIBUTED_TABLES,
  findLocalRows,
  getCitusState,
  PLACEMENTS,
  type Placement,
} from '../schema/distribution.ts'
import { fillNames } from './fill-names.ts'
import { createLease, holdLease, inPatientTransaction, isRaced } from './lease.ts'
import { requireCoordinator, requireNoServers, requireOwnTables } from './requirements.ts'

type DistributeOptions = DatabasePlace & Readonly<{ schema?: string }>

type TableName = keyof typeof PLACEMENTS

type Table = Readonly<{ name: TableName; placement: Placement; schema: string }>

/**
 * Ours (docs/decisions/0068) – Puts each table of a migrated schema where PLACEMENTS wants it, on the coordinator of Citus, and returns the
 * tables that it has distributed. A table is one transaction, which holds the lease of the migrations, fills `account_names` and moves the
 * rows: a run that died is continued by the next one, and a table that is distributed already is left alone. Rejects with a StartFault for
 * the operator.
 */
export const distribute = async ({
  schema = DEFAULT_SCHEMA,
  ...place
}: DistributeOptions): Promise<readonly string[]> => {
  try {
    return await onPrimary(place, client => distributeAll(qualified(client, schema), schema), 'patient')
  } catch (error) {
    throw await faultOf(error, place)
  }
}

/**
 * Rejects with a StartFault, one line for each reason, where the tables cannot be distributed. Changes nothing, so that a schema that could
 * not be distributed is not migrated either.
 */
export const requireCitus = async ({
  schema = DEFAULT_SCHEMA,
  ...place
}: DistributeOptions): Promise<void> => {
  try {
    await onPrimary(place, async sql => {
      const { distributed } = await requireCoordinator(sql, schema)
      if (DISTRIBUTED_TABLES.every(name => distributed.has(name))) return
      await requireOwnTables(sql, schema)
      await requireNoServers(sql)
    })
  } catch (error) {
    throw await faultOf(error, place)
  }
}

const distributeAll = async (sql: Sql, schema: string): Promise<readonly string[]> => {
  await requireCoordinator(sql, schema)
  await createLease(sql, schema)
  const distributed: string[] = []
  for (const [name, placement] of placements())
    if (await inPatientTransaction(sql, held => placeTable(held, { name, placement, schema })))
      distributed.push(name)
  await forgetLocalRows(sql, schema)
  // A server that was started meanwhile takes the tables for plain ones.
  if (distributed.length > 0) await requireNoServers(sql)
  return distributed
}

/** Those of the coordinator come first: while one of them refers to a distributed table, the rows of before cannot be forgotten. */
const placements = (): readonly (readonly [TableName, Placement])[] => {
  const isName = (name: string): name is TableName => name in PLACEMENTS
  const all = Object.entries<Placement>(PLACEMENTS).flatMap(([name, placement]) =>
    isName(name) ? [[name, placement] as const] : [],
  )
  return [
    ...all.filter(([, placement]) => 'on' in placement),
    ...all.filter(([, placement]) => 'by' in placement),
  ]
}

/** True when the table was distributed by this call. */
const placeTable = async (sql: TransactionSql, table: Table): Promise<boolean> => {
  await holdLease(sql, table.schema)
  const { name, placement } = table
  if ('on' in placement) {
    if (placement.isManaged === true) await manage(sql, table)
    if (!(await hasConstraints(sql, table))) return false
    await requireNoServers(sql)
    await dropConstraints(sql, table)
    return false
  }
  const { distributed } = await getCitusState(sql, table.schema)
  if (distributed.has(name)) return false
  await requireNoServers(sql)
  // Dropping a constraint or replacing the key locks the table until the end, so that `fillNames` misses no name.
  await dropConstraints(sql, table)
  if (placement.key !== undefined) await replaceKey(sql, { ...table, key: placement.key })
  await fillNames[name]?.(sql)
  await createDistributedTable(sql, { ...table, placement })
  return true
}

/** Tells Citus of a table on the coordinator, which stays there. Does nothing where Citus knows of it. */
const manage = async (sql: TransactionSql, table: Omit<Table, 'placement'>): Promise<void> => {
  const name = nameOf(table)
  const known =
    await sql`select from pg_catalog.pg_dist_partition where logicalrelid = ${name}::text::regclass`
  if (known.length === 0)
    await sql`select pg_catalog.citus_add_local_table_to_metadata(${name}::text::regclass)`
}

/** Distributes a table that a migration has just created, which has no rows to name, or tells Citus of it where Citus manages it. */
export const distributeNew = async (
  sql: TransactionSql,
  { name, schema }: Readonly<{ name: string; schema: string }>,
): Promise<void> => {
  const [known, placement] = placements().find(([each]) => each === name) ?? []
  if (known === undefined || placement === undefined) return
  if ('by' in placement) await createDistributedTable(sql, { name: known, placement, schema })
  else if (placement.isManaged === true) await manage(sql, { name: known, schema })
}

/** The table with which all others are colocated: the rows of a person are on one node. */
const ROOT: TableName = 'users'

const createDistributedTable = async (
  sql: TransactionSql,
  { placement, ...table }: Table & Readonly<{ placement: Extract<Placement, { by: string }> }>,
): Promise<void> => {
  try {
    await (table.name === ROOT
      ? sql`select pg_catalog.create_distributed_table(${nameOf(table)}::text::regclass, ${placement.by}, colocate_with => 'none')`
      : sql`
          select pg_catalog.create_distributed_table(
            ${nameOf(table)}::text::regclass, ${placement.by},
            colocate_with => ${nameOf({ ...table, name: ROOT })}
          )`)
  } catch (error) {
    throw faultOfTable(table.name, error)
  }
}

const faultOfTable = (name: string, error: unknown): unknown => {
  const isOther = isRaced(error) || isOutage(errorCodeOf(error) ?? '')
  if (isOther || !(error instanceof Error)) return error
  const advice = MOVING.test(error.message)
    ? 'shards are being moved: its rows are as they were; run it again when select citus_rebalance_status() shows no move'
    : `${error.message.replace(/\s+/g, ' ')}: its rows are as they were; run it again once the cause is removed`
  return new StartFault([`DATABASE_URL: the table ${name} was not distributed: ${advice}`], error)
}

/** The text of Citus, which has no code of its own, for a table that is to join shards while one of them is moved. */
const MOVING = /^could not acquire the lock required to /

const nameOf = ({ name, schema }: Readonly<{ name: string; schema: string }>): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`

/**
 * True while a table of the coordinator has a constraint that Citus cannot enforce. Asked first, because a statement that drops no constraint
 * locks the table all the same, and makes servers wait.
 */
const hasConstraints = async (sql: TransactionSql, table: Table): Promise<boolean> => {
  const rows = await sql`
    select
    from pg_catalog.pg_constraint
    where
      conrelid = ${nameOf(table)}::text::regclass
      and conname in (
        select jsonb_array_elements_text(${JSON.stringify(table.placement.drops ?? [])}::text::jsonb)
      )`
  return rows.length > 0
}

const dropConstraints = async (sql: TransactionSql, { name, placement, schema }: Table): Promise<void> => {
  for (const constraint of placement.drops ?? [])
    await sql`alter table ${sql(schema)}.${sql(name)} drop constraint if exists ${sql(constraint)}`
}

const replaceKey = async (
  sql: TransactionSql,
  { name, schema, key }: Table & Readonly<{ key: readonly string[] }>,
): Promise<void> => {
  const [former] = await sql<{ constraint_name: string; columns: number }[]>`
    select conname as constraint_name, cardinality(conkey) as columns
    from pg_catalog.pg_constraint
    where
      contype = 'p'
      and conrelid = ${nameOf({ name, schema })}::text::regclass`
  if (former === undefined || former.columns === key.length) return
  await sql`
    alter table ${sql(schema)}.${sql(name)}
    drop constraint ${sql(former.constraint_name)},
    add primary key (${sql(key)})`
}

/**
 * Deletes the rows of before the distribution, of which Citus has made copies in the shards. A table without such rows is not locked, so that
 * a second run disturbs no server.
 */
const forgetLocalRows = async (sql: Sql, schema: string): Promise<void> => {
  for (const name of DISTRIBUTED_TABLES)
    if ((await findLocalRows(sql, { names: [name], schema })).length > 0) {
      const table = nameOf({ name, schema })
      await sql`select pg_catalog.truncate_local_data_after_distributing_table(${table}::text::regclass)`
    }
}
