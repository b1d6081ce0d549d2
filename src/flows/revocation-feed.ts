import { limitKeyOf } from '../domain/address.ts'
import { covers, type Cursor, formatCursor, parseCursor, type Snapshot } from '../domain/feed-cursor.ts'
import { Problem } from '../domain/problem.ts'
import type { RateLimit } from '../domain/rate-limit.ts'
import type { Portion } from '../domain/revocation-log.ts'
import { Unavailable } from '../domain/unavailable.ts'
import type { Clock, Keys, Limit } from '../ports.ts'
import { consume } from './consume.ts'
import type { RevocationTail, Tail } from './revocation-tail.ts'

type Needs = Readonly<{
  tail: RevocationTail
  keys: Keys
  clock: Clock
  issuer: string
  /** Signatures that one address may cause: cursors can be made up, and each asks for one of its own. */
  signatures: Limit
}>

export type FeedRequest = Readonly<{
  /** Null: everything, from the beginning. */
  cursor: string | null
  /** How long the answer may wait for an entry. */
  wait_seconds: number
  signal: AbortSignal
  ip: string
}>

/** `isFinal`: true of its address for good. An answer without entries is not: the same question may have another answer soon. */
export type FeedAnswer = Readonly<{ jws: string; isFinal: boolean }>

/** Ours: far above what followers behind one address cause, who share their answers. */
export const FEED_SIGNATURES: RateLimit = { count: 1200, window_seconds: 60 }

/** Entries of one answer, at most: 1.4 MB. What is more comes in parts. */
const PORTION_MOST = 50_000
/** An answer of this age is handed out again: its `iat` tells how old it is. */
const REUSE_MILLISECONDS = 1000
/** Without the database for longer than this there is no answer: what is signed must be what holds. */
const DATABASE_AWAY_MILLISECONDS = 2000
/** A follower that hears nothing else believes an answer for so long, whatever it is told to. */
const VALID_SECONDS = 300
const WAIT_MAX_SECONDS = 20
/** Followers that wait at once; those that come after them are answered at once. */
const WAITING_MOST = 2000
const REMEMBERED_MOST = 256

type Made = Readonly<{ answer: Promise<FeedAnswer>; made_at: number }>

/**
 * Ours – The revocation feed: what was ended before it expired, signed with the keys of the tokens and a type of its own.
 * Throws a Problem for a cursor that leads nowhere and for too many signatures, and rejects with Unavailable while the database is away.
 */
export const createRevocationFeed = ({ tail, keys, clock, issuer, signatures }: Needs) => {
  const made = new Map<string, Made>()
  let made_version = -1

  const sign = async (since: string | null, cursor: Cursor, entries: Portion, read_at: Date) => {
    const iat = Math.floor(read_at.getTime() / 1000)
    const jws = await keys.sign('revocations+jwt', {
      iss: issuer,
      iat,
      exp: iat + VALID_SECONDS,
      since,
      cursor: formatCursor(cursor),
      more: cursor.part < cursor.parts,
      ...entries,
    })
    const hasEntries = Object.keys(entries.ids).length > 0 || entries.named.length > 0
    return { jws, isFinal: since !== null && (hasEntries || cursor.parts > 1) }
  }

  const answer = (since: string | null, cursor: Cursor | null, known: Tail): Promise<FeedAnswer> => {
    if (cursor === null)
      return signPart(since, { snapshot: known.tip, part: 0, parts: partsOf(known) }, known)
    if (cursor.part < cursor.parts) return signPart(since, cursor, known)
    const entries = known.entries.since(cursor.snapshot, PORTION_MOST)
    if (entries === null) throw new Problem('CURSOR_GONE', 'cursor_far_behind')
    const isEmpty = Object.keys(entries.ids).length === 0 && entries.named.length === 0
    return sign(since, isEmpty ? cursor : whole(known.tip), entries, known.read_at)
  }

  /** Later parts may come from another instance, and later: the follower goes on from where the first part stood. */
  const signPart = (since: string | null, { snapshot, part, parts }: Cursor, known: Tail) =>
    sign(since, { snapshot, part: part + 1, parts }, known.entries.part(part, parts), known.read_at)

  const remember = (key: string, known: Tail, make: () => Promise<FeedAnswer>): Promise<FeedAnswer> => {
    const fresh = make()
    if (made_version !== known.version || made.size >= REMEMBERED_MOST) made.clear()
    made_version = known.version
    made.set(key, { answer: fresh, made_at: clock().getTime() })
    fresh.catch(() => made.delete(key))
    return fresh
  }

  const recall = (key: string, { version }: Tail): Promise<FeedAnswer> | null => {
    const known = version === made_version ? made.get(key) : undefined
    const age = clock().getTime() - (known?.made_at ?? 0)
    return known !== undefined && age >= 0 && age < REUSE_MILLISECONDS ? known.answer : null
  }

  const locate = async (cursor: Cursor | null): Promise<Tail> => {
    const known = await tail.current()
    if (cursor === null || covers(known.seen, cursor.snapshot)) return known
    // From an instance that asked the database a moment later than this one, or from a past that is gone.
    const newer = await tail.lookAgain()
    if (!covers(newer.seen, cursor.snapshot)) throw new Problem('CURSOR_GONE', 'cursor_of_another_database')
    return newer
  }

  return async ({ cursor: text, wait_seconds, signal, ip }: FeedRequest): Promise<FeedAnswer> => {
    const cursor = text === null ? null : parseCursor(text)
    if (text !== null && cursor === null) throw new Problem('CURSOR_GONE', 'cursor_malformed')
    let known = await locate(cursor)
    const isCaughtUp = cursor?.part === cursor?.parts && cursor !== null && hasAll(known, cursor.snapshot)
    if (isCaughtUp && wait_seconds > 0 && tail.waiting() < WAITING_MOST) {
      await tail.news(known.version, Math.min(wait_seconds, WAIT_MAX_SECONDS) * 1000, signal)
      known = await locate(cursor)
    }
    if (clock().getTime() - known.read_at.getTime() > DATABASE_AWAY_MILLISECONDS)
      throw new Unavailable('database', 1, 'the revocations were last read too long ago')
    const key = text ?? ''
    const ready = recall(key, known)
    if (ready !== null) return ready
    await consume(signatures, limitKeyOf(ip))
    return recall(key, known) ?? remember(key, known, () => answer(text, cursor, known))
  }
}

export type AnswerFeed = ReturnType<typeof createRevocationFeed>

const whole = (snapshot: Snapshot): Cursor => ({ snapshot, part: 1, parts: 1 })

/** Of the entries that are here; those to come may be older than its snapshot, and are waited for. */
const hasAll = ({ entries, tip }: Tail, snapshot: Snapshot): boolean => {
  if (covers(snapshot, tip)) return true
  const missing = entries.since(snapshot, 0)
  return missing !== null
}

const partsOf = ({ entries }: Tail): number =>
  2 ** Math.ceil(Math.log2(Math.max(1, entries.size() / PORTION_MOST)))
