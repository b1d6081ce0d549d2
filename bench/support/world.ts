import postgres, { type Sql } from 'postgres'
import { createMigratedDatabase, withDatabase } from '../../test/support/services/postgres-admin.ts'
import { findPostgresBinaries, findRedis, startPostgres } from '../../test/support/services/services.ts'
import { CLIENT_ID, fillFamilies, PEPPER } from './families.ts'
import { WEB_CLIENTS } from './people.ts'
import { parentOf } from './processor.ts'
import { type Server, startSignet, writeSetting } from './server.ts'

export type Store = Readonly<{
  url: string
  sql: Sql
  /** The current tokens of the families that can be refreshed; a caller that refreshes one replaces it by its successor. */
  tokens: string[]
}>

export type World = Readonly<{
  /** The directory of pgbench. */
  binaries: string
  /** The Postgres, in its maintenance database. */
  server_url: string
  /** The postmaster: the parent process of every connection to Postgres. */
  postgres_pid: number
  /** The database with this number of families, created at the first call. */
  store(families: number): Promise<Store>
  startSignet(store: Store, more?: Readonly<Record<string, string>>): Promise<Server>
  close(): Promise<void>
}>

export const CLIENT_SECRET = 'bench-secret-0123456789-0123456789-0123456789'
export const BASIC = `Basic ${Buffer.from(`${CLIENT_ID}:${CLIENT_SECRET}`).toString('base64')}`
export const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Authorization: BASIC }

const CLIENTS = [
  {
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials', 'refresh_token'],
    scope: 'read write',
    audience: 'https://api.bench.example',
    protected_resources: ['https://api.bench.example'],
  },
  ...WEB_CLIENTS,
]

/** A Postgres with durable commits and a Redis, both of our own: nothing else runs on them. */
export const openWorld = async (): Promise<World> => {
  const binaries = findPostgresBinaries()
  if (binaries === null) throw new Error('the benchmarks need PostgreSQL: install it')
  const server = await startPostgres(binaries, { shared_preload_libraries: 'pg_stat_statements' })
  const redis = await findRedis()
  const stores = new Map<number, Promise<Store>>()
  const clientsFile = writeSetting('clients.json', CLIENTS)
  return {
    binaries,
    server_url: server.url,
    postgres_pid: await findPostmaster(server.url),
    store: families => {
      const store = stores.get(families) ?? createStore(server.url, families)
      stores.set(families, store)
      return store
    },
    startSignet: ({ url }, more = {}) =>
      startSignet({
        DATABASE_URL: url,
        ...(redis === null ? {} : { REDIS_URL: redis.url }),
        REFRESH_TOKEN_PEPPER: PEPPER.toString('base64url'),
        CLIENTS_FILE: clientsFile,
        RATE_LIMIT_LOGIN: 'off',
        RATE_LIMIT_ACCOUNTS: 'off',
        ...more,
      }),
    close: async () => {
      await Promise.allSettled([...stores.values()].map(async store => (await store).sql.end()))
      await Promise.all([server.stop(), redis?.stop()])
    },
  }
}

const createStore = async (server: string, families: number): Promise<Store> => {
  const name = await createMigratedDatabase(server)
  const url = withDatabase(server, name)
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  await sql`create extension pg_stat_statements`
  const tokens = await fillFamilies(sql, families)
  return { url, sql, tokens }
}

/** The parent process of every connection to the Postgres of this machine that the URL leads to. */
export const findPostmaster = async (url: string): Promise<number> => {
  const sql = postgres(url, { max: 1 })
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
  const pid = parentOf(row?.pid ?? 0)
  await sql.end()
  return pid
}
