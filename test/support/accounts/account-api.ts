import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose, type Signet } from '../../../src/compose/index.ts'
import { readConfig } from '../../../src/config.ts'
import type { Log } from '../../../src/ports/effects.ts'
import { createDatabase, createDataDir, createRedis, hasPostgres } from '../backends.ts'
import { askApp } from '../bindings.ts'

export const ISSUER = 'http://localhost:8080'
export const PASSWORD = 'a lantern for the harbour'

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

export type Place = Readonly<{ environment: Readonly<Record<string, string>>; remove: () => Promise<void> }>

/** Where a server keeps what it keeps. On Postgres several instances may share it, as replicas do. */
export const places: readonly Readonly<{ name: string; create: () => Promise<Place> }>[] = [
  { name: 'embedded', create: () => createEmbeddedPlace() },
  ...(hasPostgres ? [{ name: 'postgres', create: () => createPostgresPlace() }] : []),
]

const createEmbeddedPlace = async (): Promise<Place> => {
  const { data_dir, remove } = await createDataDir()
  const environment = { DATA_DIR: data_dir, KEYS_DIR: join(data_dir, 'keys') }
  return { environment, remove: async () => remove() }
}

export const createPostgresPlace = async (): Promise<Place> => {
  const { url, drop } = await createDatabase()
  const directory = mkdtempSync(join(tmpdir(), 'signet-accounts-'))
  const environment = {
    DATABASE_URL: url,
    DATABASE_POOL_SIZE: '8',
    KEYS_DIR: join(directory, 'keys'),
    REFRESH_TOKEN_PEPPER: Buffer.alloc(32, 7).toString('base64url'),
  }
  const remove = async () => {
    await drop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { environment, remove }
}

/** The same place with a Redis of its own. */
export const withRedis = async (place: Place): Promise<Place> => {
  const { url } = await createRedis()
  return { ...place, environment: { ...place.environment, REDIS_URL: url } }
}

const UNLIMITED = { RATE_LIMIT_LOGIN: 'off', RATE_LIMIT_ACCOUNTS: 'off', TRUSTED_PROXIES: '127.0.0.1' }

/** A server at that place. Limits are off unless the test is about them. */
export const startSignet = async (
  { environment }: Place,
  more: Readonly<Record<string, string>> = {},
  parts: Partial<Parameters<typeof compose>[1]> = {},
): Promise<Signet> => {
  const reading = readConfig({ ...UNLIMITED, ...environment, ISSUER, ...more })
  if ('faults' in reading) throw new Error(reading.faults.join('; '))
  return compose(reading.config, { log: silent, ...parts })
}

type Headers = Readonly<Record<string, string>>

/** Sends JSON as a first-party application would. */
export const send = async (
  { app }: Signet,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Headers = {},
): Promise<Response> =>
  askApp(app, path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: {
      ...(body === undefined
        ? {}
        : {
            'Content-Type': 'application/json',
            'Content-Length': String(Buffer.byteLength(JSON.stringify(body))),
          }),
      ...headers,
    },
  })

export type Tokens = Readonly<{ access_token: string; refresh_token: string; user: { id: string } }>

/** A new account's e-mail, its tokens and its bearer header. */
export const register = async (signet: Signet, email: string, more: object = {}, headers: Headers = {}) => {
  const response = await send(
    signet,
    'POST',
    '/auth/register',
    { email, password: PASSWORD, ...more },
    headers,
  )
  if (response.status !== 201)
    throw new Error(`register answered ${response.status}: ${await response.text()}`)
  const tokens = (await response.json()) as Tokens
  return { response, tokens, bearer: bearerOf(tokens) }
}

export const login = async (signet: Signet, email: string, more: object = {}, headers: Headers = {}) => {
  const response = await send(signet, 'POST', '/auth/login', { email, password: PASSWORD, ...more }, headers)
  if (response.status !== 200) throw new Error(`login answered ${response.status}: ${await response.text()}`)
  const tokens = (await response.json()) as Tokens
  return { response, tokens, bearer: bearerOf(tokens) }
}

export const bearerOf = ({ access_token }: Pick<Tokens, 'access_token'>): Headers => ({
  Authorization: `Bearer ${access_token}`,
})

/** The status of a request, and the stable code of its refusal. */
export const outcome = async (pending: Promise<Response> | Response) => {
  const response = await pending
  const text = await response.text()
  const code = text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined
  return code === undefined ? `${response.status}` : `${response.status} ${code}`
}

export const sidOf = ({ access_token }: Pick<Tokens, 'access_token'>): string => {
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString()) as {
    sid: string
  }
  return claims.sid
}
