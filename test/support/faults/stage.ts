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
import { freeLowPort, type Service } from '../services/services.ts'

export const POOL_SIZE = 6
export const ISSUER_OF_STAGE = 'http://localhost:8080'
const RECOVERY_MILLISECONDS = 60_000

/** Of both programs, beside or in place of those of every stage. */
type Settings = Readonly<Record<string, string>>

/** Two programs, each behind the fault proxy of its way to one Postgres and before that of its clients, and connections past the proxies. */
export const openStage = async (service: Service, settings: Settings = {}) => {
  const closers: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  try {
    return { ...(await openParts(service, settings, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

const openParts = async (service: Service, settings: Settings, closers: (() => Promise<unknown>)[]) => {
  await migrate({ url: service.url })
  const database = openDatabase({ url: service.url, pool_size: 4, answer_seconds: 60 })
  closers.push(database.close)
  const sandbox = await openSandbox()
  closers.push(sandbox.close)
  const pepper = createPepperText()
  const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
  writeFileSync(CLIENTS_FILE, JSON.stringify(CLIENTS))
  const { hostname, port: postgres_port } = new URL(service.url)

  const openInstance = async (own: Settings = {}): Promise<StagedInstance> => {
    const port = await freeLowPort()
    const proxy = await openFaultProxy({ host: hostname, port: Number(postgres_port) })
    const front = await openFaultProxy({ host: '127.0.0.1', port })
    closers.push(proxy.close, front.close)
    const DATABASE_URL = Object.assign(new URL(service.url), { port: String(proxy.port) }).href
    const start = async () => {
      const program = sandbox.start({
        ...SETTINGS,
        PORT: String(port),
        DATABASE_URL,
        CLIENTS_FILE,
        REFRESH_TOKEN_PEPPER: pepper,
        ...settings,
        ...own,
      })
      await becomesReady(program)
      return program
    }
    let program = await start()
    const origin = `http://127.0.0.1:${front.port}`
    const ask = createAsk(origin)
    return {
      origin,
      port,
      ask,
      proxy,
      front,
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
    /** A further program, with settings of its own. Resolves when it is ready. */
    openInstance,
    database,
    /** The URL past the proxies. */
    url: service.url,
    seed: () => seedFamily({ database, pepper }),
    /** Resolves when both instances say that they are ready, by themselves. */
    recover: async () => {
      for (const { isReady } of instances)
        await expect.poll(isReady, { timeout: RECOVERY_MILLISECONDS }).toBe(true)
    },
  }
}

export type Stage = Awaited<ReturnType<typeof openStage>>

export type StagedInstance = Readonly<{
  /** Where its clients find it: the front proxy. */
  origin: string
  /** Its own port, for attacks that come straight. */
  port: number
  ask: ReturnType<typeof createAsk>
  /** Between the instance and Postgres. */
  proxy: FaultProxy
  /** Between the clients and the instance. */
  front: FaultProxy
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
