import type { Clock, Log } from '../../ports/effects.ts'
import type { RevocationFeed } from '../../ports/revocations.ts'
import { createTailReader, type Tail } from './tail-reader.ts'
import { createWaiters } from './waiters.ts'

type Needs = Readonly<{
  feed: RevocationFeed
  clock: Clock
  log: Log
  /** Milliseconds between two queries while there are followers. Default 250. */
  poll_milliseconds?: number
}>

/** After this time without a request the entries are dropped and the polling stops. */
const IDLE_MILLISECONDS = 600_000
/** The least time between two readings on demand: unknown cursors must not keep the database busy. */
const AGAIN_MILLISECONDS = 25
const SWEEP_MILLISECONDS = 60_000

/** Ours – Polls the database once for all followers of this instance: the cost does not grow with their number. */
export const createRevocationTail = ({ feed, clock, log, poll_milliseconds = 250 }: Needs) => {
  const waiters = createWaiters()
  let tail: Tail | null = null
  let timer: NodeJS.Timeout | null = null
  let asked_at = 0
  let swept_at = 0
  let isDraining = false
  let isClosed = false
  let isAway = false

  const takeStep = (next: Tail) => {
    const hasNews = tail?.version !== next.version
    tail = next
    isAway = false
    const now = next.read_at.getTime()
    if (now - swept_at > SWEEP_MILLISECONDS) {
      next.entries.sweep(now / 1000)
      swept_at = now
    }
    if (hasNews) waiters.notifyAll()
  }
  const read = createTailReader({ feed, clock, onStep: takeStep })
  const reading = createSharedReading(() => read(tail))

  const poll = async () => {
    await reading.look().catch((error: unknown) => {
      if (!isAway) log.warn({ error: String(error) }, 'revocation feed: the database cannot be asked')
      isAway = true
    })
    if (!isClosed && performance.now() - asked_at <= IDLE_MILLISECONDS) return schedule()
    timer = null
    tail = null
  }
  const schedule = () => {
    timer = setTimeout(() => void poll(), poll_milliseconds).unref()
  }
  const drain = () => {
    isDraining = true
    waiters.notifyAll()
  }

  return {
    /** The revocations as of the last poll. Rejects with Unavailable when none could be read yet. */
    current: async (): Promise<Tail> => {
      asked_at = performance.now()
      const known = tail ?? (await reading.look())
      if (timer === null && !isClosed) schedule()
      return known
    },
    /** The revocations by a reading that begins after this call; concurrent calls share it. Rejects with Unavailable. */
    lookAgain: reading.lookAgain,
    /** Resolves when there is a newer version than `known_version`, when the time is over, or when the process begins to stop. */
    news: async (known_version: number, milliseconds: number, signal: AbortSignal): Promise<void> => {
      if (isDraining || tail?.version !== known_version) return
      await waiters.wait(milliseconds, signal)
    },
    waiting: waiters.size,
    /** Answers every request that waits, and lets none wait from now on: its client continues at another instance. */
    drain,
    close: async () => {
      isClosed = true
      drain()
      if (timer !== null) clearTimeout(timer)
      await reading.settled()
    },
  }
}

export type RevocationTail = ReturnType<typeof createRevocationTail>

/** One reading at a time: a call during a reading shares its outcome. */
const createSharedReading = (read: () => Promise<Tail>) => {
  let inFlight: Promise<Tail> | null = null
  let began_at = 0

  const begin = async (): Promise<Tail> => {
    began_at = performance.now()
    try {
      return await read()
    } finally {
      inFlight = null
    }
  }
  const look = (): Promise<Tail> => {
    inFlight ??= begin()
    return inFlight
  }
  const settled = async (): Promise<void> => {
    await inFlight?.catch(() => {})
  }

  return {
    look,
    /** A reading that begins after this call. */
    lookAgain: async (): Promise<Tail> => {
      await settled()
      await pause(began_at + AGAIN_MILLISECONDS - performance.now())
      return look()
    },
    /** Resolves when no reading is under way, whatever its outcome. */
    settled,
  }
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds))
