import { examineNodes } from '../../compose/findings/cluster.ts'
import { type Found, findingOf, OK } from '../../compose/findings/finding.ts'
import { judgeEventMonths } from '../../compose/findings/services.ts'
import type { Config } from '../../config.ts'
import { openRedis } from '../../ephemeral/redis.ts'
import { createTimelineMemory } from '../../ephemeral/timeline-memory.ts'
import { openStore } from '../../store/open-store.ts'
import { readEventPreparation } from '../../store/partitions/event-months.ts'
import type { Database } from '../../store/postgres/index.ts'
import { faultOf } from '../../store/schema/database-faults.ts'
import { QUIET_LOG } from '../terminal/io.ts'

/** A line about the connections, and on Citus some about the nodes. */
export const examineDatabase = (config: Config): Promise<readonly Found[]> =>
  withOpened(config, database => examineNodes(config, { database, now: () => new Date() }))

/** A database that cannot be opened, or a worker that is away, is the finding of the check of the database. */
export const examineEvents = async (config: Config): Promise<readonly Found[]> => {
  const found = await withOpened(config, async database => [
    judgeEventMonths(await readEventPreparation(database)),
  ])
  return found.every(({ fault }) => fault === null) ? found : [{ fault: null, note: EVENTS_NOT_CHECKED }]
}

const EVENTS_NOT_CHECKED = 'the partitions of the events are not checked: see the check of the database'

/** Opens the database as a start does, but for the embedded one, which its server alone opens. */
const withOpened = async (
  config: Config,
  judge: (database: Database) => Promise<readonly Found[]>,
): Promise<readonly Found[]> => {
  const { DATABASE_URL: url } = config
  if (url === null) return [OK]
  let found: readonly Found[] = []
  const redis = await openQuietRedis(config)
  const opened = await findingOf(async () => {
    const memory = redis && createTimelineMemory(redis)
    const database = await openStore({ ...config, DATABASE_POOL_SIZE: 1 }, { memory })
    try {
      found = await judge(database)
    } catch (error) {
      throw await faultOf(error, { url })
    } finally {
      await database.close()
    }
  })
  await redis?.close()
  return opened.fault === null ? found : [opened]
}

/** The Redis of REDIS_URL, whether it answers or not; null where there is none. */
export const openQuietRedis = async ({ REDIS_URL, REDIS_PREFIX }: Config) => {
  if (REDIS_URL === null) return null
  const redis = openRedis({ url: REDIS_URL, prefix: REDIS_PREFIX, log: QUIET_LOG })
  await redis.connect()
  return redis
}
