import { Redis } from 'ioredis'
import type { Log } from '../ports/effects.ts'
import { describeRedisOutage, RedisMisnamed } from './redis-causes.ts'
import { routeTo } from './redis-route.ts'
import { createRedisTrust } from './redis-trust.ts'

const AWAY = 'redis is away: limits count in process'
const NO_DATABASE = 'redis has no database of the number in REDIS_URL: limits count in process'

type Needs = Readonly<{
  url: string
  /** The prefix of every key. */
  prefix: string
  log: Log
}>

/**
 * One client on one connection to one primary, which pipelines. Commands fail at once while Redis is away: no request may wait for Redis.
 * Throws for a URL that the settings refuse.
 */
export const openRedis = ({ url, prefix, log }: Needs) => {
  const route = routeTo(url, prefix)
  const client = new Redis(route.options)
  let isReady = false
  let connections = 0
  let wrongDatabase: string | null = null
  let isClosing = false
  /** The error that ended the connection or prevented it; null when there was none. */
  let outage: Error | null = null
  const complaints = createComplaints(log)
  const complain = (message: string, error: string) => complaints.add(message, error, faultOfConnection())
  const faultOfConnection = () =>
    wrongDatabase === null ? describeRedisOutage(outage) : describeWrongDatabase(wrongDatabase)
  const connection = () => (isReady ? connections : null)
  const trust = createRedisTrust({ ...route, client, connection, log })

  client.on('connect', () => {
    wrongDatabase = null
  })
  client.on('ready', () => {
    // After a failed SELECT the library continues in database 0, among the keys of other programs.
    if (wrongDatabase !== null) return
    isReady = true
    connections += 1
    complaints.settle()
    outage = null
    void trust.examine()
  })
  client.on('close', () => {
    // A refusal has been logged already, and a connection that this process closed is no outage.
    const isNews = !isClosing && complaints.isEmpty() && (!isReady || trust.isTrusted())
    isReady = false
    if (isNews) complain(AWAY, 'the connection was closed')
  })
  client.on('error', (error: Error) => {
    outage = error
    if (isOfSelect(error)) wrongDatabase = error.message
    complain(isOfSelect(error) ? NO_DATABASE : AWAY, error.message)
  })

  const fault = (): string | null => {
    if (wrongDatabase !== null || !isReady) return faultOfConnection()
    return trust.fault() ?? describeEviction(trust.eviction())
  }
  return {
    client,
    isReady: () => isReady,
    /** True while Redis answers, and accepts everything that the limits need. */
    isHealthy: trust.isTrusted,
    /** False while Redis may evict: services that read revocations there cannot rely on them. */
    isKeeping: () => trust.eviction() === null,
    /** The fault, for the operator; null when there is none. */
    fault,
    /** True when Redis answers and lacks the database, the form or the primary that the URL names. False before the first answer. */
    isMisnamed: () => wrongDatabase !== null || outage instanceof RedisMisnamed || trust.isMisnamed(),
    /** The number of connections so far. A new connection may lead to another Redis, or to one restored to an earlier state. */
    connections: () => connections,
    /** Returns the result of `work`; null while counts are kept in process. Never rejects. */
    count: trust.count,
    /** Resolves when the first attempt has succeeded or failed, because the program also starts without Redis, degraded. */
    connect: () => client.connect().then(trust.examine, trust.examine),
    close: async () => {
      isClosing = true
      trust.close()
      await (isReady ? client.quit().catch(() => client.disconnect()) : client.disconnect())
    },
  }
}

/** Logs the start of an outage once, with its cause, and the end of the outage once. */
const createComplaints = (log: Log) => {
  let latest: string | null = null
  return {
    isEmpty: () => latest === null,
    add: (message: string, error: string, cause: string): void => {
      if (message !== latest) log.warn({ component: 'redis', error, cause }, message)
      latest = message
    },
    settle: (): void => {
      if (latest !== null) log.info({ component: 'redis' }, 'redis is back')
      latest = null
    },
  }
}

const describeWrongDatabase = (answer: string): string =>
  `its database cannot be selected: ${answer}; name one that it has, or raise its databases`

const describeEviction = (policy: string | null): string | null =>
  policy &&
  `redis may evict what was revoked: ${policy}, not noeviction; set maxmemory-policy noeviction, and let the user of REDIS_URL run INFO, which tells it`

export type RedisConnection = ReturnType<typeof openRedis>

const isOfSelect = (error: Error): boolean =>
  'command' in error &&
  typeof error.command === 'object' &&
  error.command !== null &&
  'name' in error.command &&
  error.command.name === 'select'
