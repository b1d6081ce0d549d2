import {
  digestOfUnnumbered,
  type FeedPosition,
  NOTHING_UNNUMBERED,
} from '../../domain/revocations/feed-cursor.ts'
import type { Revocation } from '../../domain/revocations/revocation.ts'
import { createRevocationLog, type RevocationLog } from '../../domain/revocations/revocation-log.ts'
import type { Clock } from '../../ports/effects.ts'
import type { FeedStep, RevocationFeed } from '../../ports/revocations.ts'

/** What this instance knows of the revocations. */
export type Tail = Readonly<{
  entries: RevocationLog
  /** The tag of each number that a cursor may name. */
  tags: Map<number, string>
  /** The last position: the same for every follower that has everything, so that all of them share one answer. */
  tip: FeedPosition
  /** Committed entries without a number yet: part of every answer. */
  unnumbered: readonly Revocation[]
  unnumbered_digest: string
  /** One more with each change of what an answer says. */
  version: number
  /** When the database was last asked, before its answer: everything that was committed by then is known. */
  read_at: Date
}>

type Needs = Readonly<{
  feed: RevocationFeed
  clock: Clock
  /** Told of each step as it is known. A step before the last one leaves `read_at` as it was. */
  onStep: (next: Tail) => void
}>

/** Positions that are remembered: more than one hour brings, and the database keeps those of an hour. */
const POSITIONS_MOST = 50_000

/** Reads the revocations from the database: all of them at first, and then what came since. */
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
    // No follower is answered from this: a large set takes long to load, and is caught up at once.
    return { entries, tags, tip, ...nothing, version, read_at: new Date(0) }
  }

  const catchUp = async (known: Tail): Promise<Tail> => {
    const read_at = clock()
    const step = await feed.readSince(known.tip)
    // Another database, or this one restored to an earlier state: what is known may be wrong.
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
    for (const { number, tag } of step.positions) known.tags.set(number, tag)
    dropOldest(known.tags)
    version += 1
    return { ...known, tip: tip ?? known.tip, unnumbered, unnumbered_digest, version, read_at }
  }

  /** Rejects with Unavailable when the database is away. */
  return async (known: Tail | null): Promise<Tail> => catchUp(known ?? (await load()))
}

const dropOldest = (tags: Map<number, string>) => {
  for (const number of tags.keys()) {
    if (tags.size <= POSITIONS_MOST) return
    tags.delete(number)
  }
}
