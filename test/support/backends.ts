import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { type Database, openDatabase } from './database.ts'
import { type Citus, copyCitus, copyUsedCitus, createCluster, dropCitus } from './services/citus.ts'
import { createFrom, dropDatabase, withDatabase } from './services/postgres-admin.ts'

export type OpenBackend = Readonly<{ database: Database; close: () => Promise<void> }>

/** Every database that Signet runs on and this machine has. One suite runs on each: `describe.each(backends)`. */
export const backends: readonly Readonly<{ name: string; open: () => Promise<OpenBackend> }>[] = [
  { name: 'embedded', open: () => openEmbeddedBackend() },
  ...(inject('postgres') ? [{ name: 'postgres', open: () => openPostgresBackend() }] : []),
]

/** For `describe.skipIf(!hasPostgres)`. global-setup.ts reports each service that is missing. */
export const hasPostgres = inject('postgres') !== null
/** For `describe.skipIf(!hasCitus)`. No registry has Citus, so that CI does without it. */
export const hasCitus = inject('citus') !== null
export const hasRedis = inject('redis_url') !== null

const openPostgresBackend = async (): Promise<OpenBackend> => {
  const { url, drop } = await createDatabaseWithSchema()
  const database = openDatabase({ url, pool_size: 10 })
  // As openStore does: the first connection tells whether the database is distributed.
  if (hasCitus) await database.ping()
  const close = async () => {
    await database.close()
    await drop()
  }
  return { database, close }
}

const openEmbeddedBackend = async (): Promise<OpenBackend> => {
  const { data_dir, remove } = await createDataDir()
  const embedded = await openEmbedded({ data_dir })
  const database = openDatabase(embedded)
  const close = async () => {
    await database.close()
    await embedded.close()
    remove()
  }
  return { database, close }
}

/**
 * Returns a function that brings a database back to the rows that it has now. A suite that empties one database for each test takes a tenth
 * of the time of one that opens an embedded one for each.
 */
export const createEmptying = async ({ sql }: Database): Promise<() => Promise<void>> => {
  const tables = await sql<{ name: string }[]>`
    select relname as name
    from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition`
  const names = tables.map(({ name }) => name)
  const seeds = await Promise.all(
    names.map(async name => {
      const [seed] = await sql<{ rows: string | null }[]>`
        select json_agg(to_json(seeded))::text as rows from ${sql(name)} as seeded`
      return { name, rows: seed?.rows ?? null }
    }),
  )
  return async () => {
    await sql`truncate ${sql(names)} restart identity`
    for (const { name, rows } of seeds.filter(seed => seed.rows !== null))
      await sql`
        insert into ${sql(name)}
        overriding system value
        select * from json_populate_recordset(null::${sql(name)}, ${rows}::text::json)`
  }
}

export type OwnDatabase = Readonly<{ url: string; drop: () => Promise<void> }>

/** A database of its own on the real Postgres, or on Citus where TEST_CITUS_URL is set, with the whole schema and no rows. */
export const createDatabaseWithSchema = (): Promise<OwnDatabase> =>
  hasCitus ? createCitusDatabase() : createPlainDatabaseWithSchema()

/**
 * The same on the real Postgres, also where TEST_CITUS_URL is set: for suites about one Postgres, such as its plans and the sign-in of a
 * role.
 */
export const createPlainDatabaseWithSchema = (): Promise<OwnDatabase> =>
  createDatabaseFrom(server => server.template)

const createCitusDatabase = (): Promise<OwnDatabase> => createOnCitus(copyCitus)

/** A database of its own on Citus, without a table: for the tests of the distribution. */
export const createEmptyCitusDatabase = (): Promise<OwnDatabase> => createOnCitus(createCluster)

/** A copy of a database to which no test is connected. On Citus the nodes may be: they are disconnected. */
export const copyDatabase = (url: string): Promise<OwnDatabase> => {
  const template = new URL(url).pathname.slice(1)
  return hasCitus
    ? createOnCitus(citus => copyUsedCitus(citus, template))
    : createDatabaseFrom(() => template)
}

const createOnCitus = async (create: (citus: Citus) => Promise<string>): Promise<OwnDatabase> => {
  const citus = inject('citus')
  if (citus === null) throw new Error('this suite needs Citus: guard it with hasCitus')
  const name = await create(citus)
  return { url: withDatabase(citus.url, name), drop: () => dropCitus(citus, name) }
}

/** A database of its own on the real Postgres, without a table: for the tests of migrations. */
export const createEmptyDatabase = (): Promise<OwnDatabase> => createDatabaseFrom(() => 'template0')

type Server = NonNullable<ReturnType<typeof inject<'postgres'>>>

const createDatabaseFrom = async (templateOf: (server: Server) => string): Promise<OwnDatabase> => {
  const server = inject('postgres')
  if (server === null) throw new Error('this suite needs PostgreSQL: guard it with hasPostgres')
  const name = await createFrom(server.url, templateOf(server))
  const drop = async () => {
    await dropDatabase(server.url, name)
  }
  return { url: withDatabase(server.url, name), drop }
}

/** Node has it, and its types do not. */
declare const WebAssembly: Readonly<{ compile: (program: Uint8Array) => Promise<object> }>

let compiled: Promise<object> | undefined

/**
 * Keeps the program of the embedded database compiled. V8 gives the machine code to every thread of the process that compiles the same bytes
 * while one has it: a start takes half of the time.
 */
const keepCompiled = async (): Promise<void> => {
  const directory = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'))
  compiled ??= WebAssembly.compile(readFileSync(join(directory, 'pglite.wasm')))
  await compiled
}

/** A DATA_DIR whose embedded database already has the whole schema, which opens as fast as at a second start. */
export const createDataDir = async (): Promise<{ data_dir: string; remove: () => void }> => {
  await keepCompiled()
  const data_dir = mkdtempSync(join(tmpdir(), 'signet-data-'))
  await fillDataDir(data_dir)
  return { data_dir, remove: () => rmSync(data_dir, { recursive: true, force: true }) }
}

/** Copies an embedded database with the whole schema and no rows into a DATA_DIR: a first start takes seconds to make one. */
export const fillDataDir = async (data_dir: string): Promise<void> => {
  const template = await text(connect(inject('embedded_template_socket')))
  mkdirSync(data_dir, { recursive: true, mode: 0o700 })
  // Copies the database alone, as the locks beside it are sockets.
  cpSync(join(template, 'postgres'), join(data_dir, 'postgres'), { recursive: true })
}

/** An emptied logical database of its own on the real Redis. */
export const createRedis = async (): Promise<{ url: string; flush: () => Promise<void> }> => {
  const server = inject('redis_url')
  if (server === null) throw new Error('this suite needs Redis: guard it with hasRedis')
  const count = Number((await onRedis(server, redis => redis.config('GET', 'databases')))[1])
  const turn = await onRedis(server, redis => redis.incr('signet-test-databases'))
  // Database 0 has the counter of the databases that were handed out.
  const url = `${server.replace(/(redis(?:s?):\/\/[^/]+).*/, '$1')}/${1 + (turn % (count - 1))}`
  const flush = async () => {
    await onRedis(url, redis => redis.flushdb())
  }
  await flush()
  return { url, flush }
}

const onRedis = async <T>(url: string, use: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url, { lazyConnect: true })
  try {
    return await use(redis)
  } finally {
    redis.disconnect()
  }
}
