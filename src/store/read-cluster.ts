import type { TransactionSql } from 'postgres'
import { type Database, inTransaction } from './postgres/index.ts'
import { findLocalRows, readCitusState } from './schema/distribution.ts'

/** Settings of a node, as a connection of the role and the database of Signet gets them there. */
export type NodeSettings = Readonly<{
  synchronous_commit: string
  wal_level: string
  /** Connections that the node gives to users who are no superusers. */
  given: number
}>

/** `address`: host and port, by which Citus knows the worker. `settings` is null where the coordinator cannot reach it. */
export type Worker = Readonly<{ address: string; settings: NodeSettings | null }>

export type Cluster = Readonly<{
  /** The tables of the schema that are distributed; none where all of them are plain tables of the coordinator. */
  distributed: ReadonlySet<string>
  /** The nodes that have shards of the accounts, and the count of these shards. */
  nodes_with_shards: number
  shards: number
  coordinator: NodeSettings
  workers: readonly Worker[]
  /** The distributed tables of which the coordinator still has the rows of before the distribution. */
  with_local_rows: readonly string[]
}>

/**
 * Ours – What the coordinator of Citus and its workers tell of themselves; null where the database does not have the extension, or knows no
 * node. A worker that does not answer is part of the answer, and all of them cost three seconds at most. Needs no superuser. Rejects as
 * every statement does.
 */
export const readCluster = (database: Pick<Database, 'run'>, schema: string): Promise<Cluster | null> =>
  database.run(sql => inTransaction(sql, held => read(held, schema)))

const read = async (sql: TransactionSql, schema: string): Promise<Cluster | null> => {
  const state = await readCitusState(sql, schema)
  if (state?.role !== 'coordinator') return null
  const { distributed } = state
  const [counts] = await sql<Pick<Cluster, 'nodes_with_shards' | 'shards'>[]>`
    select
      count(distinct groupid)::int as nodes_with_shards,
      count(distinct shardid)::int as shards
    from pg_catalog.pg_dist_shard
    join pg_catalog.pg_dist_placement using (shardid)
    where logicalrelid = to_regclass('signet.users')`
  const [coordinator] = await sql<NodeSettings[]>`
    select
      current_setting('synchronous_commit') as synchronous_commit,
      current_setting('wal_level') as wal_level,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as given`
  if (counts === undefined || coordinator === undefined) throw new Error('a cluster without a row')
  const with_local_rows = await findLocalRows(sql, { names: [...distributed], schema })
  return { distributed, ...counts, coordinator, with_local_rows, workers: await askWorkers(sql) }
}

/** What the coordinator is asked above, with an answer of one column. */
const ASK_WORKER = `
  select json_build_object(
    'synchronous_commit', current_setting('synchronous_commit'),
    'wal_level', current_setting('wal_level'),
    'given', current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
  )::text`

/**
 * Milliseconds that the coordinator waits for connections to workers, all together and for each at most. Citus waits for one silent worker
 * after the other, for 30 seconds by default, and a statement has four.
 */
const ALL_WORKERS_MILLISECONDS = 3_000
const WORKER_MILLISECONDS = 1_000
const LEAST_MILLISECONDS = 100

const askWorkers = async (sql: TransactionSql): Promise<readonly Worker[]> => {
  await sql`
    select set_config(
      'citus.node_connection_timeout',
      greatest(
        ${LEAST_MILLISECONDS}::int,
        least(${WORKER_MILLISECONDS}::int, ${ALL_WORKERS_MILLISECONDS}::int / greatest(count(*), 1))
      )::text,
      true
    )
    from pg_catalog.pg_dist_node
    where groupid <> 0 and noderole = 'primary' and isactive`
  const answers = await sql<(NodeSettings & Readonly<{ address: string; success: boolean }>)[]>`
    select
      address,
      success,
      told ->> 'synchronous_commit' as synchronous_commit,
      told ->> 'wal_level' as wal_level,
      (told ->> 'given')::int as given
    from (
      select
        nodename || ':' || nodeport as address,
        success,
        case when success then result::jsonb end as told
      from pg_catalog.run_command_on_workers(${ASK_WORKER})
    ) as answers
    order by address`
  return answers.map(({ address, success, ...settings }) => ({
    address,
    settings: success ? settings : null,
  }))
}
