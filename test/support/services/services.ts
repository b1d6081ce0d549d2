import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Redis } from 'ioredis'
import postgres from 'postgres'

/** A service for this run: its URL, and the end of the process that was started for it. */
export type Service = Readonly<{ url: string; stop: () => Promise<void> }>

const READY_SECONDS = 30
const STOP_SECONDS = 10

/** Postgres settings by name. */
type PostgresSettings = Readonly<Record<string, string>>

/** The Postgres of TEST_DATABASE_URL, or one that is started on a free port. Null when this machine has none. */
export const findPostgres = async (): Promise<Service | null> => {
  const given = process.env['TEST_DATABASE_URL']
  if (given) return { url: given, stop: async () => {} }
  const binaries = findPostgresBinaries()
  // A test database need not survive a crash of the machine.
  return binaries === null ? null : startPostgres(binaries, { fsync: 'off' })
}

/** The Redis of TEST_REDIS_URL, or one that is started. Null when this machine has none. Its logical databases are flushed. */
export const findRedis = async (): Promise<Service | null> => {
  const given = process.env['TEST_REDIS_URL']
  if (given) return { url: given, stop: async () => {} }
  return startOwnRedis()
}

/** Starts a Redis that a test may fill, demote and reconfigure. Null when the program is not installed. */
export const startOwnRedis = async (settings: readonly string[] = []): Promise<Service | null> => {
  const binary = findOnPath('redis-server') ?? findOnPath('valkey-server')
  return binary === null ? null : startRedis(binary, settings)
}

type Role = Readonly<{ password?: string; isStandby?: boolean }>

/** Starts a Postgres on a free port and a directory of its own. */
export const startPostgres = async (
  binaries: string,
  more: PostgresSettings,
  { password = crypto.randomUUID(), isStandby = false }: Role = {},
): Promise<Service> => {
  const owner = postgresOwner()
  const directory = makeDirectory('signet-postgres-', owner)
  const passwordFile = join(directory, 'password')
  writeFileSync(passwordFile, password)
  if (owner) chownSync(passwordFile, owner.uid, owner.gid)
  const data = join(directory, 'data')
  execFileSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'signet', '-A', 'scram-sha-256', '-E', 'UTF8', '--no-locale', '--no-sync'].concat(
      `--pwfile=${passwordFile}`,
    ),
    { ...owner, cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  if (isStandby) writeFileSync(join(data, 'standby.signal'), '')
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 300,
    ...more,
  }
  const server = spawn(
    join(binaries, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...owner, cwd: directory, stdio: 'ignore' },
  )
  const stop = stopper(server, 'SIGINT', directory)
  const url = `postgres://signet:${password}@127.0.0.1:${port}/postgres`
  await answering(server, stop, () => askPostgres(url))
  return { url, stop }
}

export const askPostgres = async (url: string) => {
  const sql = postgres(url, { max: 1, connect_timeout: 2 })
  try {
    await sql`select 1`
  } finally {
    await sql.end({ timeout: 1 })
  }
}

const startRedis = async (binary: string, more: readonly string[]): Promise<Service> => {
  const directory = makeDirectory('signet-redis-', null)
  const port = await freePort()
  const settings = `--bind 127.0.0.1 --port ${port} --databases 1024 --appendonly no --dir ${directory}`
  const server = spawn(binary, [...settings.split(' '), '--save', '', ...more], {
    cwd: directory,
    stdio: 'ignore',
  })
  const stop = stopper(server, 'SIGTERM', directory)
  const url = `redis://127.0.0.1:${port}`
  await answering(server, stop, async () => {
    const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null })
    redis.on('error', () => {})
    await redis.connect().finally(() => redis.disconnect())
  })
  return { url, stop }
}

