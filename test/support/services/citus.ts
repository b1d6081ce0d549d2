import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { errorCodeOf } from '../../../src/domain/base/error-code.ts'
import { distribute } from '../../../src/store/migrations/distribute.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { withDatabase } from './postgres-admin.ts'

/** A Citus cluster for this run: the coordinator and the workers, and a distributed database that is copied on each of them. */
export type Citus = Readonly<{ url: string; nodes: readonly string[]; template: string }>

/** Few shards: each table of each test database has as many tables on the workers. */
const SHARDS = 2

type Node = Readonly<{ host: string; port: number; is_coordinator: boolean }>

/** The cluster whose coordinator TEST_CITUS_URL names, in a database that has the extension and knows its workers. Null where it is unset. */
export const findCitus = async (): Promise<Citus | null> => {
  const url = process.env['TEST_CITUS_URL']
  if (!url) return null
  const nodes = await findNodes(url)
  const template = await createCluster({ nodes })
  const coordinator = withDatabase(url, template)
  await migrate({ url: coordinator, months_ahead: 0 })
  await distribute({ url: coordinator })
  for (const node of nodes) await leave(node, template)
  return { url, nodes, template }
}

/** The URLs of a database of the coordinator and of those of its workers, the coordinator first. */
export const findNodes = async (url: string): Promise<readonly string[]> => {
  const found = await on(
    url,
    sql => sql<Node[]>`
      select nodename as host, nodeport as port, groupid = 0 as is_coordinator
      from pg_dist_node
      where noderole = 'primary' and isactive
      order by groupid`,
  )
  const workers = found.filter(({ is_coordinator }) => !is_coordinator).map(worker => at(url, worker))
  return [url, ...workers]
}

/** A database on each node, with the extension and no table. The first node is the coordinator. Returns its name. */
export const createCluster = async ({ nodes }: Pick<Citus, 'nodes'>): Promise<string> => {
  const name = nameOfDatabase()
  await createEverywhere(nodes, name)
  for (const node of nodes) await on(withDatabase(node, name), sql => sql`create extension citus`)
  const [coordinator, ...workers] = nodes.map(node => new URL(withDatabase(node, name)))
  if (coordinator === undefined) throw new Error('a cluster has a coordinator')
  await on(coordinator.href, async sql => {
    await sql`select citus_set_coordinator_host(${coordinator.hostname}, ${portOf(coordinator)})`
    for (const worker of workers) await sql`select citus_add_node(${worker.hostname}, ${portOf(worker)})`
    await sql`alter database ${sql(name)} set citus.shard_count = ${sql.unsafe(String(SHARDS))}`
  })
  return name
}

const portOf = ({ port }: URL): number => Number(port || 5432)

/** Copies the template on each node. Returns the name of the copy. */
export const copyCitus = async ({ nodes, template }: Pick<Citus, 'nodes' | 'template'>): Promise<string> => {
  const name = nameOfDatabase()
  await createEverywhere(nodes, name, template)
  return name
}

/** Copies a database on each node, which can be used again afterwards. Returns the name of the copy. */
export const copyUsedCitus = async ({ nodes }: Pick<Citus, 'nodes'>, template: string): Promise<string> => {
  for (const node of nodes) await leave(node, template)
  const name = await copyCitus({ nodes, template })
  for (const node of nodes)
    await on(node, sql => sql`alter database ${sql(template)} with allow_connections true`)
  return name
}

/** The nodes connect to each other's databases, so that a database can be used while it is dropped. */
export const dropCitus = async ({ nodes }: Pick<Citus, 'nodes'>, name: string): Promise<void> => {
  for (const node of nodes)
    for (let tries = 1; ; tries++)
      try {
        await on(node, async sql => {
          await sql`set citus.enable_create_database_propagation = off`
          await sql`alter database ${sql(name)} with allow_connections false`
          await sql`drop database if exists ${sql(name)} with (force)`
        })
        break
      } catch (error) {
        if (tries === TRIES || errorCodeOf(error) !== IN_USE) throw error
      }
}

const IN_USE = '55006'
const TRIES = 5

const nameOfDatabase = () => `signet_test_${randomBytes(8).toString('hex')}`

const at = (url: string, { host, port }: Node): string => {
  const changed = new URL(url)
  changed.hostname = host
  changed.port = String(port)
  return changed.href
}

const createEverywhere = (nodes: readonly string[], name: string, template = 'template0') =>
  Promise.all(
    nodes.map(node =>
      on(node, async sql => {
        await sql`set citus.enable_create_database_propagation = off`
        await sql`create database ${sql(name)} template ${sql(template)}`
      }),
    ),
  )

/** A template must have no connections, and Citus keeps some. */
const leave = (node: string, name: string) =>
  on(node, async sql => {
    await sql`alter database ${sql(name)} with allow_connections false`
    await sql`select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = ${name}`
  })

const on = async <T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    return await work(sql)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
