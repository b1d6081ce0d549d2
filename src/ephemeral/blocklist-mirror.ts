import { BLOCKLIST_COMPLETE, blocklistKey } from '../domain/blocklist-key.ts'
import type { Revocation } from '../domain/revocation.ts'
import type { BlocklistMirror } from '../ports/published-revocations.ts'
import type { RedisConnection } from './redis.ts'

/** Seconds for which others may believe that nothing is missing. */
const COMPLETE_SECONDS = 5
const LOADING_SECONDS = 60
/** Entries that are under way at once: so many have an answer long before the time limit of a command. */
const PIPELINE_ENTRIES = 1_000

export const createBlocklistMirror = ({
  client,
  isReady,
  connections,
}: RedisConnection): BlocklistMirror => ({
  connection: () => (isReady() ? connections() : null),
  write: async (revocations, now) => {
    for (let start = 0; start < revocations.length; start += PIPELINE_ENTRIES)
      await writePortion(client, revocations.slice(start, start + PIPELINE_ENTRIES), now)
  },
  begin: async () => {
    const ticket = `revoked:loading:${crypto.randomUUID()}`
    await client.set(ticket, '1', 'EX', LOADING_SECONDS)
    return ticket
  },
  // RENAME fails when the ticket is gone: Redis was emptied meanwhile, and what was written before is lost.
  complete: async ticket => {
    await client.rename(ticket, BLOCKLIST_COMPLETE)
    await client.expire(BLOCKLIST_COMPLETE, COMPLETE_SECONDS)
  },
  renew: async () => (await client.expire(BLOCKLIST_COMPLETE, COMPLETE_SECONDS)) === 1,
})

/** Rejects when one of them was refused: the others may be there, and are written again. */
const writePortion = async (
  client: RedisConnection['client'],
  revocations: readonly Revocation[],
  now: Date,
): Promise<void> => {
  const pipeline = client.pipeline()
  for (const { kind, value, issued_until, expires_at } of revocations) {
    const seconds = Math.ceil(expires_at - now.getTime() / 1000)
    if (seconds > 0) pipeline.set(blocklistKey(kind, value), String(issued_until ?? 1), 'EX', seconds)
  }
  for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error
}