/** Starts a PgBouncer in transaction mode before a database. Null when this machine has none. */
export const startPgBouncer = async (database: string): Promise<Service | null> => {
  const binary = findPgBouncer()
  if (binary === null) return null
  // PgBouncer refuses to run as root, like Postgres.
  const owner = postgresOwner()
  const directory = makeDirectory('signet-pgbouncer-', owner)
  const { hostname, port: postgresPort, username, password, pathname } = new URL(database)
  const port = await freePort()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'any',
    pool_mode: 'transaction',
    default_pool_size: 4,
    ignore_startup_parameters:
      'default_transaction_isolation, statement_timeout, idle_in_transaction_session_timeout',
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const at = `host=${hostname} port=${postgresPort} user=${username}${password === '' ? '' : ` password=${password}`}`
  const file = join(directory, 'pgbouncer.ini')
  writeFileSync(file, ['[databases]', `* = ${at}`, '[pgbouncer]', ...lines, ''].join('\n'))
  if (owner) chownSync(file, owner.uid, owner.gid)
  const server = spawn(binary, [file], { ...owner, cwd: directory, stdio: 'ignore' })
  const stop = stopper(server, 'SIGINT', directory)
  const url = `postgres://${username}@127.0.0.1:${port}${pathname}?prepare=false`
  await answering(server, stop, () => askPostgres(url))
  return { url, stop }
}

/** The directories of Debian are not in every user's PATH. */
export const findPgBouncer = (): string | null =>
  ['/usr/sbin/pgbouncer'].find(path => existsSync(path)) ?? findOnPath('pgbouncer')

type Owner = Readonly<{ uid: number; gid: number }>

/** Postgres refuses to run as root: in place of root it runs as the user that its package made. */
export const postgresOwner = (): Owner | null => {
  if (process.getuid?.() !== 0) return null
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** The programs of Debian's newest Postgres, which are not in PATH, or else those in PATH. */
export const findPostgresBinaries = (): string | null => {
  const debian = '/usr/lib/postgresql'
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : []
  const directories = [
    ...versions.map(version => join(debian, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  return directories.find(at => existsSync(join(at, 'initdb')) && existsSync(join(at, 'postgres'))) ?? null
}

export const findOnPath = (name: string): string | null =>
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .map(directory => join(directory, name))
    .find(path => existsSync(path)) ?? null

const makeDirectory = (prefix: string, owner: Owner | null): string => {
  const directory = mkdtempSync(join(tmpdir(), prefix))
  if (owner) chownSync(directory, owner.uid, owner.gid)
  return directory
}

/** A port that was free a moment ago. */
export const freePort = (): Promise<number> => tryPort(0)

/**
 * The same for a program that leaves its port and comes back to it: below the range from which Linux gives ports to connections, which would
 * take it meanwhile.
 */
export const freeLowPort = (): Promise<number> =>
  tryPort(LOW_PORTS.from + Math.floor(Math.random() * LOW_PORTS.count)).catch(freeLowPort)

const LOW_PORTS = { from: 12_000, count: 20_000 }

const tryPort = (wanted: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })

/** Asks until the service answers. Gives up when its process has ended or the time is over. */
export const answering = async (
  server: ChildProcess,
  stop: () => Promise<void>,
  ask: () => Promise<unknown>,
) => {
  const deadline = Date.now() + READY_SECONDS * 1000
  for (;;) {
    try {
      await ask()
      return
    } catch (error) {
      if (server.exitCode === null && server.signalCode === null && Date.now() < deadline) {
        await new Promise(resolve => setTimeout(resolve, 50))
        continue
      }
      await stop()
      throw new Error(`${server.spawnfile} does not answer`, { cause: error })
    }
  }
}

/** Ends the process that was started here, also when this process ends early, and removes its directory. */
export const stopper = (
  server: ChildProcess,
  signal: NodeJS.Signals,
  directory: string,
): (() => Promise<void>) => {
  const exited = new Promise(resolve => server.once('exit', resolve).once('error', resolve))
  const leave = () => server.kill(signal)
  process.once('exit', leave)
  return async () => {
    process.off('exit', leave)
    server.kill(signal)
    const impatience = setTimeout(() => server.kill('SIGKILL'), STOP_SECONDS * 1000)
    await exited
    clearTimeout(impatience)
    rmSync(directory, { recursive: true, force: true })
  }
}
