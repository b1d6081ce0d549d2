import { createAdaptorServer } from '@hono/node-server'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compose, type Signet } from '../../src/compose.ts'
import { readConfig } from '../../src/config.ts'
import type { Clock, Log } from '../../src/ports.ts'
import { createDatabase, createRedis } from './backends.ts'
import { checked } from './openapi.ts'
import { freePort } from './services.ts'

export type LogLine = Readonly<Record<string, unknown>> & { level: string; message: string }

/** A log that can be read afterwards. */
export const createLog = (): { log: Log; lines: LogLine[] } => {
  const lines: LogLine[] = []
  const at = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) =>
    void lines.push({ ...fields, level, message })
  return { log: { info: at('info'), warn: at('warn'), error: at('error') }, lines }
}

export const PEPPER = Buffer.alloc(32, 'pepper').toString('base64url')

/** What several instances of one Signet share: Postgres, Redis and keys. */
export type Shared = Readonly<{ environment: Record<string, string>; close: () => Promise<void> }>

export const openShared = async (): Promise<Shared> => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-shared-'))
  const [database, redis] = await Promise.all([createDatabase(), createRedis()])
  const environment = {
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    KEYS_DIR: join(directory, 'keys'),
    DATA_DIR: join(directory, 'data'),
    REFRESH_TOKEN_PEPPER: PEPPER,
    ISSUER: 'http://localhost:8080',
    // Each test comes from an address of its own.
    TRUSTED_PROXIES: '127.0.0.1',
  }
  const close = async () => {
    await database.drop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { environment, close }
}

export type Running = Readonly<{
  signet: Signet
  origin: string
  issuer: string
  port: number
  lines: LogLine[]
  call: Call
  close: () => Promise<void>
}>

/** One instance in this process, composed as main does it, behind a real listener. */
export const openSignet = async (
  environment: Readonly<Record<string, string>>,
  clock: Clock = () => new Date(),
): Promise<Running> => {
  const port = await freePort()
  const reading = readConfig({ PORT: String(port), ...environment })
  if ('faults' in reading) throw new Error(reading.faults.join('\n'))
  const { log, lines } = createLog()
  const signet = await compose(reading.config, {
    log,
    clock,
    // Failures in a row have tests of their own.
    wait: async () => {},
  })
  const server = createAdaptorServer({ fetch: checked(signet.app.fetch) }) as Server
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${port}`
  const close = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
    await signet.close()
  }
  return { signet, origin, issuer: reading.config.ISSUER, port, lines, call: createCall(origin), close }
}

export type Answer = Readonly<{
  status: number
  headers: Headers
  text: string
  body: Body
}>

/** Every member that any answer may have: a test reads those that it expects. */
export type Body = Readonly<{
  user: Readonly<{ id: string; email: string; roles: readonly string[]; created_at: string }>
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  refresh_token_expires_in: number
  code: string
  errors: readonly Readonly<{ pointer: string; detail: string }>[]
  error: string
  active: boolean
  status: string
  degraded: readonly string[]
  missing: readonly string[]
}>

type Request = Readonly<{
  /** POST with a body, GET without. */
  method?: string
  json?: unknown
  raw?: string
  form?: Readonly<Record<string, string>>
  bearer?: string
  /** The client's address, as the trusted proxy saw it. Empty: there was no proxy. */
  from?: string
  headers?: Readonly<Record<string, string>>
}>

export type Call = (path: string, request?: Request) => Promise<Answer>

/** An account API client that says whatever it is told to. */
export const createCall =
  (origin: string): Call =>
  async (path, { method, json, raw, form, bearer, from = newAddress(), headers = {} } = {}) => {
    const body = form
      ? new URLSearchParams(form).toString()
      : (raw ?? (json === undefined ? undefined : JSON.stringify(json)))
    const type = form ? 'application/x-www-form-urlencoded' : 'application/json'
    const response = await fetch(origin + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: {
        ...(from === '' ? {} : { 'X-Forwarded-For': from }),
        ...(body === undefined ? {} : { 'Content-Type': type }),
        ...(bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, headers: response.headers, text, body: parse(isJson ? text : '{}') }
  }

const parse = (text: string) => JSON.parse(text) as Body

let addresses = 0
/** An IPv4 address that no other request has come from. */
export const newAddress = (): string => {
  addresses++
  return `10.${(addresses >> 16) & 255}.${(addresses >> 8) & 255}.${addresses & 255}`
}

let people = 0
export const newEmail = (): string => `person${++people}@example.com`
export const PASSWORD = 'correct horse battery'
