import { Redis } from 'ioredis'
import type { Log } from '../ports/effects.ts'
import { createRedisTrust } from './redis-trust.ts'

const AWAY = 'redis is away: limits count in process'
const NO_DATABASE = 'redis has no database of the number in REDIS_URL: limits count in process'

const OPTIONS = {
  lazyConnect: true,
  connectTimeout: 2_000,
  commandTimeout: 500,
  // A Redis that hangs keeps its connection open, and every command would wait in vain: the connection is closed instead.
  socketTimeout: 1_000,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 2_000),
}

type Needs = Readonly<{
  url: string
  /** The prefix of every key. */
  prefix: string
  log: Log
}>

/** One client on one connection, which pipelines. Commands fail at once while Redis is away: no request may wait for Redis. */
export const openRedis = ({ url, prefix, log }: Needs) => {
  const client = new Redis(url, { ...OPTIONS, keyPrefix: prefix })
  let isReady = false
  let connections = 0
  let complaint: string | null = null
  let wrongDatabase: string | null = null
  let isClosing = false
  const complain = (message: string, error: string) => {
    if (message !== complaint) log.warn({ component: 'redis', error }, message)
    complaint = message
  }
  const trust = createRedisTrust({ client, connection: () => (isReady ? connections : null), log })

  client.on('connect', () => {
    wrongDatabase = null
  })
  client.on('ready', () => {
    // The library would go on in database 0, among the keys of other programs.
    if (wrongDatabase !== null) return
    if (complaint !== null) log.info({ component: 'redis' }, 'redis is back')
    isReady = true
    connections += 1
    complaint = null
    void trust.examine()
  })
  client.on('close', () => {
    // A Redis that refused has been logged already, and this process may have closed the connection itself.
    const isNews = !isClosing && complaint === null && (!isReady || trust.isTrusted())
    isReady = false
    if (isNews) complain(AWAY, 'the connection was closed')
  })
  client.on('error', (error: Error) => {
    if (isOfSelect(error)) wrongDatabase = error.message
    complain(isOfSelect(error) ? NO_DATABASE : AWAY, error.message)
  })

  const fault = (): string | null => {
    if (wrongDatabase !== null) return `its database cannot be selected: ${wrongDatabase}`
    if (!isReady) return 'redis does not answer'
    const eviction = trust.eviction()
    return trust.fault() ?? (eviction && `redis may evict what was revoked: ${eviction}, not noeviction`)
  }
  return {
    client,
    isReady: () => isReady,
    /** True while Redis answers, and accepts everything that the limits need. */
    isHealthy: trust.isTrusted,
    /** False while Redis may evict: services that look there then cannot know what was revoked. */
    isKeeping: () => trust.eviction() === null,
    /** The fault, for the operator; null when there is none. */
    fault,
    /** Why the database that the URL names cannot be selected; null where it can, and before the first attempt. */
    wrongDatabase: () => wrongDatabase,
    /** One more with each connection: a new one may lead to another Redis, or to one that was restored to an earlier state. */
    connections: () => connections,
    /** What `work` answers; null while counts are kept in process. Never rejects. */
    count: trust.count,
    /** Resolves when connected, and also when the first attempt has failed: the program starts without Redis too, degraded. */
    connect: async () => {
      await client.connect().catch(() => undefined)
      await trust.examine()
    },
    close: async () => {
      isClosing = true
      trust.close()
      if (isReady) await client.quit().catch(() => client.disconnect())
      else client.disconnect()
    },
  }
}

export type RedisConnection = ReturnType<typeof openRedis>

const isOfSelect = (error: Error): boolean =>
  'command' in error &&
  typeof error.command === 'object' &&
  error.command !== null &&
  'name' in error.command &&
  error.command.name === 'select'
