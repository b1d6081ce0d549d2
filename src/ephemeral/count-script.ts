import type { Redis } from 'ioredis'
import { runScript } from './run-script.ts'

/** The points of a key in Redis, the time of their last reset (milliseconds since 1970; 0: never), and the rest of the window. */
export type SharedCount = Readonly<{ points: number; reset: number; milliseconds: number }>

export type CountOperation = 'add' | 'read' | 'reset'

/**
 * One script for all operations on a count, so that an operation of which Redis refuses a part fails as a whole. The window begins
 * with the first point. A reset leaves a record, so that another instance can tell a reset from an eviction. A reset of an absent key
 * leaves no record: most sign-ins follow no failure, and each would write a key.
 */
const SCRIPT = `
local key, operation, window = KEYS[1], ARGV[1], ARGV[2]
if operation == 'add' and redis.call('hincrby', key, 'points', 1) == 1 then
  redis.call('pexpire', key, window)
end
if operation == 'reset' and redis.call('exists', key) == 1 then
  local now = redis.call('time')
  local reset = now[1] * 1000 + math.floor(now[2] / 1000)
  local last = tonumber(redis.call('hget', key, 'reset') or 0)
  redis.call('hset', key, 'points', 0, 'reset', string.format('%.0f', math.max(reset, last + 1)))
  redis.call('pexpire', key, window)
end
local row = redis.call('hmget', key, 'points', 'reset')
return { tonumber(row[1] or 0), tonumber(row[2] or 0), redis.call('pttl', key) }`

/** Atomic. Rejects when Redis refuses any part of the script or does not answer in time. */
export const countInRedis = async (
  client: Redis,
  operation: CountOperation,
  { key, milliseconds }: Readonly<{ key: string; milliseconds: number }>,
): Promise<SharedCount> => {
  const answer = await runScript(client, SCRIPT, { keys: [key], values: [operation, milliseconds] })
  const [points, reset, left] = Array.isArray(answer) ? answer.map(Number) : []
  if (points === undefined || reset === undefined || left === undefined)
    throw new Error('redis answered to the script of the counts with something else')
  return { points, reset, milliseconds: left > 0 ? left : milliseconds }
}
