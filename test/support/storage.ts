import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDatabaseWithSchema, createDataDir, createRedis, hasPostgres, hasRedis } from './backends.ts'
import { createPepperText } from './clients.ts'

export type Environment = Readonly<Record<string, string>>

/** Settings with which a program, a command or an instance finds a state of its own. */
export type Storage = Readonly<{
  environment: Environment
  redis: Readonly<{ url: string; flush: () => Promise<void> }> | null
  remove: () => Promise<void>
}>

/** The services of a storage beside Postgres. */
type Wanted = Readonly<{ withRedis?: boolean }>

/** Every kind of storage that this machine has the services for: `describe.each(storages)`. */
export const storages: readonly Readonly<{ name: string; create: () => Promise<Storage> }>[] = [
  { name: 'embedded', create: () => createEmbeddedStorage() },
  ...(hasPostgres ? [{ name: 'postgres', create: () => createPostgresStorage() }] : []),
]

/** The instance generates pepper and keys beside the database, as at a first start. */
export const createEmbeddedStorage = async (): Promise<Storage> => {
  const { data_dir, remove } = await createDataDir()
  const environment = { DATA_DIR: data_dir, KEYS_DIR: join(data_dir, 'keys') }
  return { environment, redis: null, remove: async () => remove() }
}

export const createPostgresStorage = async ({ withRedis = false }: Wanted = {}): Promise<Storage> => {
  const [{ url, drop }, redis] = await Promise.all([
    createDatabaseWithSchema(),
    withRedis ? createRedis() : null,
  ])
  const directory = mkdtempSync(join(tmpdir(), 'signet-storage-'))
  const environment = {
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: '8',
    DATA_DIR: directory,
    KEYS_DIR: join(directory, 'keys'),
    REFRESH_TOKEN_PEPPER: createPepperText(),
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
  }
  const remove = async () => {
    await drop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { environment, redis, remove }
}

/** Postgres, and Redis where this machine has one. */
export const createSharedStorage = (): Promise<Storage> => createPostgresStorage({ withRedis: hasRedis })
