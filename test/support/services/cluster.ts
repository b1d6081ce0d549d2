import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { findPostgresBinaries, freePort, postgresOwner } from './services.ts'

const READY_MILLISECONDS = 30_000

/** A Postgres whose processes a test may kill and start again. Its files keep what was committed. */
export type Server = Readonly<{
  port: number
  start: () => Promise<void>
  /** SIGKILL to the postmaster alone, as the kernel does when memory is short. */
  killPostmaster: () => Promise<void>
  promote: () => void
}>

/** A primary and a standby, which confirms each commit once `attach` has resolved. */
export const openCluster = async () => {
  const binaries = findPostgresBinaries()
  if (binaries === null) throw new Error('this suite needs Postgres: guard it with hasPostgres')
  const owner = postgresOwner()
  const directory = mkdtempSync(join(tmpdir(), 'signet-cluster-'))
  if (owner) chownSync(directory, owner.uid, owner.gid)
  const run = (program: string, ...words: readonly string[]) =>
    execFileSync(join(binaries, program), words, {
      ...owner,
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  const servers: ChildProcess[] = []

  const openServer = async (name: string): Promise<Server> => {
    const port = await freePort()
    const data = join(directory, name)
    const settings = {
      listen_addresses: '127.0.0.1',
      port,
      unix_socket_directories: '',
      max_connections: 200,
      fsync: 'off',
      wal_level: 'replica',
      hot_standby: 'on',
    }
    let server: ChildProcess | undefined
    const launch = () =>
      spawn(
        join(binaries, 'postgres'),
        ['-D', data, ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`])],
        { ...owner, cwd: directory, stdio: 'ignore' },
      )
    return {
      port,
      start: async () => {
        const deadline = Date.now() + READY_MILLISECONDS
        // A new postmaster refuses the directory and ends until the orphans of the killed one are gone.
        while (Date.now() < deadline) {
          if (server === undefined || server.exitCode !== null || server.signalCode !== null) {
            server = launch()
            servers.push(server)
          }
          if (await answers(port)) return
          await new Promise(resolve => setTimeout(resolve, 50))
        }
        throw new Error(`the Postgres ${name} does not answer`)
      },
      killPostmaster: async () => {
        const dying = server
        if (dying === undefined) throw new Error('not started')
        const exited = new Promise(resolve => dying.once('exit', resolve))
        dying.kill('SIGKILL')
        await exited
      },
      promote: () => run('pg_ctl', 'promote', '-D', data, '-w'),
    }
  }

  const primary = await openServer('primary')
  run(
    'initdb',
    '-D',
    join(directory, 'primary'),
    '-U',
    'signet',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--no-locale',
    '--no-sync',
  )
  await primary.start()
  const standby = await openServer('standby')
  const attach = async () => {
    run(
      'pg_basebackup',
      '-D',
      join(directory, 'standby'),
      '-U',
      'signet',
      '-h',
      '127.0.0.1',
      '-R',
      '-c',
      'fast',
      '-p',
      String(primary.port),
    )
    writeFileSync(join(directory, 'standby', 'standby.signal'), '')
    await standby.start()
    const sql = connect(primary.port)
    await sql`alter system set synchronous_standby_names = '*'`
    await sql`select pg_reload_conf()`
    const deadline = Date.now() + READY_MILLISECONDS
    while (
      (await sql`select where exists (select from pg_stat_replication where sync_state = 'sync')`).length ===
      0
    )
      if (Date.now() > deadline) throw new Error('the standby does not confirm')
    await sql.end()
  }
  /** Lets the promoted standby commit alone, as it has no standby of its own that confirms. */
  const standAlone = async ({ port }: Server) => {
    const sql = connect(port)
    await sql`alter system set synchronous_standby_names = ''`
    await sql`select pg_reload_conf()`
    await sql.end()
  }
  const close = async () => {
    for (const server of servers) {
      if (server.exitCode !== null || server.signalCode !== null) continue
      const exited = new Promise(resolve => server.once('exit', resolve))
      server.kill('SIGQUIT')
      await exited
    }
    rmSync(directory, { recursive: true, force: true })
  }
  return {
    primary,
    standby,
    attach,
    standAlone,
    /** The URL with both servers, as operators set it. */
    url: `postgres://signet@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`,
    close,
  }
}

/** A connection straight to one server. */
export const connect = (port: number) =>
  postgres(`postgres://signet@127.0.0.1:${port}/postgres`, { max: 1, onnotice: () => {} })

const answers = async (port: number): Promise<boolean> => {
  const sql = postgres(`postgres://signet@127.0.0.1:${port}/postgres`, { max: 1, connect_timeout: 1 })
  try {
    await sql`select 1`
    return true
  } catch {
    return false
  } finally {
    await sql.end({ timeout: 1 })
  }
}
