import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose, type Signet } from '../../src/compose/index.ts'
import { readConfig } from '../../src/config.ts'
import type { App } from '../../src/http/server/app.ts'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { type Answer, toAnswer } from './answer.ts'
import { type Ask, toRequestInit } from './ask.ts'
import { hasPostgres, hasRedis } from './backends.ts'
import { CLIENTS, type ClientEntry, createPepperText } from './clients.ts'
import { type Database, openDatabase } from './database.ts'
import { createLog, type LogLine } from './effects.ts'
import { checked } from './openapi.ts'
import { createEmbeddedStorage, createSharedStorage, type Environment, type Storage } from './storage.ts'

/** How a request differs from a plain one. `from` is the address of the peer. */
type Extra = Environment | undefined
export type Form = string | Readonly<Record<string, string>> | readonly (readonly [string, string])[]

/** One composed server, as main.ts would have it, without a socket. */
export type Instance = Readonly<{
  issuer: string
  /** Every line that it logged. */
  lines: readonly LogLine[]
  ask: Ask
  fetch: (path: string, init?: RequestInit, from?: string) => Promise<Answer>
  post: (path: string, form: Form, headers?: Extra, from?: string) => Promise<Answer>
  token: (form: Form, headers?: Extra, from?: string) => Promise<Answer>
  listenable: (request: Request) => Promise<Response>
  /** The same without the look into openapi.yaml, and with whatever Node has read. */
  app: App
  /** Of the internal listener; null where that is off. */
  internalApp: App | null
  /** The client that a start without CLIENTS_FILE makes; null with one. */
  demo: Signet['demo']
  reload: () => Promise<void>
  close: () => Promise<void>
}>

type Parts = Partial<Omit<Parameters<typeof compose>[1], 'log'>>
export type Given = Readonly<{ environment?: Environment }> & Parts

/** A database, a Redis where there is one, keys, peppers and clients: what the instances of one deployment share. */
export type Deployment = Readonly<{
  /** For setting rows back and looking at them. On the embedded database every instance shares it. */
  database: Database
  redis: Storage['redis']
  keys_dir: string
  /** base64url. */
  pepper: string
  /** The settings that all instances have, before what `start` is given. */
  environment: Environment
  /** What CLIENTS_FILE holds from now on. An instance reads it at its start and at `reload`. */
  register: (clients: readonly ClientEntry[]) => void
  /** Another instance of the same deployment each time. */
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
  // Instances share one handle: the embedded database takes one connection.
  return deploy(clients, { ...storage, database, parts: { database }, close })
}

export const openServedDeployment: OpenDeployment = async (clients = CLIENTS) => {
  const storage = await createSharedStorage()
  const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 4 })
  const close = async () => {
    await database.close()
    await storage.remove()
  }
  return deploy(clients, { ...storage, database, parts: {}, close })
}

/** Every way in which Signet is deployed and that this machine has: `describe.each(deployments)`. */
export const deployments: readonly Readonly<{ name: string; open: OpenDeployment }>[] = [
  { name: 'embedded', open: openEmbeddedDeployment },
  ...(hasPostgres
    ? [{ name: hasRedis ? 'postgres and redis' : 'postgres', open: openServedDeployment }]
    : []),
]

/** For suites that do not ask how: with a real Postgres and Redis where there are any. */
export const openDeployment: OpenDeployment = clients =>
  hasPostgres ? openServedDeployment(clients) : openEmbeddedDeployment(clients)

type Base = Storage & Readonly<{ database: Database; parts: Parts; close: () => Promise<void> }>

/** Limits are off unless a test is about them, and a proxy on loopback is trusted, as in front of a real server. */
const DEFAULTS = {
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

/** An instance on a storage that commands or other programs use too, before or after it. */
export const startAt = (
  { environment }: Pick<Storage, 'environment'>,
  parts: Parts = {},
): Promise<Instance> => startInstance({ ...DEFAULTS, ...environment }, parts)

/** An instance with these settings and no other ones. */
export const startInstance = async (environment: Environment, parts: Parts = {}): Promise<Instance> => {
  const reading = readConfig(environment)
  if ('faults' in reading) throw new Error(reading.faults.join('\n'))
  const { log, lines } = createLog()
  const { app, internalApp, demo, reload, close } = await compose(reading.config, {
    log,
    // Failures in a row have tests of their own.
    wait: async () => {},
    ...parts,
  })
  const serve = checked(app)
  const fetch: Instance['fetch'] = async (path, init, from = '127.0.0.1') => {
    return toAnswer(await serve(new Request(new URL(path, 'http://localhost'), withLength(init)), from))
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
    fetch,
    post,
    token: (form, headers, from) => post('/token', form, headers, from),
    listenable: serve,
    app,
    internalApp,
    demo,
    reload,
    close,
  }
}

/** A client that knows its body says how long it is. A stream is sent in chunks. */
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
