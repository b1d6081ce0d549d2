import { covers, type Snapshot } from '../domain/feed-cursor.ts'
import { createRevocationLog, type RevocationLog } from '../domain/revocation-log.ts'
import type { Clock, Log } from '../ports.ts'
import type { RevocationFeed } from '../ports/published-revocations.ts'

type Needs = Readonly<{
  feed: RevocationFeed
  clock: Clock
  log: Log
  /** How often the database is asked while anybody follows. Default 250. */
  poll_milliseconds?: number
}>

/** What this instance knows of the revocations. */
export type Tail = Readonly<{
  entries: RevocationLog
  /** What the database showed last. */
  seen: Snapshot
  /** What it showed when the newest entry came: the same for every follower from then on, so that they share one answer. */
  tip: Snapshot
  /** One more with each entry or batch. */
  version: number
  /** When the database was last asked, before its answer. */
  read_at: Date
}>

/** After this time without a question the entries are let go and the database is left alone. */
const IDLE_MILLISECONDS = 600_000
const SWEEP_MILLISECONDS = 60_000

/** Ours – One reader of the database for all the followers of this instance: its cost does not grow with theirs. */
export const createRevocationTail = ({ feed, clock, log, poll_milliseconds = 250 }: Needs) => {
  const waiting = new Set<() => void>()
  let tail: Tail | null = null
  let inFlight: Promise<Tail> | null = null
  let timer: NodeJS.Timeout | null = null
  let asked_at = 0
  let swept_at = 0
  let isDraining = false
  let isAway = false

  // A large set takes long to load, and is old by then: what came meanwhile is asked for at once.
  const read = async (): Promise<Tail> => catchUp(tail ?? (await load(feed, clock(), 0)))

  const catchUp = async (known: Tail): Promise<Tail> => {
    const read_at = clock()
    const { snapshot: seen, revocations } = await feed.readSince(known.seen)
    // Another database, or this one as it was before: what was known may be wrong, and is known anew.
    if (!covers(seen, known.seen)) return load(feed, read_at, known.version + 1)
    if (revocations.length === 0) return { ...known, seen, read_at }
    known.entries.add(revocations)
    return { ...known, seen, read_at, tip: seen, version: known.version + 1 }
  }

  const take = (next: Tail): Tail => {
    const hasNews = tail?.version !== next.version
    tail = next
    isAway = false
    const now = next.read_at.getTime()
    if (now - swept_at > SWEEP_MILLISECONDS) {
      next.entries.sweep(now / 1000)
      swept_at = now
    }
    if (hasNews) wake()
    return next
  }

  const wake = () => {
    for (const resolve of waiting) resolve()
  }

  const look = (): Promise<Tail> => {
    inFlight ??= read()
      .then(take)
      .finally(() => {
        inFlight = null
      })
    return inFlight
  }

  const turn = async () => {
    await look().catch((error: unknown) => {
      if (!isAway) log.warn({ error: String(error) }, 'revocation feed: the database cannot be asked')
      isAway = true
    })
    if (isDraining || performance.now() - asked_at > IDLE_MILLISECONDS) {
      timer = null
      tail = null
      return
    }
    timer = setTimeout(() => void turn(), poll_milliseconds).unref()
  }

  return {
    /** What is known now: of at most a moment ago while the database answers. Rejects with Unavailable when nothing is known. */
    current: async (): Promise<Tail> => {
      asked_at = performance.now()
      const known = tail ?? (await look())
      if (timer === null && !isDraining) timer = setTimeout(() => void turn(), poll_milliseconds).unref()
      return known
    },
    /** What the database shows after this call, and not before it. */
    lookAgain: async (): Promise<Tail> => {
      await inFlight?.catch(() => {})
      return look()
    },
    /** Resolves when there is an entry that came after `version`, when the time is over, or when the process is on its way out. */
    news: (version: number, milliseconds: number, signal: AbortSignal): Promise<void> =>
      new Promise(resolve => {
        if (isDraining || signal.aborted || tail?.version !== version) return resolve()
        const done = () => {
          clearTimeout(timeout)
          waiting.delete(done)
          signal.removeEventListener('abort', done)
          resolve()
        }
        const timeout = setTimeout(done, milliseconds)
        signal.addEventListener('abort', done)
        waiting.add(done)
      }),
    waiting: () => waiting.size,
    drain: () => {
      isDraining = true
      wake()
    },
    close: async () => {
      isDraining = true
      wake()
      if (timer !== null) clearTimeout(timer)
      await inFlight?.catch(() => {})
    },
  }
}

export type RevocationTail = ReturnType<typeof createRevocationTail>

const load = async (feed: RevocationFeed, read_at: Date, version: number): Promise<Tail> => {
  const entries = createRevocationLog()
  const seen = await feed.readAll(revocations => entries.add(revocations))
  return { entries, seen, tip: seen, version, read_at }
}
