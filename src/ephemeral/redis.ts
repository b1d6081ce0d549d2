import { Redis } from 'ioredis'
import type { Log } from '../ports.ts'

/** Written once a second: a Redis that is full, or has become a replica, answers and takes nothing. */
const PROBE = 'signet:probe'
const PROBE_MILLISECONDS = 1_000

/** One pooled, pipelining client. Answers at once when Redis is away: nothing here may hold a request up. */
export const openRedis = ({ url, log }: { url: string; log: Log }) => {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 500,
    // A Redis that hangs keeps its connection, and every command would wait in vain: it is left like one that is gone.
    socketTimeout: 1_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
    retryStrategy: attempt => Math.min(attempt * 100, 2_000),
  })
  let isReady = false
  let connections = 0
  let hasWarned = false
  let takesWrites = true
  const probe = async () => {
    if (!isReady) return
    const refusal = await client.set(PROBE, '1', 'EX', 60).then(
      () => null,
      (error: unknown) => (error instanceof Error && error.name === 'ReplyError' ? error.message : null),
    )
    if (refusal !== null && takesWrites)
      log.warn({ component: 'redis', error: refusal }, 'redis refuses writes: limits count in process')
    if (refusal === null && !takesWrites) log.info({ component: 'redis' }, 'redis takes writes again')
    takesWrites = refusal === null
  }
  const probing = setInterval(() => void probe(), PROBE_MILLISECONDS).unref()
  client.on('ready', () => {
    if (hasWarned) log.info({ component: 'redis' }, 'redis is back')
    isReady = true
    connections += 1
    hasWarned = false
  })
  client.on('close', () => {
    isReady = false
  })
  client.on('error', (error: Error) => {
    if (!hasWarned)
      log.warn({ component: 'redis', error: error.message }, 'redis is away: limits count in process')
    hasWarned = true
  })
  return {
    client,
    isReady: () => isReady,
    /** Also that it takes what is written. */
    isHealthy: () => isReady && takesWrites,
    /** One more with each connection: behind a new one there may be another Redis, or this one as it was before. */
    connections: () => connections,
    /** Resolves when connected or when the first attempt has failed: a start without Redis is a degraded start. */
    connect: () => client.connect().catch(() => undefined),
    close: async () => {
      clearInterval(probing)
      if (isReady) await client.quit().catch(() => client.disconnect())
      else client.disconnect()
    },
  }
}

export type RedisConnection = ReturnType<typeof openRedis>
