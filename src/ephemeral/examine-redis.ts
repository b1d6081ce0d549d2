import type { Redis } from 'ioredis'
import { countInRedis } from './count-script.ts'

/** What is counted to try it, of each kind: a user may be allowed one of them alone. Nothing depends on it. */
const PROBES = ['count:limit:probe', 'count:failures:probe'].map(key => ({ key, milliseconds: 60_000 }))

/**
 * Does what the limits need: a primary, every slot, and each operation of a count. Rejects with what is missing. Returns the policy
 * of a full memory; null where the user may not ask for it.
 */
export const examineRedis = async (client: Redis): Promise<Readonly<{ policy: string | null }>> => {
  const info = await readInfo(client)
  // One that takes writes all the same loses them with the next synchronization.
  if (info.get('role') === 'slave') throw new Error('READONLY: this redis is a replica')
  if (info.get('cluster_enabled') === '1') await requireEverySlot(client)
  for (const operation of ['add', 'read', 'reset'] as const)
    await Promise.all(PROBES.map(probe => countInRedis(client, operation, probe)))
  return { policy: info.get('maxmemory_policy') ?? null }
}

/** Redis, "Cluster specification" – A key whose slot another node has is refused here, with MOVED. */
const requireEverySlot = async (client: Redis): Promise<void> => {
  const cluster = parseInfo(await client.cluster('INFO'))
  if (cluster.get('cluster_size') !== '1' || cluster.get('cluster_slots_ok') !== '16384')
    throw new Error('MOVED: this redis is a node of a cluster and has not every slot')
}

/** Redis, "INFO" – Empty for a user who may not ask: everything in it counts as unknown then. */
const readInfo = async (client: Redis): Promise<ReadonlyMap<string, string>> =>
  parseInfo(
    await client.info().catch((error: unknown) => {
      if (String(error).includes('NOPERM')) return ''
      throw error
    }),
  )

const parseInfo = (text: string): ReadonlyMap<string, string> =>
  new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]))
