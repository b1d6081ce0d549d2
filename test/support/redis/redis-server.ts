import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type { RedisClientOptions } from '../../../src/ephemeral/redis-locator.ts'
import { answering, findOnPath, freePort } from '../services/services.ts'

/** A process of Redis that a test may kill, freeze and start again where it was. */
export type RedisServer = Readonly<{
  port: number
  /** A connection with all rights, which comes back with the server. */
  admin: Redis
  /** How clients connect to it. */
  place: RedisClientOptions
  start: () => Promise<void>
  kill: () => Promise<void>
  freeze: () => void
  thaw: () => void
  close: () => Promise<void>
}>

const running = new Set<ReturnType<typeof spawn>>()
process.once('exit', () => {
  for (const server of running) server.kill('SIGKILL')
})

type Given = Readonly<{
  /** Settings as the command line takes them. */
  settings?: readonly string[]
  /** Before the settings: the file of a Sentinel. */
  file?: (port: number, directory: string) => string
  /** Where the server is, if it is not at its port. */
  at?: (port: number, directory: string) => RedisClientOptions
  listens?: (port: number, directory: string) => readonly string[]
}>

export const openRedisServer = async ({
  settings = [],
  file,
  at = port => ({ host: '127.0.0.1', port }),
  listens = port => ['--port', String(port)],
}: Given = {}): Promise<RedisServer> => {
  const binary = findOnPath('redis-server') ?? findOnPath('valkey-server')
  if (binary === null) throw new Error('this suite needs Redis: guard it with hasRedis')
  const directory = mkdtempSync(join(tmpdir(), 'signet-redis-form-'))
  const port = await freePort()
  const words =
    file === undefined
      ? ['--bind', '127.0.0.1', '--dir', directory, '--save', '', ...listens(port, directory), ...settings]
      : [file(port, directory), '--sentinel']
  const place = at(port, directory)
  const admin = new Redis({
    ...place,
    lazyConnect: true,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
  })
  admin.on('error', () => {})
  let server: ReturnType<typeof spawn> | null = null
  const kill = async () => {
    const dying = server
    server = null
    if (dying === null) return
    const exited = new Promise(resolve => dying.once('exit', resolve))
    running.delete(dying)
    if (dying.exitCode === null && dying.signalCode === null && dying.kill('SIGKILL')) await exited
  }
  const start = async () => {
    const child = spawn(binary, words, { cwd: directory, stdio: 'ignore' })
    server = child
    running.add(child)
    await answering(child, kill, async () => {
      const asking = new Redis({ ...place, lazyConnect: true, retryStrategy: () => null })
      asking.on('error', () => {})
      await asking
        .connect()
        .then(() => asking.ping())
        .finally(() => asking.disconnect())
    })
  }
  await start()
  return {
    port,
    admin,
    place,
    start,
    kill,
    freeze: () => server?.kill('SIGSTOP'),
    thaw: () => server?.kill('SIGCONT'),
    close: async () => {
      admin.disconnect()
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** How the servers of a form are reached, by their clients and by each other. */
export type Transport = Readonly<{
  scheme: 'redis' | 'rediss'
  listens: (port: number) => readonly string[]
  at: (port: number) => RedisClientOptions & Readonly<{ host: string; port: number }>
  /** Beside host and port. */
  client: Pick<RedisClientOptions, 'tls'>
  settings: readonly string[]
  /** What the program needs. */
  environment: Readonly<Record<string, string>>
  close: () => void
}>

export const PLAIN: Transport = {
  scheme: 'redis',
  listens: port => ['--port', String(port)],
  at: port => ({ host: '127.0.0.1', port }),
  client: {},
  settings: [],
  environment: {},
  close: () => {},
}

/** TLS to every server, and between them. No server listens in another way. */
export const openTls = (): Transport => {
  const { cert, key, remove } = createCertificate()
  const client = { tls: { ca: readFileSync(cert, 'utf8') } }
  return {
    scheme: 'rediss',
    listens: port => ['--port', '0', '--tls-port', String(port)],
    at: port => ({ host: '127.0.0.1', port, ...client }),
    client,
    settings:
      `--tls-cert-file ${cert} --tls-key-file ${key} --tls-ca-cert-file ${cert} --tls-auth-clients no --tls-replication yes --tls-cluster yes`.split(
        ' ',
      ),
    environment: { NODE_EXTRA_CA_CERTS: cert },
    close: remove,
  }
}

/** An authority and a certificate for 127.0.0.1, made for this run. */
const createCertificate = () => {
  const openssl = findOnPath('openssl')
  if (openssl === null) throw new Error('no openssl')
  const directory = mkdtempSync(join(tmpdir(), 'signet-certificate-'))
  const cert = join(directory, 'cert.pem')
  const key = join(directory, 'key.pem')
  execFileSync(
    openssl,
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=redis -addext subjectAltName=IP:127.0.0.1'
      .split(' ')
      .concat('-keyout', key, '-out', cert),
    { stdio: 'ignore' },
  )
  return { cert, key, remove: () => rmSync(directory, { recursive: true, force: true }) }
}
