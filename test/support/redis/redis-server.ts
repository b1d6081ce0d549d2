import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
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

/** An authority and a certificate for 127.0.0.1, made for this run. */
export const createCertificate = () => {
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
