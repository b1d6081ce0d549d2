import type { Sql, TransactionSql } from 'postgres'
import { DEFAULT_SCHEMA } from '../../domain/base/postgres-url.ts'
import { StartFault } from '../../domain/base/start-fault.ts'
import { type DatabasePlace, onPrimary, quoteIdentifier } from '../postgres/index.ts'
import { faultOf } from '../schema/database-faults.ts'
import { PLACEMENTS, type Placement } from '../schema/distribution.ts'
import { createLease, holdLease, inPatientTransaction } from './lease.ts'

type DistributeOptions = DatabasePlace & Readonly<{ schema?: string }>

type Table = Readonly<{ name: string; placement: Placement; schema: string }>

/**
 * Ours (docs/decisions/0068) – Puts each table of a migrated schema where PLACEMENTS wants it, on the coordinator of Citus, and returns the
 * tables that it has distributed. A table is one transaction that holds the lease of the migrations: a run that died is continued by the
 * next one, and a table that is distributed already is left alone. Rejects with a StartFault of one line for the operator.
 */
export const distribute = async ({
  schema = DEFAULT_SCHEMA,
  ...place
}: DistributeOptions): Promise<readonly string[]> => {
  try {
    return await onPrimary(
      place,
      async sql => {
        await requireCoordinator(sql)
        await createLease(sql, schema)
        const distributed: string[] = []
        for (const [name, placement] of Object.entries<Placement>(PLACEMENTS))
          if (await inPatientTransaction(sql, held => placeTable(held, { name, placement, schema })))
            distributed.push(name)
        if (distributed.length > 0) await forgetLocalRows(sql, schema)
        return distributed
      },
      'patient',
    )
  } catch (error) {
    throw await faultOf(error, place)
  }
}

/**
 * Rejects with a StartFault of one line where the tables cannot be distributed: no coordinator, or accounts that servers could not serve
 * afterwards, because this release does not run on Citus yet. Changes nothing.
 */
export const requireCitus = async ({
  schema = DEFAULT_SCHEMA,
  ...place
}: DistributeOptions): Promise<void> => {
  try {
    await onPrimary(place, async sql => {
      await requireCoordinator(sql)
      const users = { name: ROOT, placement: PLACEMENTS[ROOT], schema }
      if ((await isThere(sql, users)) && !(await isDistributed(sql, users)) && (await hasRows(sql, users)))
        throw new StartFault([
          'DATABASE_URL: this database has accounts, and servers of this release do not run on distributed tables: use an empty database',
        ])
    })
  } catch (error) {
    throw await faultOf(error, place)
  }
}

const requireCoordinator = async (sql: Sql): Promise<void> => {
  const there = await sql`select from pg_catalog.pg_extension where extname = 'citus'`
  if (there.length === 0)
    throw new StartFault([
      'DATABASE_URL: --citus needs the coordinator of a Citus cluster: this database does not have the extension citus',
    ])
  const [node] = await sql<{ is_coordinator: boolean; workers: number }[]>`
    select
      pg_catalog.citus_is_coordinator() as is_coordinator,
      (
        select count(*)
        from pg_catalog.pg_dist_node
        where noderole = 'primary' and isactive and shouldhaveshards
      )::int as workers`
  if (node?.is_coordinator !== true)
    throw new StartFault(['DATABASE_URL: --citus needs the coordinator of a Citus cluster: this is a worker'])
  if (node.workers === 0)
    throw new StartFault([
      'DATABASE_URL: --citus needs a node that may have shards: add the workers with citus_add_node()',
    ])
}

/** True when the table was distributed by this call. */
const placeTable = async (sql: TransactionSql, table: Table): Promise<boolean> => {
  await holdLease(sql, table.schema)
  if (await isDistributed(sql, table)) return false
  await requireNoServers(sql)
  await dropConstraints(sql, table)
  const { name, placement, schema } = table
  if ('on' in placement) return false
  if (placement.key !== undefined) await replaceKey(sql, { ...table, key: placement.key })
  await (name === ROOT
    ? sql`select pg_catalog.create_distributed_table(${qualified(table)}::text::regclass, ${placement.by}, colocate_with => 'none')`
    : sql`
        select pg_catalog.create_distributed_table(
          ${qualified(table)}::text::regclass, ${placement.by},
          colocate_with => ${qualified({ name: ROOT, schema })}
        )`)
  return true
}

/** The table beside whose rows those of all others are. */
const ROOT: keyof typeof PLACEMENTS = 'users'

const qualified = ({ name, schema }: Pick<Table, 'name' | 'schema'>): string =>
  `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`

const isThere = async (sql: Sql, table: Table): Promise<boolean> => {
  const [found] = await sql<{ is_there: boolean }[]>`
    select to_regclass(${qualified(table)}) is not null as is_there`
  return found?.is_there === true
}

const hasRows = async (sql: Sql, { name, schema }: Table): Promise<boolean> => {
  const rows = await sql`select from ${sql(schema)}.${sql(name)} limit 1`
  return rows.length > 0
}

const isDistributed = async (sql: Sql | TransactionSql, table: Table): Promise<boolean> => {
  const rows = await sql`
    select
    from pg_catalog.pg_dist_partition
    where logicalrelid = ${qualified(table)}::text::regclass`
  return rows.length > 0
}

/** A server of a release before this one would go on with the keys of plain Postgres, and every server would wait for the tables. */
const requireNoServers = async (sql: TransactionSql): Promise<void> => {
  const servers = await sql`
    select
    from pg_catalog.pg_stat_activity
    where datname = current_database() and application_name = 'signetd'
    limit 1`
  if (servers.length > 0)
    throw new StartFault([
      'DATABASE_URL: servers of Signet are connected to this database: stop all of them before its tables are distributed',
    ])
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
      and conrelid = ${qualified({ name, schema })}::text::regclass`
  if (former === undefined || former.columns === key.length) return
  await sql`
    alter table ${sql(schema)}.${sql(name)}
    drop constraint ${sql(former.constraint_name)},
    add primary key (${sql(key)})`
}

/** Deletes the rows of before the distribution, of which Citus has made copies in the shards. */
const forgetLocalRows = async (sql: Sql, schema: string): Promise<void> => {
  for (const [name, placement] of Object.entries<Placement>(PLACEMENTS))
    if ('by' in placement)
      await sql`
        select pg_catalog.truncate_local_data_after_distributing_table(
          ${qualified({ name, schema })}::text::regclass
        )`
}
