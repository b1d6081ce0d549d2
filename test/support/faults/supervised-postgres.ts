import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  answering,
  askPostgres,
  findPostgresBinaries,
  freeLowPort,
  postgresOwner,
  type Service,
} from '../services/services.ts'

/** The pause of the supervisor. */
const RESTART_MILLISECONDS = 500
const STOP_MILLISECONDS = 10_000

type Options = Readonly<{
  /** Directories on other file systems, for the whole of the data or for its WAL alone. */
  data?: string
  wal?: string
  /** `name=value`, beside those of every supervised Postgres. */
  settings?: readonly string[]
}>

export type SupervisedPostgres = Service &
  Readonly<{
    /** What Postgres has written to stderr since the start. */
    log: () => string
    /** Ends Postgres as kill -9 does; it is started again. */
    kill: () => void
    /** The same, but it is not started again before `bringBack`. */
    takeAway: () => void
    bringBack: () => void
  }>

/** A Postgres that is started again whenever it has ended, as a supervisor does. Its segments of WAL are of 1 MB. */
export const startSupervisedPostgres = async ({
  data,
  wal,
  settings = [],
}: Options = {}): Promise<SupervisedPostgres> => {
  const binaries = findPostgresBinaries()
  if (binaries === null) throw new Error('the faults need Postgres')
  const owner = postgresOwner()
  const directory = mkdtempSync(join(tmpdir(), 'signet-supervised-'))
  if (owner) chownSync(directory, owner.uid, owner.gid)
  const cluster = join(data ?? directory, 'data')
  const at_wal = wal === undefined ? [] : ['-X', join(wal, 'wal')]
  execFileSync(
    join(binaries, 'initdb'),
    `-D ${cluster} -U signet -A trust -E UTF8 --no-locale --no-sync --wal-segsize=1`
      .split(' ')
      .concat(at_wal),
    { ...owner, cwd: directory, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const port = await freeLowPort()
  // Only where the disk is a part of the fault: no fault here lets the machine lose its memory.
  const fsync = data === undefined && wal === undefined ? 'off' : 'on'
  const words = [...settingsAt(port), `fsync=${fsync}`, ...settings].flatMap(setting => ['-c', setting])
  let log = ''
  let isStopping = false
  let isAway = false
  let restart: NodeJS.Timeout | undefined

  const launch = (): ChildProcess => {
    const server = spawn(join(binaries, 'postgres'), ['-D', cluster, ...words], {
      ...owner,
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    server.stderr.on('data', chunk => {
      log += String(chunk)
    })
    server.once('exit', () => {
      if (!isStopping && !isAway) restart = setTimeout(() => (running = launch()), RESTART_MILLISECONDS)
    })
    return server
  }
  let running = launch()
  const leave = () => running.kill('SIGQUIT')
  process.once('exit', leave)
  const stop = async () => {
    isStopping = true
    clearTimeout(restart)
    process.off('exit', leave)
    await end(running)
    rmSync(directory, { recursive: true, force: true })
  }
  const url = `postgres://signet@127.0.0.1:${port}/postgres`
  await answering(running, stop, () => askPostgres(url))
  const kill = () => void running.kill('SIGKILL')
  return {
    url,
    stop,
    log: () => log,
    kill,
    takeAway: () => {
      isAway = true
      kill()
    },
    bringBack: () => {
      isAway = false
      running = launch()
    },
  }
}

const settingsAt = (port: number) => [
  'listen_addresses=127.0.0.1',
  `port=${port}`,
  'unix_socket_directories=',
  'max_connections=60',
  // No checkpoint within a fault: it would recycle segments, so that a full disk is not noticed.
  'max_wal_size=1GB',
]

const end = async (server: ChildProcess) => {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exited = new Promise(resolve => server.once('exit', resolve))
  server.kill('SIGQUIT')
  const impatience = setTimeout(() => server.kill('SIGKILL'), STOP_MILLISECONDS)
  await exited
  clearTimeout(impatience)
}
