import type { Redis } from 'ioredis'
import type { RedisForm } from '../domain/base/redis-url.ts'
import { countInRedis } from './count-script.ts'
import { RedisMisnamed } from './redis-causes.ts'

/** One probe key for each kind of key, because the Redis user may have the right to write only one kind. No limit reads the probes. */
const PROBES = ['count:limit:probe', 'count:failures:probe'].map(key => ({ key, milliseconds: 60_000 }))

/**
 * Tries everything that the limits need: the form that REDIS_URL says, a primary, and each operation of a count. Rejects with the need that
 * is not met. Returns the `maxmemory-policy`; null where the Redis user has no right to read it.
 */
export const examineRedis = async (
  client: Redis,
  form: RedisForm,
): Promise<Readonly<{ policy: string | null }>> => {
  const info = await readInfo(client)
  requireForm(info, form)
  // A replica that accepts writes loses them with its next synchronization.
  if (info.get('role') === 'slave') throw new Error('READONLY: this redis is a replica')
  for (const operation of ['add', 'read', 'reset'] as const)
    await Promise.all(PROBES.map(probe => countInRedis(client, operation, probe)))
  return { policy: info.get('maxmemory_policy') ?? null }
}

/** A node of a cluster refuses commands with keys of several slots, even where it has every slot: the keys need the prefix of a cluster. */
const requireForm = (info: ReadonlyMap<string, string>, form: RedisForm): void => {
  if (info.get('redis_mode') === 'sentinel') throw new RedisMisnamed('this redis is a Sentinel')
  const isNode = info.get('cluster_enabled')
  if (isNode === '1' && form !== 'cluster') throw new RedisMisnamed('this redis is a node of a cluster')
  if (isNode === '0' && form === 'cluster') throw new RedisMisnamed('this redis is in no cluster')
}

/** Redis, "INFO" – Empty when the Redis user has no right to run the command: every value is then unknown. */
const readInfo = async (client: Redis): Promise<ReadonlyMap<string, string>> =>
  parseInfo(
    await client.info().catch((error: unknown) => {
      if (String(error).includes('NOPERM')) return ''
      throw error
    }),
  )

const parseInfo = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
