import { join } from 'node:path'
import { Cluster, Redis } from 'ioredis'
import type { RedisForm } from '../../../src/domain/base/redis-url.ts'
import { redisRights } from '../repository/redis-rights.ts'
import { freePort } from '../services/services.ts'
import { MASTER, openSentinels, sentinelUrl } from './redis-sentinels.ts'
import { openRedisServer, openTls, PLAIN, type RedisServer, type Transport } from './redis-server.ts'

/** A Redis in one of its forms, with a user that has exactly the rights of docs/redis.md. */
export type RedisInForm = Readonly<{
  url: string
  /** What the program needs beside the URL. */
  environment: Readonly<Record<string, string>>
  isCluster: boolean
  /** True where a replica takes over from a primary that is gone. */
  isReplicated: boolean
  /** The server that is the primary now. Waits until there is one that answers. */
  primary: () => Promise<RedisServer>
  /** Makes a primary of another server, or of none. */
  demote: () => Promise<void>
  /** Waits until every server is there and a replica has caught up. */
  settle: () => Promise<void>
  /** MGET by the client that a service has. */
  mget: (keys: string[]) => Promise<readonly (string | null)[]>
  close: () => Promise<void>
}>

type Prefix = Readonly<{ prefix: string }>

const LOGIN = 'signet:secret@'
const userOf = (prefix: string) => [
  '--user',
  'signet',
  'on',
  '>secret',
  `~${prefix}*`,
  ...redisRights('signet'),
]
const inCluster = (bus: number) =>
  `--cluster-enabled yes --cluster-config-file nodes.conf --cluster-node-timeout 1000 --cluster-port ${bus}`.split(
    ' ',
  )
/** A client of a service, which ends a connection that hangs. */
const SERVICE = {
  socketTimeout: 1_000,
  commandTimeout: 500,
  maxRetriesPerRequest: 0,
  retryStrategy: () => 50,
}

const openServer = async (
  { prefix }: Prefix,
  { scheme, listens, at, settings }: Transport,
): Promise<RedisInForm> => {
  const server = await openRedisServer({ settings: [...userOf(prefix), ...settings], listens, at })
  return alone(server, { url: `${scheme}://${LOGIN}127.0.0.1:${server.port}/1`, database: 1 })
}

const openSocket = async ({ prefix }: Prefix): Promise<RedisInForm> => {
  const pathIn = (directory: string) => join(directory, 'redis.sock')
  let path = ''
  const server = await openRedisServer({
    settings: userOf(prefix),
    listens: (_, directory) => {
      path = pathIn(directory)
      return ['--port', '0', '--unixsocket', path]
    },
    at: (_, directory) => ({ path: pathIn(directory) }),
  })
  return alone(server, { url: `redis+unix://${LOGIN}${path}?db=1`, database: 1 })
}

/** The form over TLS. Its certificate goes with it. */
const overTls =
  (open: (prefix: Prefix, transport: Transport) => Promise<RedisInForm>) =>
  async (prefix: Prefix): Promise<RedisInForm> => {
    const transport = openTls()
    const form = await open(prefix, transport)
    const close = async () => {
      await form.close()
      transport.close()
    }
    return { ...form, environment: transport.environment, close }
  }

const alone = (
  server: RedisServer,
  { url, database }: Readonly<{ url: string; database: number }>,
): RedisInForm => {
  const service = new Redis({ ...server.place, ...SERVICE, db: database })
  service.on('error', () => {})
  return {
    url,
    environment: {},
    isCluster: false,
    isReplicated: false,
    primary: async () => server,
    demote: async () => {
      await server.admin.replicaof('127.0.0.1', '1')
    },
    settle: async () => {
      await server.admin.replicaof('NO', 'ONE')
    },
    mget: keys => service.mget(keys),
    close: async () => {
      service.disconnect()
      await server.close()
    },
  }
}

