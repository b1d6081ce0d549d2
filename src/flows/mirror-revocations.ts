import { covers, type Snapshot } from '../domain/feed-cursor.ts'
import type { Clock, Log } from '../ports.ts'
import type { BlocklistMirror, RevocationFeed } from '../ports/published-revocations.ts'

type Needs = Readonly<{
  feed: RevocationFeed
  mirror: BlocklistMirror
  clock: Clock
  log: Log
  /** Default 500. */
  poll_milliseconds?: number
}>

/**
 * Ours – Keeps everything that was revoked in Redis, for services that look there by themselves, and says so there for as long as
 * it holds: after an emptied or restarted Redis only once everything was written again. Returns what ends it.
 */
export const mirrorRevocations = ({ feed, mirror, clock, log, poll_milliseconds = 500 }: Needs) => {
  let seen: Readonly<{ snapshot: Snapshot; connection: number }> | null = null
  let isFailing = false
  let isClosed = false
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()

  const load = async (connection: number) => {
    const ticket = await mirror.begin()
    const snapshot = await feed.readAll(revocations => mirror.write(revocations, clock()))
    await mirror.complete(ticket)
    seen = { snapshot, connection }
  }

  const follow = async (known: Snapshot, connection: number) => {
    const { snapshot, revocations } = await feed.readSince(known)
    if (!covers(snapshot, known)) return load(connection)
    await mirror.write(revocations, clock())
    seen = { snapshot, connection }
    if (!(await mirror.renew())) await load(connection)
  }

  const look = async () => {
    const connection = mirror.connection()
    if (connection === null) seen = null
    else if (seen?.connection === connection) await follow(seen.snapshot, connection)
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
