import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose, type Signet } from '../../src/compose/index.ts'
import { type Config, readConfig } from '../../src/config.ts'
import type { App } from '../../src/http/server/app.ts'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { type Answer, toAnswer } from './answer.ts'
import { type Ask, toRequestInit } from './ask.ts'
import { hasCitus, hasPostgres, hasRedis } from './backends.ts'
import { CLIENTS, type ClientEntry, createPepperText } from './clients.ts'
import { type Database, openDatabase } from './database.ts'
import { createLog, type LogLine } from './effects.ts'
import { checked } from './openapi.ts'
import { putFirstKey } from './services/signing-keys.ts'
import { createEmbeddedStorage, createSharedStorage, type Environment, type Storage } from './storage.ts'

/** The headers of a request. */
type Extra = Environment | undefined
export type Form = string | Readonly<Record<string, string>> | readonly (readonly [string, string])[]

/** One composed server, as main.ts makes it, without a socket. Every exchange is held against openapi.yaml, except through `app`. */
export type Instance = Readonly<{
  issuer: string
  /** The log, line by line. */
  lines: readonly LogLine[]
  ask: Ask
  fetch: (path: string, init?: RequestInit, from?: string) => Promise<Answer>
  post: (path: string, form: Form, headers?: Extra, from?: string) => Promise<Answer>
  token: (form: Form, headers?: Extra, from?: string) => Promise<Answer>
  listenable: (request: Request) => Promise<Response>
  /** The bare application, which is not held against openapi.yaml. */
  app: App
  /** Asks the internal listener, where it is on. */
  askInternal: Ask
  /** The application of the internal listener. Null when it is off. */
  internalApp: App | null
  /** The client that a start without CLIENTS_FILE makes. Null with CLIENTS_FILE. */
  demo: Signet['demo']
  /** Null but on the embedded default. */
  console_link: Signet['console_link']
  reload: () => Promise<void>
  findings: Signet['findings']
  close: () => Promise<void>
}>

type Parts = Partial<Omit<Parameters<typeof compose>[1], 'log'>>
export type Given = Readonly<{ environment?: Environment }> & Parts

/** Database, Redis where this machine has one, keys, peppers and clients, which the instances of a deployment share. */
export type Deployment = Readonly<{
  /** For changing and reading rows. On the embedded database every instance shares this pool. */
  database: Database
  redis: Storage['redis']
  keys_dir: string
  /** base64url. */
  pepper: string
  /** The settings of every instance, to which `start` adds its own. */
  environment: Environment
  /** Writes CLIENTS_FILE, which an instance reads at its start and at `reload`. */
  register: (clients: readonly ClientEntry[]) => void
  /** Starts another instance of the deployment. */
  start: (given?: Given) => Promise<Instance>
  close: () => Promise<void>
}>

export const ISSUER = 'http://localhost:8080'

type OpenDeployment = (clients?: readonly ClientEntry[]) => Promise<Deployment>

export const openEmbeddedDeployment: OpenDeployment = async (clients = CLIENTS) => {
  const storage = await createEmbeddedStorage()
  const embedded = await openEmbedded({ data_dir: storage.environment['DATA_DIR'] ?? '' })
  const database = openDatabase(embedded)
  const close = async () => {
    await database.close()
    await embedded.close()
    await storage.remove()
  }
  // Instances share one pool, as the embedded database accepts one connection.
  return deploy(clients, { ...storage, database, parts: { database }, close })
}

export const openServedDeployment: OpenDeployment = async (clients = CLIENTS) => {
  const storage = await createSharedStorage()
  const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 4 })
  // As openStore does: the first connection tells whether the database is distributed.
  if (hasCitus) await database.ping()
  const close = async () => {
    await database.close()
    await storage.remove()
  }
  return deploy(clients, { ...storage, database, parts: {}, close })
}

/** Every way to deploy Signet that this machine has the services for: `describe.each(deployments)`. */
export const deployments: readonly Readonly<{ name: string; open: OpenDeployment }>[] = [
  { name: 'embedded', open: openEmbeddedDeployment },
  ...(hasPostgres
    ? [{ name: hasRedis ? 'postgres and redis' : 'postgres', open: openServedDeployment }]
    : []),
]

/** A deployment on the real Postgres and Redis where this machine has them, for suites that need one of any kind. */
export const openDeployment: OpenDeployment = clients =>
  hasPostgres ? openServedDeployment(clients) : openEmbeddedDeployment(clients)

type Base = Storage & Readonly<{ database: Database; parts: Parts; close: () => Promise<void> }>

