import type { Redis } from 'ioredis'
import { countInRedis } from './count-script.ts'

/** One probe key for each kind of key, because the Redis user may have the right to write only one kind. No limit reads the probes. */
const PROBES = ['count:limit:probe', 'count:failures:probe'].map(key => ({ key, milliseconds: 60_000 }))

/**
 * Tries everything that the limits need: a primary, every slot, and each operation of a count. Rejects with the need that is not met.
 * Returns the `maxmemory-policy`; null where the Redis user has no right to read it.
 */
export const examineRedis = async (client: Redis): Promise<Readonly<{ policy: string | null }>> => {
  const info = await readInfo(client)
  // A replica that accepts writes loses them with its next synchronization.
  if (info.get('role') === 'slave') throw new Error('READONLY: this redis is a replica')
  if (info.get('cluster_enabled') === '1') await requireEverySlot(client)
  for (const operation of ['add', 'read', 'reset'] as const)
    await Promise.all(PROBES.map(probe => countInRedis(client, operation, probe)))
  return { policy: info.get('maxmemory_policy') ?? null }
}

/** Redis, "Cluster specification" – A node refuses a key whose slot belongs to another node, with MOVED. */
const requireEverySlot = async (client: Redis): Promise<void> => {
  const cluster = parseInfo(await client.cluster('INFO'))
  if (cluster.get('cluster_size') !== '1' || cluster.get('cluster_slots_ok') !== '16384')
    throw new Error('MOVED: this redis is a node of a cluster and has not every slot')
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
