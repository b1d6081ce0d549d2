import type { FeedPosition } from '../../domain/revocations/feed-cursor.ts'
import type { Clock, Log } from '../../ports/effects.ts'
import type { BlocklistMirror, RevocationFeed } from '../../ports/revocations.ts'

type Needs = Readonly<{
  feed: RevocationFeed
  mirror: BlocklistMirror
  clock: Clock
  log: Log
  /** Milliseconds between two readings. Default 500. */
  poll_milliseconds?: number
}>

/**
 * Ours – Copies every revocation to Redis, for services that read it there. A marker in Redis says that the copy is complete; after Redis
 * was emptied or restarted, the marker is set only when everything has been written again. Returns a function that stops the copying.
 */
export const mirrorRevocations = ({ feed, mirror, clock, log, poll_milliseconds = 500 }: Needs) => {
  let seen: Readonly<{ position: FeedPosition; connection: number }> | null = null
  let isFailing = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()

  const load = async (connection: number) => {
    const ticket = await mirror.begin()
    const positions = await feed.readAll(revocations => mirror.write(revocations, clock()))
    const position = await writeSince(positions.at(-1) ?? null)
    if (position === null) throw new Error('the revocations changed their past while they were read')
    // A failover and the way back lose the last entries, and a ticket that was older than these is there again.
    if (mirror.connection() !== connection) throw new Error('another server was written to meanwhile')
    await mirror.complete(ticket)
    seen = { position, connection }
  }

  /** Copies every entry after `known`. Returns the last position; null when the database does not have `known`. */
  const writeSince = async (known: FeedPosition | null): Promise<FeedPosition | null> => {
    const step = known && (await feed.readSince(known))
    if (step === null) return null
    // Entries without a number are written each time, until they have one.
    await mirror.write([...step.numbered, ...step.unnumbered], clock())
    const last = step.positions.at(-1) ?? known
    return step.isUnfinished ? writeSince(last) : last
  }

  const follow = async (known: FeedPosition, connection: number) => {
    const position = await writeSince(known)
    if (position === null) return load(connection)
    seen = { position, connection }
    if (!(await mirror.renew())) await load(connection)
  }

  const look = async () => {
    const connection = mirror.connection()
    if (connection === null) seen = null
    else if (seen?.connection === connection) await follow(seen.position, connection)
    else await load(connection)
  }

  const lookSafely = async () => {
    try {
      await look()
      isFailing = false
    } catch (error) {
      seen = null
      if (!isFailing) log.warn({ error: String(error) }, 'the blocklist in Redis is not complete for now')
      isFailing = true
    }
    schedule()
  }
  const schedule = () => {
    if (isClosed) return
    timer = setTimeout(() => {
      turn = lookSafely()
    }, poll_milliseconds).unref()
  }
  schedule()

  return async (): Promise<void> => {
    isClosed = true
    clearTimeout(timer)
    await turn
  }
}