/** Turns limits off and trusts a proxy on loopback. A test about limits sets them itself. */
const WITHOUT_LIMITS = {
  ISSUER,
  RATE_LIMIT_LOGIN: 'off',
  RATE_LIMIT_ACCOUNTS: 'off',
  RATE_LIMIT_REVOKE: 'off',
  RATE_LIMIT_TOKEN_FAILURES: 'off',
  TRUSTED_PROXIES: '127.0.0.1',
}

const deploy = (clients: readonly ClientEntry[], base: Base): Deployment => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-deployment-'))
  const CLIENTS_FILE = join(directory, 'clients.json')
  const register = (registered: readonly ClientEntry[]) =>
    writeFileSync(CLIENTS_FILE, JSON.stringify(registered))
  register(clients)
  const pepper = createPepperText()
  const environment = { ...base.environment, CLIENTS_FILE, REFRESH_TOKEN_PEPPER: pepper }
  const running = new Set<Instance>()
  return {
    database: base.database,
    redis: base.redis,
    keys_dir: base.environment['KEYS_DIR'] ?? '',
    pepper,
    environment,
    register,
    start: async ({ environment: more = {}, ...parts } = {}) => {
      const instance = await startAt(
        { environment: { ...environment, ...more } },
        { ...base.parts, ...parts },
      )
      running.add(instance)
      return instance
    },
    close: async () => {
      for (const instance of running) await instance.close()
      await base.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** An instance on a storage that commands or other programs use before or after it. */
export const startAt = (
  { environment }: Pick<Storage, 'environment'>,
  parts: Parts = {},
): Promise<Instance> => {
  const { KEYS_DIR } = environment
  if (KEYS_DIR !== undefined) putFirstKey(KEYS_DIR, parts.clock?.() ?? new Date())
  return startInstance({ ...WITHOUT_LIMITS, ...environment }, parts)
}

/** An instance with these settings alone. */
export const startInstance = async (environment: Environment, parts: Parts = {}): Promise<Instance> => {
  const reading = readConfig(environment)
  if ('faults' in reading) throw new Error(reading.faults.join('\n'))
  const { log, lines } = createLog()
  const { app, internalApp, demo, console_link, findings, reload, close } = await compose(
    withCheapPasswords(reading.config, environment),
    {
      log,
      // No test waits for the delays of failed sign-ins, unless it passes a `wait` of its own.
      wait: async () => {},
      ...parts,
    },
  )
  const serve = checked(app)
  const fetch: Instance['fetch'] = async (path, init, from = '127.0.0.1') => {
    return toAnswer(await serve(new Request(new URL(path, 'http://localhost'), withLength(init)), from))
  }
  const askInternal: Ask = async (path, asking = {}) => {
    if (internalApp === null) throw new Error('the internal listener is off')
    const request = new Request(new URL(path, 'http://localhost'), withLength(toRequestInit(asking)))
    return toAnswer(await checked(internalApp)(request))
  }
  const post: Instance['post'] = (path, form, headers = {}, from) => {
    const body = typeof form === 'string' ? form : encodeForm(form)
    const content = { 'content-type': 'application/x-www-form-urlencoded' }
    return fetch(path, { method: 'POST', headers: { ...content, ...headers }, body }, from)
  }
  return {
    issuer: reading.config.ISSUER,
    lines,
    ask: (path, asking = {}) => fetch(path, toRequestInit(asking)),
    askInternal,
    fetch,
    post,
    token: (form, headers, from) => post('/token', form, headers, from),
    listenable: serve,
    app,
    internalApp,
    demo,
    console_link,
    reload,
    findings,
    close,
  }
}

/**
 * The bcrypt cost of an instance whose settings name none. PASSWORD_COST is at least 10, where a digest takes 75 ms, and the suites make
 * thousands. One above bcrypt's minimum of 4, so that a test can make a digest of a lower cost.
 */
const CHEAP_PASSWORD_COST = 5

const withCheapPasswords = (config: Config, { PASSWORD_COST }: Environment): Config =>
  PASSWORD_COST === undefined ? { ...config, PASSWORD_COST: CHEAP_PASSWORD_COST } : config

/** Adds Content-Length for a body of known length. A stream is sent in chunks. */
const withLength = (init: RequestInit = {}): RequestInit => {
  const headers = new Headers(init.headers)
  if (typeof init.body === 'string') headers.set('content-length', String(Buffer.byteLength(init.body)))
  return { ...init, headers }
}

const encodeForm = (form: Exclude<Form, string>): string =>
  new URLSearchParams(
    (Array.isArray(form) ? form : Object.entries(form)).map(([name, value]): [string, string] => [
      name,
      value,
    ]),
  ).toString()
