import type { Redis } from 'ioredis'
import type { RedisForm } from '../domain/base/redis-url.ts'
import type { Log } from '../ports/effects.ts'
import { examineRedis } from './examine-redis.ts'
import { adviceOnLimits, RedisMisnamed } from './redis-causes.ts'

/** The interval of examinations. A Redis that is full, demoted or without the needed rights still answers, so an answer proves nothing. */
const EXAMINE_MILLISECONDS = 1_000

/** Answers of a server that is no longer the primary, or that no longer owns the keys. */
const LEAVE = /READONLY|MOVED|CLUSTERDOWN/

type Needs = Readonly<{
  client: Redis
  form: RedisForm
  /** True when the primary is another server by now, though the one of the connection answers. Never rejects. */
  hasMoved: () => Promise<boolean>
  /** The number of the connection; null while there is none. */
  connection: () => number | null
  log: Log
}>

/**
 * A circuit breaker that tells whether Redis is trusted with counts. A successful examination resets the breaker for the connection that
 * was examined; the first failure of a count or of an examination trips the breaker.
 */
export const createRedisTrust = ({ client, form, hasMoved, connection, log }: Needs) => {
  const breaker = createBreaker(connection, log)
  const eviction = createEvictionWatch(log)
  const reconnect = createReconnect(client)
  let examining: Promise<void> | null = null
  let isMisnamed = false

  const refuse = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    isMisnamed = error instanceof RedisMisnamed
    breaker.trip(message)
    if (LEAVE.test(message)) reconnect()
  }
  const examineNow = async (examined: number) => {
    try {
      const { policy } = await examineRedis(client, form)
      if (connection() !== examined) return
      isMisnamed = false
      breaker.reset(examined)
      eviction.judge(policy)
      if ((await hasMoved()) && connection() === examined) reconnect()
    } catch (error) {
      if (connection() === examined) refuse(error)
    }
  }
  const examine = async (): Promise<void> => {
    const current = connection()
    if (current === null) return
    examining ??= examineNow(current).finally(() => {
      examining = null
    })
    await examining
  }
  const timer = setInterval(() => void examine(), EXAMINE_MILLISECONDS).unref()

  return {
    isTrusted: breaker.isClosed,
    /** Why Redis is not trusted; null when it is. */
    fault: breaker.fault,
    /** True when the last examination found another form of Redis than REDIS_URL says. */
    isMisnamed: () => isMisnamed,
    /** Why Redis may evict keys; null when Redis evicts none, and while Redis is not trusted. */
    eviction: () => (breaker.isClosed() ? eviction.fault() : null),
    /** Never rejects. */
    examine,
    /** Returns the result of `work`; null while Redis is not trusted, or when `work` fails, which ends the trust. Never rejects. */
    count: async <T>(work: (client: Redis) => Promise<T>): Promise<T | null> => {
      if (!breaker.isClosed()) return null
      const begun = connection()
      try {
        return await work(client)
      } catch (error) {
        if (connection() === begun) refuse(error)
        return null
      }
    },
    close: () => clearInterval(timer),
  }
}

/** The breaker is closed (Redis is trusted) for the last examined connection until it trips. Each change is logged once. */
const createBreaker = (connection: Needs['connection'], log: Log) => {
  let closedFor: number | null = null
  let refusal: string | null = null
  const isClosed = () => closedFor !== null && closedFor === connection()
  return {
    isClosed,
    fault: () => {
      if (isClosed()) return null
      return refusal === null
        ? 'redis refuses what the limits need: no answer yet; try again'
        : `redis refuses what the limits need: ${refusal}; ${adviceOnLimits(refusal)}`
    },
    reset: (examined: number): void => {
      if (refusal !== null) log.info({ component: 'redis' }, 'redis takes what the limits need again')
      refusal = null
      closedFor = examined
    },
    trip: (message: string): void => {
      if (refusal === null)
        log.warn(
          { component: 'redis', error: message, cause: adviceOnLimits(message) },
          'redis refuses what the limits need: they count in process',
        )
      refusal = message
      closedFor = null
    },
  }
}

/**
 * Reconnects after the primary was demoted, because the host name, the Sentinels or the cluster may lead to the new primary by now. At most
 * once a second, because they may still lead to the demoted server.
 */
const createReconnect = (client: Redis) => {
  let left_at = Number.NEGATIVE_INFINITY
  return (): void => {
    if (performance.now() - left_at < EXAMINE_MILLISECONDS) return
    left_at = performance.now()
    client.disconnect(true)
  }
}

/** Whether Redis may evict keys, as of the last examination. */
const createEvictionWatch = (log: Log) => {
  let fault: string | null = null
  return {
    fault: () => fault,
    judge: (policy: string | null): void => {
      const before = fault
      fault = policy === 'noeviction' ? null : `maxmemory-policy is ${policy ?? 'unknown'}`
      if (fault === before) return
      if (fault === null) log.info({ component: 'redis' }, 'redis does not evict any more')
      else
        log.warn(
          { component: 'redis', error: fault },
          'redis may evict: revocations there are never complete, and services that look there cannot know',
        )
    },
  }
}
