import type { Redis } from 'ioredis'
import { BLOCKLIST_COMPLETE } from '../domain/revocations/blocklist-key.ts'
import { runScript } from './run-script.ts'

type Operation = 'begin' | 'complete' | 'renew'

/**
 * Judges and writes the marker of a complete blocklist in one script, so that no key is evicted in between. Marker and ticket hold the
 * server's run id and its number of evicted keys. A changed run id means that the last writes may be lost; a changed number means that
 * an entry may have been evicted, even if the policy was changed back since. A Redis that may evict, or reports no policy, gets no marker.
 */
const SCRIPT = `
local marker, ticket, operation = KEYS[1], KEYS[2], ARGV[1]
local function find(section, name)
  return string.match(redis.call('info', section), '[\\r\\n]' .. name .. ':([^\\r\\n]*)')
end
local policy, run, evicted = find('memory', 'maxmemory_policy'), find('server', 'run_id'), find('stats', 'evicted_keys')
local state = policy == 'noeviction' and run and evicted and run .. ':' .. evicted
if not state or redis.call('get', marker) ~= state then redis.call('del', marker) end
if policy ~= 'noeviction' then return 'maxmemory-policy is ' .. (policy or 'unknown') end
if not state then return 'INFO tells no run_id, or no evicted_keys' end
if operation == 'begin' then redis.call('set', ticket, state, 'EX', ARGV[3]) return 'OK' end
if operation == 'renew' then
  if redis.call('expire', marker, ARGV[2]) == 1 then return 'OK' end
  return 'there was no marker of this run, or keys were evicted'
end
if redis.call('get', ticket) ~= state then return 'the ticket was lost, or keys were evicted' end
redis.call('del', ticket)
redis.call('set', marker, state, 'EX', ARGV[2])
return 'OK'`

/** Seconds for which services may believe the marker. */
const COMPLETE_SECONDS = 5
const LOADING_SECONDS = 60

/** Atomic. Null on success; otherwise the reason. A marker that no longer holds is deleted in either case. Rejects when Redis refuses. */
export const markComplete = async (
  client: Redis,
  operation: Operation,
  ticket: string,
): Promise<string | null> => {
  const answer = String(
    await runScript(client, SCRIPT, {
      keys: [BLOCKLIST_COMPLETE, ticket],
      values: [operation, COMPLETE_SECONDS, LOADING_SECONDS],
    }),
  )
  return answer === 'OK' ? null : answer
}