const openSentinel = async ({ prefix }: Prefix, transport: Transport): Promise<RedisInForm> => {
  const { scheme, listens, at, client } = transport
  const settings = [...userOf(prefix), ...transport.settings]
  const first = await openRedisServer({ settings, listens, at })
  const replica = await openRedisServer({
    settings: [...settings, '--replicaof', '127.0.0.1', String(first.port)],
    listens,
    at,
  })
  const servers = [first, replica]
  const pair = ofPair(servers)
  // A Sentinel looks for replicas when it begins, and then every ten seconds.
  await pair.settle()
  const sentinels = await openSentinels(first.port, transport)
  const [sentinel = first] = sentinels
  const isKnown = async () => {
    const states = await Promise.all(
      sentinels.map(async ({ admin }) => fieldsOf(await admin.call('sentinel', 'master', MASTER))),
    )
    return states.every(state => state.get('num-other-sentinels') === '2' && state.get('flags') === 'master')
  }
  /** The old primary of a failover by hand goes on as a primary until the Sentinels demote it ten seconds later. */
  const named = async (): Promise<RedisServer> => {
    const [, port] = toTexts(await sentinel.admin.call('sentinel', 'get-master-addr-by-name', MASTER))
    const server = servers.find(each => String(each.port) === port)
    if (server === undefined) throw new Error('the Sentinels name a primary')
    return (await pair.roleOf(server)) === 'master' ? server : pause().then(named)
  }
  const settle = async () => {
    const primary = await named()
    const other = servers.find(server => server !== primary)
    await other?.admin.replicaof('127.0.0.1', primary.port)
    await pair.settle()
    await until(isKnown)
  }
  await settle()
  const service = new Redis({
    ...SERVICE,
    sentinels: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
    name: MASTER,
    ...client,
    ...(client.tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: client.tls }),
  })
  service.on('error', () => {})
  return {
    environment: {},
    url: sentinelUrl(sentinels, { login: LOGIN, scheme }),
    isCluster: false,
    isReplicated: true,
    primary: named,
    settle,
    demote: async () => {
      const before = await named()
      // Refused while the Sentinels still look for the state of the replica.
      await until(async () => {
        await sentinel.admin.call('sentinel', 'failover', MASTER)
        return true
      })
      await until(async () => (await named()) !== before)
    },
    mget: keys => service.mget(keys),
    close: async () => {
      service.disconnect()
      await Promise.all([...sentinels, ...servers].map(each => each.close()))
    },
  }
}

const NODES = 3
const SLOTS = 16_384

const openCluster = async (
  { prefix }: Prefix,
  { scheme, listens, at, client, settings: own }: Transport,
): Promise<RedisInForm> => {
  const open = async () => {
    // The standard port of the bus, ten thousand above the other one, need not be free.
    const bus = await freePort()
    const settings = [...userOf(`{${prefix}}`), ...inCluster(bus), ...own]
    return { server: await openRedisServer({ settings, listens, at }), bus }
  }
  const nodes = await Promise.all(Array.from({ length: NODES + 1 }, open))
  const [first] = nodes
  if (first === undefined) throw new Error('there are nodes')
  for (const [index, { server, bus }] of nodes.entries()) {
    await server.admin.call('cluster', 'set-config-epoch', String(index + 1))
    if (index < NODES) {
      const [from, to] = [index, index + 1].map(part => Math.round((part * SLOTS) / NODES))
      await server.admin.call('cluster', 'addslotsrange', String(from), String(Number(to) - 1))
    }
    if (server !== first.server)
      await first.server.admin.call('cluster', 'meet', '127.0.0.1', String(server.port), String(bus))
  }
  const slot = Number(await first.server.admin.call('cluster', 'keyslot', `{${prefix}}`))
  const owner = nodes[Math.floor((slot * NODES) / SLOTS)]
  const replica = nodes.at(-1)
  if (owner === undefined || replica === undefined) throw new Error('there are nodes')
  const id = String(await owner.server.admin.call('cluster', 'myid'))
  await until(async () => String(await replica.server.admin.call('cluster', 'nodes')).includes(id))
  await until(() =>
    replica.server.admin.call('cluster', 'replicate', id).then(
      () => true,
      () => false,
    ),
  )
  const replicated = ofPair([owner.server, replica.server])
  const settle = async () => {
    await replicated.settle()
    await until(async () => {
      const states = await Promise.all(nodes.map(({ server }) => server.admin.call('cluster', 'info')))
      return states.every(
        state => /cluster_state:ok/.test(String(state)) && /known_nodes:4/.test(String(state)),
      )
    })
  }
  await settle()
  const service = new Cluster(
    nodes.map(({ server }) => ({ host: '127.0.0.1', port: server.port })),
    { redisOptions: { socketTimeout: 1_000, commandTimeout: 500, ...client }, slotsRefreshInterval: 500 },
  )
  service.on('error', () => {})
  return {
    ...replicated,
    url: `${scheme}+cluster://${LOGIN}${nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(',')}`,
    isCluster: true,
    settle,
    demote: async () => {
      const before = await replicated.primary()
      const next = [owner.server, replica.server].find(server => server !== before) ?? before
      await next.admin.call('cluster', 'failover')
      await until(async () => (await replicated.primary()) !== before)
    },
    mget: keys => service.mget(keys),
    close: async () => {
      service.disconnect()
      await Promise.all(nodes.map(({ server }) => server.close()))
    },
  }
}

