import {
  digestOfUnnumbered,
  type FeedPosition,
  NOTHING_UNNUMBERED,
} from '../../domain/revocations/feed-cursor.ts'
import type { Revocation } from '../../domain/revocations/revocation.ts'
import { createRevocationLog, type RevocationLog } from '../../domain/revocations/revocation-log.ts'
import type { Clock, Log } from '../../ports/effects.ts'
import type { FeedStep, RevocationFeed } from '../../ports/revocations.ts'

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
  /** The tag of each number that a cursor may name. */
  tags: Map<number, string>
  /** The last position: the same for every follower that has all, so that they share one answer. */
  tip: FeedPosition
  /** Committed, and not numbered yet: part of every answer. */
  unnumbered: readonly Revocation[]
  unnumbered_digest: string
  /** One more whenever an answer changes. */
  version: number
  /** When the database was last asked, before its answer: everything that was committed by then is here. */
  read_at: Date
}>

/** After this time without a question the entries are let go and the database is left alone. */
const IDLE_MILLISECONDS = 600_000
/** Between two readings that were asked for, at least: cursors that lead nowhere must not keep the database busy. */
const AGAIN_MILLISECONDS = 25
const SWEEP_MILLISECONDS = 60_000
/** Positions that are remembered: more than an hour brings, for which the database keeps them. */
const POSITIONS_MOST = 50_000

/** Ours – One reader of the database for all the followers of this instance: its cost does not grow with theirs. */
export const createRevocationTail = ({ feed, clock, log, poll_milliseconds = 250 }: Needs) => {
  const waiting = new Set<() => void>()
  let tail: Tail | null = null
  let inFlight: Promise<Tail> | null = null
  let timer: NodeJS.Timeout | null = null
  let version = 0
  let asked_at = 0
  let looked_at = 0
  let swept_at = 0
  let isDraining = false
  let isAway = false

  // A large set takes long to load, and is old by then: what came meanwhile is asked for at once.
  const read = async (): Promise<Tail> => catchUp(tail ?? (await load()))

  const load = async (): Promise<Tail> => {
    const entries = createRevocationLog()
    const positions = await feed.readAll(revocations => entries.add(revocations))
    const tip = positions.at(-1)
    if (tip === undefined) throw new Error('a feed without a position')
    const tags = new Map(positions.map(({ number, tag }) => [number, tag]))
    version += 1
    const nothing = { unnumbered: [], unnumbered_digest: NOTHING_UNNUMBERED }
    // The tail answers no follower before it has caught up.
    return { entries, tags, tip, ...nothing, version, read_at: new Date(0) }
  }

  const catchUp = async (known: Tail): Promise<Tail> => {
    const read_at = clock()
    const step = await feed.readSince(known.tip)
    // Another database, or this one as it was before: what was known may be wrong, and is known anew.
    if (step === null) return catchUp(await load())
    const next = take(extended(known, step, step.isUnfinished ? known.read_at : read_at))
    return step.isUnfinished ? catchUp(next) : next
  }

  const extended = (known: Tail, step: FeedStep, read_at: Date): Tail => {
    const { unnumbered } = step
    const unnumbered_digest = digestOfUnnumbered(unnumbered)
    const tip = step.positions.at(-1)
    if (tip === undefined && unnumbered_digest === known.unnumbered_digest) return { ...known, read_at }
    known.entries.add(step.numbered)
    for (const { number, tag } of step.positions) known.tags.set(number, tag)
    forgetOldest(known.tags)
    version += 1
    return { ...known, tip: tip ?? known.tip, unnumbered, unnumbered_digest, version, read_at }
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

  const startReading = async (): Promise<Tail> => {
    looked_at = performance.now()
    try {
      return await read()
    } finally {
      inFlight = null
    }
  }
  const look = (): Promise<Tail> => {
    inFlight ??= startReading()
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
    /** What the database shows after this call, and not before it: one reading for all who ask so at once. */
    lookAgain: async (): Promise<Tail> => {
      await inFlight?.catch(() => {})
      await pause(looked_at + AGAIN_MILLISECONDS - performance.now())
      return look()
    },
    /** Resolves when there is an entry that came after `version`, when the time is over, or when the process is on its way out. */
    news: (known_version: number, milliseconds: number, signal: AbortSignal): Promise<void> =>
      new Promise(resolve => {
        if (isDraining || signal.aborted || tail?.version !== known_version) return resolve()
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

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds))

const forgetOldest = (tags: Map<number, string>) => {
  for (const number of tags.keys()) {
    if (tags.size <= POSITIONS_MOST) return
    tags.delete(number)
  }
}
