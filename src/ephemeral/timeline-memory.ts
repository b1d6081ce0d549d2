import type { TimelineMemory } from '../ports/effects.ts'
import type { RedisConnection } from './redis.ts'
import { runScript } from './run-script.ts'

/** A hash of the highest timeline by the identifier of the cluster. It never expires: a former primary may come back after months. */
const KEY = 'timelines'

/** One script, so that an instance with a lower timeline never overwrites a higher one. */
const SCRIPT = `
local known, seen = tonumber(redis.call('hget', KEYS[1], ARGV[1]) or 0), tonumber(ARGV[2])
if known >= seen then return known end
redis.call('hset', KEYS[1], ARGV[1], seen)
return seen`

type Needs = Pick<RedisConnection, 'count'>

export const createTimelineMemory = ({ count }: Needs): TimelineMemory => ({
  raise: async (system, timeline) => {
    const highest = await count(client =>
      runScript(client, SCRIPT, { keys: [KEY], values: [system, timeline] }),
    )
    return highest === null ? null : Number(highest)
  },
})

/** For a database that was set back to a lower timeline. False when Redis does not take it. Never rejects. */
export const forgetTimelines = async ({ count }: Needs): Promise<boolean> =>
  (await count(client => client.del(KEY))) !== null
