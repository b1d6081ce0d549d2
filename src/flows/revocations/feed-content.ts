import { Problem } from '../../domain/refusals/problem.ts'
import { type Cursor, NOTHING_UNNUMBERED } from '../../domain/revocations/feed-cursor.ts'
import type { Portion } from '../../domain/revocations/portion.ts'
import type { Tail } from './tail-reader.ts'

/** The content of one answer of the feed, before it is signed. */
export type FeedContent = Readonly<{
  /** The cursor of the request, as it was sent; null for a follower that begins. */
  since: string | null
  /** The cursor for the next request. */
  cursor: Cursor
  /** True where the follower has to ask again before it knows everything until `read_at`. */
  more: boolean
  entries: Portion
  read_at: Date
}>

/** The most entries of one answer: 1.4 MB. A larger set is handed over in parts. */
const PORTION_MOST = 50_000
/** The most later entries that the last part brings beside its share. */
const LATE_MOST = 20_000

const NOTHING: Portion = { ids: {}, named: [] }

export const isEmpty = ({ ids, named }: Portion): boolean =>
  Object.keys(ids).length === 0 && named.length === 0

/** The cursor of a follower that begins: before the first part of the whole set. */
export const cursorOfBeginning = (known: Tail): Cursor => ({
  ...cursorOfTip(known),
  part: 0,
  parts: 2 ** Math.ceil(Math.log2(Math.max(1, known.entries.size() / PORTION_MOST))),
})

/** True where the follower has everything that this instance knows. */
export const isCaughtUp = ({ tip, unnumbered, unnumbered_digest }: Tail, cursor: Cursor): boolean =>
  cursor.part === cursor.parts &&
  cursor.position.number === tip.number &&
  (unnumbered.length === 0 || cursor.unnumbered === unnumbered_digest)

/**
 * An upper bound, in seconds, for the age of the oldest revocation that a follower lacks. Null for a follower that lacks none or is still
 * reading the whole set, and for a cursor from before this instance's first reading.
 */
export const secondsBehind = (known: Tail, cursor: Cursor, now: Date): number | null => {
  if (cursor.part < cursor.parts || isCaughtUp(known, cursor)) return null
  const { number } = cursor.position
  const since = number === known.tip.number ? known.changed_after : known.arrivals.get(number + 1)
  return since === undefined ? null : Math.max(0, (now.getTime() - since) / 1000)
}

/** Ours – The answer to a request with `cursor`. Throws a Problem for a follower that has missed more entries than one answer may hold. */
export const createFeedContent = (since: string | null, cursor: Cursor, known: Tail): FeedContent => {
  if (cursor.part < cursor.parts) return createPart(since, cursor, known)
  const entries = isCaughtUp(known, cursor)
    ? NOTHING
    : known.entries.since(cursor.position.number, known.unnumbered, PORTION_MOST)
  if (entries === null) throw new Problem('CURSOR_GONE', { reason: 'cursor_far_behind' })
  const next = isEmpty(entries) ? cursor : cursorOfTip(known)
  return { since, cursor: next, more: false, entries, read_at: known.read_at }
}

/** The next part of a large set, from any instance at any time. Only the last part brings the entries that came since the first part. */
const createPart = (since: string | null, { position, part, parts }: Cursor, known: Tail): FeedContent => {
  const { entries, unnumbered, read_at } = known
  const isLast = part + 1 === parts && entries.countAfter(position.number) <= LATE_MOST
  if (isLast) {
    const late = entries.lastPart(parts, { number: position.number, unnumbered })
    return { since, cursor: cursorOfTip(known), more: false, entries: late, read_at }
  }
  // Where too many entries have come for the last part, this cursor stands after the whole set, and the next answer brings the rest.
  const next = { position, unnumbered: NOTHING_UNNUMBERED, part: part + 1, parts }
  return { since, cursor: next, more: true, entries: entries.part(part, parts), read_at }
}

const cursorOfTip = ({ tip, unnumbered_digest }: Tail): Cursor => ({
  position: tip,
  unnumbered: unnumbered_digest,
  part: 1,
  parts: 1,
})
