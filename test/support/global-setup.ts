import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { parse } from 'yaml'
import { generatePem } from '../../src/signing/signing-key.ts'
import { type Citus, dropCitus, findCitus } from './services/citus.ts'
import { makeEmbeddedTemplate } from './services/embedded-template.ts'
import { findChromium, findProxy, findPython, hasApache, hasNginx } from './services/foreign.ts'
import { createMigratedDatabase, dropDatabase } from './services/postgres-admin.ts'
import { findPgBouncer, findPostgres, findRedis, type Service } from './services/services.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Null when this machine has no Postgres: suites that need one are left out. */
    postgres: Readonly<{ url: string; template: string }> | null
    /** Null unless TEST_CITUS_URL is set. Then the suites that run on Postgres run on Citus. */
    citus: Citus | null
    redis_url: string | null
    /** For the examples: a Python that has PyJWT, and whether this machine has an Apache with mod_oauth2. */
    python: string | null
    has_apache: boolean
    /** For the clients that others wrote: a Python that has Authlib, an Apache with mod_auth_openidc, and a browser. */
    python_authlib: string | null
    has_openidc: boolean
    /** With njs, for examples/nginx. */
    has_nginx: boolean
    chromium: string | null
    /** HAProxy, nginx and Caddy, for the snippets of docs/deploy.md. */
    has_proxies: boolean
    /** A socket that sends the path of a migrated embedded database to copy, which is made at the first connection. */
    embedded_template_socket: string
    /** Sockets that each send the path of a build of their own, which is made at the first connection. */
    build_sockets: readonly [string, string]
    /** RSA keys for the first instances of each test file. */
    signing_keys: readonly Readonly<{ pem: string; kid: string }>[]
    /** openapi.yaml as JSON: parsing its YAML takes 400 ms, parsing this 7 ms, and most test files do so. */
    openapi_json: string
  }
}

/** More than most test files have directories of keys. */
const SIGNING_KEYS = 8

const PROXIES = ['haproxy', 'nginx', 'caddy'] as const

/** Provides every test file with real services, reports those that this machine lacks, and ends those that it started. */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const [postgres, redis] = await Promise.all([find('PostgreSQL', findPostgres), find('Redis', findRedis)])
  const python = await findPython('jwt', 'cryptography')
  const python_authlib = await findPython('authlib', 'requests', 'flask')
  const [has_apache, has_openidc] = [hasApache('mod_oauth2'), hasApache('mod_auth_openidc')]
  const chromium = findChromium()
  const missing = Object.entries({
    'PostgreSQL (TEST_DATABASE_URL)': postgres,
    'Redis (TEST_REDIS_URL)': redis,
    PgBouncer: findPgBouncer(),
    'PyJWT (python3-jwt, python3-cryptography)': python,
    'Apache with mod_oauth2 (libapache2-mod-oauth2)': has_apache || null,
    'Authlib and Flask (python3-authlib, python3-requests, python3-flask)': python_authlib,
    'nginx with njs (nginx-light, libnginx-mod-http-js)': hasNginx() || null,
    'Apache with mod_auth_openidc (libapache2-mod-auth-openidc)': has_openidc || null,
    'Chromium (CHROMIUM)': chromium,
    HAProxy: findProxy('haproxy'),
    Caddy: findProxy('caddy'),
  }).flatMap(([name, there]) => (there === null ? [name] : []))
  if (missing.length > 0 && process.env['CI'] === 'true') {
    await Promise.all([postgres?.stop(), redis?.stop()])
    throw new Error(`${missing.join(' and ')} must be there in CI: nothing may be left out`)
  }
  const template = postgres && (await createMigratedDatabase(postgres.url))
  const citus = await findCitus()
  const embedded = await serve(directory => makeEmbeddedTemplate(join(directory, 'template')))
  const builds = await Promise.all([serve(makeBuild), serve(makeBuild)])
  project.provide('postgres', postgres && template ? { url: postgres.url, template } : null)
  project.provide('citus', citus)
  project.provide('redis_url', redis?.url ?? null)
  project.provide('python', python)
  project.provide('has_apache', has_apache)
  project.provide('python_authlib', python_authlib)
  project.provide('has_openidc', has_openidc)
  project.provide('has_nginx', hasNginx())
  project.provide('chromium', chromium)
  project.provide(
    'has_proxies',
    PROXIES.every(name => findProxy(name) !== null),
  )
  project.provide('embedded_template_socket', embedded.socket)
  project.provide('build_sockets', [builds[0].socket, builds[1].socket])
  project.provide(
    'signing_keys',
    await Promise.all(Array.from({ length: SIGNING_KEYS }, () => generatePem())),
  )
  project.provide('openapi_json', JSON.stringify(parse(readFileSync('openapi.yaml', 'utf8'))))
  return async () => {
    await Promise.all([embedded, ...builds].map(({ stop }) => stop()))
    if (postgres && template) await dropDatabase(postgres.url, template)
    if (citus) await dropCitus(citus, citus.template)
    else
      process.stderr.write('\nLEFT OUT: Citus, on which the same suites run where TEST_CITUS_URL is set.\n')
    await Promise.all([postgres?.stop(), redis?.stop()])
    for (const name of missing) {
      process.stderr.write(`\nLEFT OUT: every test that needs ${name}. Install it, or set what is named.\n`)
    }
  }
}

/** Reports a service that does not start like one that is missing. */
const find = async (name: string, service: () => Promise<Service | null>): Promise<Service | null> => {
  try {
    return await service()
  } catch (error) {
    process.stderr.write(`\n${name} could not be started: ${String(error)}\n`)
    return null
  }
}

/** Sends what `make` returns to each that connects to the socket. It is called at the first connection, with a directory for its files. */
const serve = async (make: (directory: string) => Promise<string>) => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-shared-'))
  const socket = join(directory, 'ask')
  let made: Promise<string> | undefined
  const server = createServer(asker => {
    made ??= make(directory)
    made.then(
      path => asker.end(path),
      error => asker.end(`failed: ${String(error)}`),
    )
    asker.on('error', () => {})
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  const stop = async () => {
    await new Promise(resolve => server.close(resolve))
    rmSync(directory, { recursive: true, force: true })
  }
  return { socket, stop }
}

const makeBuild = async (directory: string): Promise<string> => {
  const dist = join(directory, 'dist')
  await promisify(execFile)(process.execPath, ['scripts/build.mjs', dist])
  return dist
}
