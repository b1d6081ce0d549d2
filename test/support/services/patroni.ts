import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProxy } from './foreign.ts'
import {
  answering,
  findOnPath,
  findPostgresBinaries,
  freePort,
  postgresOwner,
  type Service,
  stopper,
} from './services.ts'

const READY_MILLISECONDS = 90_000

/** Debian's `patroni`, `etcd-server`, `haproxy` and `postgresql`. */
export const hasPatroni = (): boolean =>
  [findOnPath('patroni'), findOnPath('etcd'), findProxy('haproxy'), findPostgresBinaries()].every(
    program => program !== null,
  )

/** A Postgres and the Patroni that manages it. */
export type PatroniNode = Readonly<{
  port: number
  /** Where Patroni tells what the node is. */
  rest_port: number
  start: () => void
  /** SIGKILL to Patroni alone: its Postgres goes on as it was. */
  killManager: () => Promise<void>
  /** SIGKILL to Patroni and to the postmaster. */
  kill: () => Promise<void>
  isPrimary: () => Promise<boolean>
}>

/** Two nodes that replicate synchronously, and the etcd in which they agree. */
export const openPatroni = async () => {
  const owner = postgresOwner()
  const directory = mkdtempSync(join(tmpdir(), 'signet-patroni-'))
  if (owner) chownSync(directory, owner.uid, owner.gid)
  const etcd = await startEtcd(join(directory, 'etcd'), owner)
  const nodes = await Promise.all(
    ['db1', 'db2'].map(name => openNode({ name, directory, owner, etcd: new URL(etcd.url).host })),
  )
  const [first, second] = nodes
  if (first === undefined || second === undefined) throw new Error('two nodes')
  first.start()
  await until('the first node is the primary', first.isPrimary)
  second.start()
  const isSynchronous = () =>
    until('the other node confirms commits', async () => {
      const answers = await Promise.all(nodes.map(({ rest_port }) => isYes(rest_port, 'sync')))
      return answers.includes(true)
    })
  await isSynchronous()
  const primary = async () => {
    for (const node of nodes) if (await node.isPrimary()) return node
    return null
  }
  return {
    nodes: [first, second] as const,
    primary,
    isSynchronous,
    /** Lets the standby take over in good order. */
    switchOver: async () => {
      const [leader, candidate] = (await first.isPrimary()) ? ['db1', 'db2'] : ['db2', 'db1']
      const { rest_port } = leader === 'db1' ? first : second
      const answer = await fetch(`http://127.0.0.1:${rest_port}/switchover`, {
        method: 'POST',
        body: JSON.stringify({ leader, candidate }),
      })
      if (answer.status !== 200) throw new Error(`no switchover: ${answer.status} ${await answer.text()}`)
    },
    url: `postgres://signet@127.0.0.1:${first.port},127.0.0.1:${second.port}/postgres`,
    close: async () => {
      for (const node of nodes) await node.kill()
      await etcd.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

type Owner = ReturnType<typeof postgresOwner>

const startEtcd = async (data: string, owner: Owner): Promise<Service> => {
  const [client, peer] = [await freePort(), await freePort()].map(port => `http://127.0.0.1:${port}`)
  const words = {
    'data-dir': data,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `default=${peer}`,
  }
  const server = spawn(
    findOnPath('etcd') ?? '',
    Object.entries(words).map(([name, word]) => `--${name}=${word}`),
    { ...owner, stdio: 'ignore' },
  )
  const stop = stopper(server, 'SIGTERM', data)
  await answering(server, stop, async () => {
    const { status } = await fetch(`${client}/health`)
    if (status !== 200) throw new Error(`etcd answers ${status}`)
  })
  return { url: client ?? '', stop }
}

type Place = Readonly<{ name: string; directory: string; owner: Owner; etcd: string }>

const openNode = async ({ name, directory, owner, etcd }: Place): Promise<PatroniNode> => {
  const [port, rest_port] = [await freePort(), await freePort()]
  const data = join(directory, name)
  const file = join(directory, `${name}.json`)
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(configurationOf({ name, data, directory, port, rest_port, etcd })))
  let manager: ChildProcess | undefined
  const killManager = async () => {
    if (manager === undefined || manager.exitCode !== null || manager.signalCode !== null) return
    const exited = new Promise(resolve => manager?.once('exit', resolve))
    manager.kill('SIGKILL')
    await exited
  }
  return {
    port,
    rest_port,
    start: () => {
      const log = openSync(`${file}.log`, 'a')
      manager = spawn(findOnPath('patroni') ?? '', [file], {
        ...owner,
        cwd: directory,
        env: { PATH: process.env['PATH'], HOME: directory },
        stdio: ['ignore', log, log],
      })
    },
    killManager,
    kill: async () => {
      await killManager()
      const pid = postmasterIn(data)
      if (pid === null) return
      killIfThere(pid)
      await until('the postmaster has ended', async () => !isThere(pid))
    },
    isPrimary: () => isYes(rest_port, 'primary'),
  }
}

type Node = Readonly<{
  name: string
  data: string
  directory: string
  port: number
  rest_port: number
  etcd: string
}>

const configurationOf = ({ name, data, directory, port, rest_port, etcd }: Node) => ({
  scope: 'signet',
  name,
  restapi: { listen: `127.0.0.1:${rest_port}`, connect_address: `127.0.0.1:${rest_port}` },
  etcd3: { host: etcd },
  bootstrap: {
    dcs: {
      ttl: 20,
      loop_wait: 1,
      retry_timeout: 5,
      synchronous_mode: true,
      postgresql: { use_pg_rewind: true },
    },
    initdb: [{ encoding: 'UTF8' }, 'no-locale', 'no-sync'],
  },
  postgresql: {
    listen: `127.0.0.1:${port}`,
    connect_address: `127.0.0.1:${port}`,
    data_dir: data,
    bin_dir: findPostgresBinaries(),
    authentication: {
      superuser: { username: 'signet', password: 'signet' },
      replication: { username: 'replicator', password: 'replicator' },
    },
    pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
    parameters: { unix_socket_directories: directory, fsync: 'off', max_connections: 100 },
  },
})

const isYes = (rest_port: number, question: 'primary' | 'sync'): Promise<boolean> =>
  fetch(`http://127.0.0.1:${rest_port}/${question}`).then(
    ({ status }) => status === 200,
    () => false,
  )

const until = async (what: string, isSo: () => Promise<boolean>) => {
  const deadline = Date.now() + READY_MILLISECONDS
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`in vain: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/** The first line of the file of a running Postgres. */
const postmasterIn = (data: string): number | null => {
  try {
    return Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return null
  }
}

const killIfThere = (pid: number) => {
  if (isThere(pid)) process.kill(pid, 'SIGKILL')
}

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** HAProxy before the nodes, as docs/deploy.md configures it. */
export const startHaproxyOf = async (nodes: readonly [PatroniNode, PatroniNode]): Promise<Service> => {
  const directory = mkdtempSync(join(tmpdir(), 'signet-haproxy-'))
  const port = await freePort()
  const [snippet] = /^listen postgres[\s\S]*?(?=^```)/m.exec(readFileSync('docs/deploy.md', 'utf8')) ?? []
  if (snippet === undefined) throw new Error('docs/deploy.md has no snippet for Patroni')
  const text = nodes.reduce(
    (changed, node, index) =>
      changed.replace(
        `10.0.0.${index + 1}:5432 check port 8008`,
        `127.0.0.1:${node.port} check port ${node.rest_port}`,
      ),
    snippet.replace('127.0.0.1:5000', `127.0.0.1:${port}`),
  )
  writeFileSync(join(directory, 'conf'), text)
  const server = spawn(findProxy('haproxy') ?? '', ['-db', '-f', join(directory, 'conf')], {
    stdio: 'ignore',
  })
  const url = `postgres://signet@127.0.0.1:${port}/postgres`
  return { url, stop: stopper(server, 'SIGTERM', directory) }
}
