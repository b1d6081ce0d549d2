import type { Digest } from '../../domain/base/digest.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { AdministeredClients, SecretUses } from '../../ports/clients.ts'
import type { Clock, Log } from '../../ports/effects.ts'

type Needs = Readonly<{
  administeredClients: Pick<AdministeredClients, 'noteUses'>
  clock: Clock
  log: Pick<Log, 'error'>
}>

const HOUR_MILLISECONDS = 3_600_000
/** Uses that came within this time are written by one statement. */
const BATCH_MILLISECONDS = 1_000

/**
 * Ours – Notes the last use of each secret to the hour: once an hour for a secret and an instance, after the answer, in one statement for all
 * secrets of a second. A use that could not be written is noted again by the next one. There are never more than the clients have secrets.
 */
export const createSecretUses = ({ administeredClients, clock, log }: Needs): SecretUses => {
  const hours = new WeakMap<Digest<'client_secret'>, number>()
  let waiting = new Map<Digest<'client_secret'>, string>()
  const write = async () => {
    const batch = waiting
    waiting = new Map()
    try {
      await administeredClients.noteUses([...batch].map(([digest, client_id]) => ({ client_id, digest })))
    } catch (error) {
      for (const digest of batch.keys()) hours.delete(digest)
      if (!(error instanceof Unavailable)) log.error({ error: String(error) }, NOT_WRITTEN)
    }
  }
  return {
    note: (client_id, digest) => {
      const hour = Math.floor(clock().getTime() / HOUR_MILLISECONDS)
      if (hours.get(digest) === hour) return
      hours.set(digest, hour)
      if (waiting.size === 0) setTimeout(() => void write(), BATCH_MILLISECONDS).unref()
      waiting.set(digest, client_id)
    },
  }
}

const NOT_WRITTEN = 'the last use of client secrets could not be written'
