import {
  digestOfUnnumbered,
  type FeedPosition,
  NOTHING_UNNUMBERED,
} from '../../domain/revocations/feed-cursor.ts'
import type { Revocation } from '../../domain/revocations/revocation.ts'
import { createRevocationLog, type RevocationLog } from '../../domain/revocations/revocation-log.ts'
import type { Clock } from '../../ports/effects.ts'
import type { FeedStep, RevocationFeed } from '../../ports/revocations.ts'

/** The revocations as this instance knows them. */
export type Tail = Readonly<{
  entries: RevocationLog
  /** The tag of each number that a cursor may name. */
  tags: Map<number, string>
  /** A time, in milliseconds since 1970, at which each number was not here yet; none for the numbers of the first reading. */
  arrivals: Map<number, number>
  /** The same for the last change. */
  changed_after: number
  /** The last position. Followers that have everything all stand there, and share one answer. */
  tip: FeedPosition
  /** Committed entries that have no number yet: every answer contains them. */
  unnumbered: readonly Revocation[]
  unnumbered_digest: string
  /** Raised by each change of the content of answers. */
  version: number
  /** The time before the last query was sent: everything that was committed by then is known. */
  read_at: Date
}>

type Needs = Readonly<{
  feed: RevocationFeed
  clock: Clock
  /** Called after each step of a reading. Only the last step sets `read_at` anew. */
  onStep: (next: Tail) => void
}>

/** The most positions that are remembered: more than an hour brings. The database keeps the positions of an hour. */
const POSITIONS_MOST = 50_000

/** Reads the revocations from the database: all of them at first, then those that are new. */
export const createTailReader = ({ feed, clock, onStep }: Needs) => {
  let version = 0

  const load = async (): Promise<Tail> => {
    const entries = createRevocationLog()
    const positions = await feed.readAll(revocations => entries.add(revocations))
    const tip = positions.at(-1)
    if (tip === undefined) throw new Error('a feed without a position')
    const tags = new Map(positions.map(({ number, tag }) => [number, tag]))
    version += 1
    const nothing = { unnumbered: [], unnumbered_digest: NOTHING_UNNUMBERED }
    const arrived = { arrivals: new Map<number, number>(), changed_after: clock().getTime() }
    // Never answers a follower: loading a large set takes long, and `catchUp` follows at once.
    return { entries, tags, tip, ...nothing, ...arrived, version, read_at: new Date(0) }
  }

  const catchUp = async (known: Tail): Promise<Tail> => {
    const read_at = clock()
    const step = await feed.readSince(known.tip)
    // The database is another one, or was restored to an earlier state: the known entries may be wrong.
    if (step === null) return catchUp(await load())
    const next = extend(known, step, step.isUnfinished ? known.read_at : read_at)
    onStep(next)
    return step.isUnfinished ? catchUp(next) : next
  }

  const extend = (known: Tail, step: FeedStep, read_at: Date): Tail => {
    const { unnumbered } = step
    const unnumbered_digest = digestOfUnnumbered(unnumbered)
    const tip = step.positions.at(-1)
    if (tip === undefined && unnumbered_digest === known.unnumbered_digest) return { ...known, read_at }
    known.entries.add(step.numbered)
    // What the former reading did not find was committed after that reading.
    const changed_after = Math.max(known.changed_after, known.read_at.getTime())
    for (const { number, tag } of step.positions) {
      known.tags.set(number, tag)
      known.arrivals.set(number, changed_after)
    }
    dropOldest(known.tags)
    dropOldest(known.arrivals)
    version += 1
    return { ...known, tip: tip ?? known.tip, unnumbered, unnumbered_digest, changed_after, version, read_at }
  }

  /** Rejects with Unavailable when the database is away. */
  return async (known: Tail | null): Promise<Tail> => catchUp(known ?? (await load()))
}

const dropOldest = (numbers: Map<number, unknown>) => {
  for (const number of numbers.keys()) {
    if (numbers.size <= POSITIONS_MOST) return
    numbers.delete(number)
  }
}
