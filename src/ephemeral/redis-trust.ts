import type { Redis } from 'ioredis'
import type { Log } from '../ports/effects.ts'
import { examineRedis } from './examine-redis.ts'

/** How often a Redis is examined that answers: one that is full, demoted or short of rights answers too. */
const EXAMINE_MILLISECONDS = 1_000

type Needs = Readonly<{
  client: Redis
  /** The number of the connection; null while there is none. */
  connection: () => number | null
  log: Log
}>

/**
 * Whether Redis is trusted with counts: from an examination of everything that they need, which succeeded on this connection, to the
 * first command of theirs that fails.
 */
export const createRedisTrust = ({ client, connection, log }: Needs) => {
  /** The connection that was examined, and has refused nothing since. */
  let trusted: number | null = null
  let refusal: string | null = null
  const eviction = createEvictionWatch(log)
  let leftAt = Number.NEGATIVE_INFINITY
  let examining: Promise<void> | null = null

  const isTrusted = () => trusted !== null && trusted === connection()
  const accept = (examined: number) => {
    if (refusal !== null) log.info({ component: 'redis' }, 'redis takes what the limits need again')
    refusal = null
    trusted = examined
  }
  const refuse = (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error)
    if (refusal === null)
      log.warn(
        { component: 'redis', error: message },
        'redis refuses what the limits need: they count in process',
      )
    refusal = message
    trusted = null
    if (message.includes('READONLY')) leave()
  }
  /** The name of a demoted primary may lead to its successor by now; once a second, for it may lead nowhere else either. */
  const leave = () => {
    if (performance.now() - leftAt < EXAMINE_MILLISECONDS) return
    leftAt = performance.now()
    client.disconnect(true)
  }
  const examineNow = async (examined: number) => {
    try {
      const { policy } = await examineRedis(client)
      if (connection() !== examined) return
      accept(examined)
      eviction.judge(policy)
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
    isTrusted,
    /** Why it is not trusted; null when it is. */
    fault: () => (isTrusted() ? null : `redis refuses what the limits need: ${refusal ?? 'no answer yet'}`),
    /** Why what is written may be forgotten; null when it may not, and while Redis is not trusted at all. */
    eviction: () => (isTrusted() ? eviction.fault() : null),
    /** Never rejects. */
    examine,
    /** What `work` answers; null while Redis is not trusted, and when `work` fails, which ends the trust. Never rejects. */
    count: async <T>(work: (client: Redis) => Promise<T>): Promise<T | null> => {
      if (!isTrusted()) return null
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

/** Whether what is written may be forgotten, as of the last examination. */
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
