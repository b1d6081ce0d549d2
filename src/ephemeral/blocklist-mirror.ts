import { blocklistKey } from '../domain/revocations/blocklist-key.ts'
import type { Revocation } from '../domain/revocations/revocation.ts'
import type { BlocklistMirror } from '../ports/revocations.ts'
import { markComplete } from './complete-script.ts'
import type { RedisConnection } from './redis.ts'

const NO_TICKET = 'revoked:loading:none'

/** Entries of one pipeline. Redis answers this many well within the time limit of a command. */
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
    await succeed(markComplete(client, 'begin', ticket))
    return ticket
  },
  complete: ticket => succeed(markComplete(client, 'complete', ticket)),
  renew: async () => (await markComplete(client, 'renew', NO_TICKET)) === null,
})

/** Rejects when Redis refused an entry. Other entries may have been written by then; writing them again does no harm. */
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

const succeed = async (marking: Promise<string | null>): Promise<void> => {
  const fault = await marking
  if (fault !== null) throw new Error(`not complete: ${fault}`)
}