/** A primary and its replica, whichever is which. */
const ofPair = (servers: readonly RedisServer[]) => {
  const roleOf = async ({ admin }: RedisServer): Promise<string> =>
    /role:(\w+)/.exec(await within(admin.info('replication'), ''))?.[1] ?? 'away'
  const primary = async (): Promise<RedisServer> => {
    for (;;) {
      const roles = await Promise.all(servers.map(roleOf))
      const masters = servers.filter((_, index) => roles[index] === 'master')
      const [one] = masters
      if (one !== undefined && masters.length === 1) return one
      await pause()
    }
  }
  return {
    environment: {},
    isReplicated: true,
    roleOf,
    primary,
    settle: async () => {
      const { admin } = await primary()
      await until(async () => /slave0:.*state=online/.test(await admin.info('replication')))
      const other = servers.find(server => server.admin !== admin)
      await until(async () => /master_link_status:up/.test(await (other?.admin ?? admin).info('replication')))
    },
  }
}

const toTexts = (answer: unknown): readonly string[] => (Array.isArray(answer) ? answer.map(String) : [])

/** What Redis answers as names and values in turns. */
const fieldsOf = (answer: unknown): ReadonlyMap<string, string> => {
  const words = toTexts(answer)
  return new Map(words.flatMap((name, index) => (index % 2 === 0 ? [[name, words[index + 1] ?? '']] : [])))
}

const PATIENCE_MILLISECONDS = 30_000

const until = async (holds: () => Promise<boolean>) => {
  const deadline = performance.now() + PATIENCE_MILLISECONDS
  while (!(await within(holds(), false))) {
    if (performance.now() > deadline) throw new Error(`Redis does not get there: ${holds.toString()}`)
    await pause()
  }
}

/** A frozen server does not answer. */
const within = <T>(asked: Promise<T>, otherwise: T): Promise<T> =>
  Promise.race([asked.catch(() => otherwise), pause(500).then(() => otherwise)])

const pause = (milliseconds = 20) => new Promise(resolve => setTimeout(resolve, milliseconds))

/** The forms of `REDIS_URL`, and those over TLS. */
export const REDIS_FORMS = {
  server: prefix => openServer(prefix, PLAIN),
  socket: openSocket,
  sentinel: prefix => openSentinel(prefix, PLAIN),
  cluster: prefix => openCluster(prefix, PLAIN),
  tls: overTls(openServer),
  'sentinel-tls': overTls(openSentinel),
  'cluster-tls': overTls(openCluster),
} satisfies Record<
  RedisForm | 'tls' | `${'sentinel' | 'cluster'}-tls`,
  (prefix: Prefix) => Promise<RedisInForm>
>
