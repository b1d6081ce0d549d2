import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { createAsk } from '../ask.ts'
import { CLIENTS, createPepperText } from '../clients.ts'
import { openDatabase } from '../database.ts'
import { seedFamily } from '../families.ts'
import { becomesReady, openSandbox, type Program, stopProgram } from '../process.ts'
import { type FaultProxy, openFaultProxy } from '../services/fault-proxy.ts'
import { findPostgresBinaries, freePort, type Service, startPostgres } from '../services/services.ts'

export const POOL_SIZE = 6
export const ISSUER_OF_STAGE = 'http://localhost:8080'
const RECOVERY_MILLISECONDS = 60_000

export type StageOptions = Readonly<{
  /** Settings of both instances, such as REDIS_URL. */
  environment?: Readonly<Record<string, string>>
  /** Starts the Postgres. Default: one of its own, which the fault may freeze, fill and exhaust. */
  startService?: () => Promise<Service>
}>

const startOwnPostgres = async () => {
  const binaries = findPostgresBinaries()
  if (binaries === null) throw new Error('the faults need Postgres')
  return startPostgres(binaries, { fsync: 'off', max_connections: '60' })
}

/** Two programs, each behind the fault proxy of its way to one Postgres, and connections past the proxies. */
export const openStage = async ({ environment = {}, startService = startOwnPostgres }: StageOptions = {}) => {
  const [service, sandbox] = await Promise.all([startService(), openSandbox()])
  await migrate({ url: service.url })
  const database = openDatabase({ url: service.url, pool_size: 4, answer_seconds: 60 })
  const pepper = createPepperText()
  const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
  writeFileSync(CLIENTS_FILE, JSON.stringify(CLIENTS))
  const { hostname, port } = new URL(service.url)
  const target = { host: hostname, port: Number(port) }

  const openInstance = async (): Promise<StagedInstance> => {
    const [proxy, own] = await Promise.all([openFaultProxy(target), freePort()])
    const DATABASE_URL = Object.assign(new URL(service.url), { port: String(proxy.port) }).href
    const start = async () => {
      const program = sandbox.start({
        ...SETTINGS,
        PORT: String(own),
        DATABASE_URL,
        CLIENTS_FILE,
        REFRESH_TOKEN_PEPPER: pepper,
        ...environment,
      })
      await becomesReady(program)
      return program
    }
    let program = await start()
    const origin = `http://127.0.0.1:${own}`
    const ask = createAsk(origin)
    return {
      origin,
      ask,
      proxy,
      program: () => program,
      kill: async () => {
        await stopProgram(program, 'SIGKILL')
      },
      restart: async () => {
        program = await start()
      },
      isReady: () =>
        ask('/readyz').then(
          ({ status }) => status === 200,
          () => false,
        ),
    }
  }
  // The second one finds the keys that the first one has made.
  const instances = [await openInstance(), await openInstance()] as const

  return {
    instances,
    database,
    /** The URL past the proxies. */
    url: service.url,
    seed: () => seedFamily({ database, pepper }),
    /** Resolves when both instances say that they are ready, by themselves. */
    recover: async () => {
      for (const { isReady } of instances)
        await expect.poll(isReady, { timeout: RECOVERY_MILLISECONDS }).toBe(true)
    },
    close: async () => {
      await sandbox.close()
      for (const { proxy } of instances) await proxy.close()
      await database.close()
      await service.stop()
    },
  }
}

export type Stage = Awaited<ReturnType<typeof openStage>>

export type StagedInstance = Readonly<{
  origin: string
  ask: ReturnType<typeof createAsk>
  /** Between the instance and Postgres. */
  proxy: FaultProxy
  program: () => Program
  kill: () => Promise<void>
  restart: () => Promise<void>
  isReady: () => Promise<boolean>
}>

const SETTINGS = {
  ISSUER: ISSUER_OF_STAGE,
  DATABASE_POOL_SIZE: String(POOL_SIZE),
  TRUSTED_PROXIES: '127.0.0.1',
  RATE_LIMIT_REFRESH: 'off',
  RATE_LIMIT_REVOKE: 'off',
  RATE_LIMIT_TOKEN_FAILURES: 'off',
}
