import type { Sql, TransactionSql } from 'postgres'
import { StartFault } from '../../domain/base/start-fault.ts'
import { type CitusState, DISTRIBUTED_TABLES, PLACEMENTS, readCitusState } from '../schema/distribution.ts'

/** The state of the coordinator. Rejects with a StartFault where the database is no coordinator, or no node may have shards. */
export const requireCoordinator = async (sql: Sql, schema: string): Promise<CitusState> => {
  const state = await readCitusState(sql, schema)
  if (state === null)
    throw new StartFault([
      'DATABASE_URL: --citus needs the coordinator of a Citus cluster: this database does not have the extension citus',
    ])
  if (state.role === 'worker')
    throw new StartFault([
      'DATABASE_URL: --citus needs the coordinator of a Citus cluster: this is a database of a worker',
    ])
  const [nodes] = await sql<{ with_shards: number }[]>`
    select count(*)::int as with_shards
    from pg_catalog.pg_dist_node
    where noderole = 'primary' and isactive and shouldhaveshards`
  if (state.role === 'alone' || nodes?.with_shards === 0)
    throw new StartFault([
      'DATABASE_URL: --citus needs a node that may have shards: name the coordinator with citus_set_coordinator_host(), and add the workers with citus_add_node()',
    ])
  return state
}

/** Rejects with a StartFault while a server is connected, which would go on with the statements and keys of plain Postgres. */
export const requireNoServers = async (sql: Sql | TransactionSql): Promise<void> => {
  const servers = await sql`
    select
    from pg_catalog.pg_stat_activity
    where datname = current_database() and application_name = 'signetd'
    limit 1`
  if (servers.length > 0)
    throw new StartFault([
      'DATABASE_URL: servers of Signet are connected to this database: stop all of them before its tables are distributed, and run it again',
    ])
}

/** Rejects with a StartFault, a line each, for tables that have a trigger or that a table of another application refers to. */
export const requireOwnTables = async (sql: Sql, schema: string): Promise<void> => {
  const [all, names] = [JSON.stringify(Object.keys(PLACEMENTS)), JSON.stringify(DISTRIBUTED_TABLES)]
  const others = await sql<{ what: string }[]>`
    with own as (
      select pg_class.oid, relname
      from pg_catalog.pg_class
      join pg_catalog.pg_namespace on pg_namespace.oid = relnamespace
      where nspname = ${schema} and relname in (select jsonb_array_elements_text(${names}::text::jsonb))
    )
    select 'the trigger ' || tgname || ' is on the table ' || relname as what
    from pg_catalog.pg_trigger
    join own on own.oid = tgrelid
    where not tgisinternal and tgfoid <> to_regproc('pg_catalog.citus_truncate_trigger')
    union all
    select 'the table ' || conrelid::regclass::text || ' refers to the table ' || own.relname
    from pg_catalog.pg_constraint
    join own on own.oid = confrelid
    join pg_catalog.pg_class as referring on referring.oid = conrelid
    join pg_catalog.pg_namespace as place on place.oid = referring.relnamespace
    where
      contype = 'f'
      and not (
        place.nspname = ${schema}
        and referring.relname in (select jsonb_array_elements_text(${all}::text::jsonb))
      )
    order by what`
  if (others.length > 0)
    throw new StartFault(
      others.map(({ what }) => `DATABASE_URL: ${what}, which Citus cannot distribute: drop it first`),
    )
}
