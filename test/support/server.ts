import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose } from '../../src/compose/index.ts'
import { readConfig } from '../../src/config.ts'
import type { App } from '../../src/http/server/app.ts'
import type { Clock } from '../../src/ports/effects.ts'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { createDatabase, createDataDir, createRedis, hasPostgres, hasRedis } from './backends.ts'
import { CLIENTS, type ClientEntry, createPepperText } from './clients.ts'
import { type Database, openDatabase } from './database.ts'
import { createLog, type LogLine } from './log.ts'
import { checked } from './openapi.ts'

/** The members of an answer's JSON that tests look at; those that are not there are undefined all the same. */
type Body = Readonly<Record<string, unknown>> &
  Readonly<{ access_token: string; refresh_token: string; error: string; error_description: string }>

export type Answer = Readonly<{ status: number; headers: Headers; text: string; json: Body }>

/** How a request differs from a plain one. `from` is the address of the peer. */
type Extra = Readonly<Record<string, string>> | undefined
export type Form = string | Readonly<Record<string, string>> | readonly (readonly [string, string])[]

/** One composed server, as main.ts would have it, without a socket. */
export type Instance = Readonly<{
  issuer: string
  /** Every line that it logged. */
  lines: readonly LogLine[]
  fetch: (path: string, init?: RequestInit, from?: string) => Promise<Answer>
  post: (path: string, form: Form, headers?: Extra, from?: string) => Promise<Answer>
  token: (form: Form, headers?: Extra, from?: string) => Promise<Answer>
  listenable: (request: Request) => Promise<Response>
  /** The same without the look into openapi.yaml, and with whatever Node has read. */
  app: App
  reload: () => Promise<void>
  close: () => Promise<void>
}>

export type Given = Readonly<{ environment?: Readonly<Record<string, string>>; clock?: Clock }>

/** A database, a Redis where there is one, keys, peppers and clients: what the instances of one deployment share. */
export type Place = Readonly<{
  /** For setting rows back and looking at them. On the embedded database every instance shares it. */
  database: Database
  redis: Readonly<{ url: string; flush: () => Promise<void> }> | null
  keys_dir: string
  /** base64url. */
  pepper: string
  /** DATABASE_URL and REDIS_URL; empty on the embedded database. */
  environment: Readonly<Record<string, string>>
  start: (given?: Given) => Promise<Instance>
  close: () => Promise<void>
}>

export const ISSUER = 'http://localhost:8080'

/** Every place that Signet runs in and this machine has: `describe.each(places)`. */
export const places: readonly Readonly<{
  name: string
  open: (clients?: readonly ClientEntry[]) => Promise<Place>
}>[] = [
  { name: 'embedded', open: (clients = CLIENTS) => openPlace(clients, openEmbeddedBase) },
  ...(hasPostgres && hasRedis
    ? [
        {
          name: 'postgres and redis',
          open: (clients: readonly ClientEntry[] = CLIENTS) => openPlace(clients, openServedBase),
        },
      ]
    : []),
]

/** The place for suites that do not ask which: a real Postgres and Redis where there are any. */
export const openAnyPlace = (clients: readonly ClientEntry[] = CLIENTS): Promise<Place> =>
  openPlace(clients, hasPostgres && hasRedis ? openServedBase : openEmbeddedBase)

type Base = Readonly<{
  database: Database
  redis: Place['redis']
  environment: Readonly<Record<string, string>>
  /** Handed to each instance instead of one of its own: the embedded database takes one connection. */
  shared: Database | undefined
  close: () => Promise<void>
}>

const openPlace = async (clients: readonly ClientEntry[], openBase: () => Promise<Base>): Promise<Place> => {
  const { database, redis, environment, shared, close } = await openBase()
  const directory = mkdtempSync(join(tmpdir(), 'signet-place-'))
  const CLIENTS_FILE = join(directory, 'clients.json')
  writeFileSync(CLIENTS_FILE, JSON.stringify(clients))
  const keys_dir = join(directory, 'keys')
  const pepper = createPepperText()
  const running = new Set<Instance>()
  const start: Place['start'] = async (given = {}) => {
    const instance = await startInstance(
      {
        ISSUER,
        KEYS_DIR: keys_dir,
        DATA_DIR: directory,
        CLIENTS_FILE,
        REFRESH_TOKEN_PEPPER: pepper,
        RATE_LIMIT_LOGIN: 'off',
        RATE_LIMIT_ACCOUNTS: 'off',
        RATE_LIMIT_REVOKE: 'off',
        RATE_LIMIT_TOKEN_FAILURES: 'off',
        ...environment,
        ...given.environment,
      },
      { ...(given.clock ? { clock: given.clock } : {}), ...(shared ? { database: shared } : {}) },
    )
    running.add(instance)
    return instance
  }
  return {
    database,
    redis,
    keys_dir,
    pepper,
    environment,
    start,
    close: async () => {
      for (const instance of running) await instance.close()
      await close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const openEmbeddedBase = async (): Promise<Base> => {
  const { data_dir, remove } = await createDataDir()
  const embedded = await openEmbedded({ data_dir })
  const database = openDatabase(embedded)
  const close = async () => {
    await database.close()
    await embedded.close()
    remove()
  }
  return { database, redis: null, environment: {}, shared: database, close }
}

const openServedBase = async (): Promise<Base> => {
  const [{ url, drop }, redis] = await Promise.all([createDatabase(), createRedis()])
  const database = openDatabase({ url, pool_size: 4 })
  const close = async () => {
    await database.close()
    await drop()
  }
  return {
    database,
    redis,
    environment: { DATABASE_URL: url, REDIS_URL: redis.url },
    shared: undefined,
    close,
  }
}

export const startInstance = async (
  environment: Readonly<Record<string, string>>,
  parts: Readonly<{ clock?: Clock; database?: Database }>,
): Promise<Instance> => {
  const reading = readConfig(environment)
  if ('faults' in reading) throw new Error(reading.faults.join('\n'))
  const { log, lines } = createLog()
  const { app, reload, close } = await compose(reading.config, {
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
    fetch,
    post,
    token: (form, headers, from) => post('/token', form, headers, from),
    listenable: serve,
    app,
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

const toAnswer = async (response: Response): Promise<Answer> => {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json') === true
  const json = (isJson && text !== '' ? JSON.parse(text) : {}) as Body
  return { status: response.status, headers: response.headers, text, json }
}
