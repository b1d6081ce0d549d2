import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { type Cursor, type Cursors, NOTHING_UNNUMBERED } from '../../domain/revocations/feed-cursor.ts'
import type { Portion } from '../../domain/revocations/portion.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit, RateLimit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { createAnswerCache } from './answer-cache.ts'
import { createLongPollLimit } from './long-poll-limit.ts'
import type { RevocationTail, Tail } from './tail.ts'

type Needs = Readonly<{
  tail: RevocationTail
  keys: Keys
  cursors: Cursors
  clock: Clock
  issuer: string
  /** Signatures that one address may cause: cursors can be collected, and each asks for one of its own. */
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

/**
 * `body` is the JWS as it is sent: one copy of it for all who ask. `isFinal`: true of its address for good. An answer without entries
 * is not: the same question may have another answer soon.
 */
export type SignedFeedAnswer = Readonly<{ jws: string; body: Uint8Array<ArrayBuffer>; isFinal: boolean }>

type Answer = Readonly<{
  since: string | null
  cursor: Cursor
  /** The bearer has not been told everything until `read_at`. */
  more: boolean
  entries: Portion
  read_at: Date
}>

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
const WAITING_MOST = 4000
/** Those of one address; those that come after them are refused, so that no address takes all the places. */
const WAITING_OF_ONE_MOST = 1000
const WAITING_RETRY_SECONDS = 5
/** Entries that the last part may bring beside its share. */
const LATE_MOST = 20_000

/**
 * Ours – The revocation feed: what was ended before it expired, signed with the keys of the tokens and a type of its own.
 * Throws a Problem for a cursor that leads nowhere and for too many signatures or waits, and rejects with Unavailable while the
 * database is away.
 */
export const createAnswerFeed = ({ tail, keys, cursors, clock, issuer, signatures }: Needs) => {
  const answers = createAnswerCache<SignedFeedAnswer>({
    clock,
    sizeOf: ({ jws }) => 2 * jws.length,
    reuse_milliseconds: REUSE_MILLISECONDS,
  })
  const polls = createLongPollLimit({ in_all: WAITING_MOST, of_one: WAITING_OF_ONE_MOST })

  const sign = async ({ since, cursor, more, entries, read_at }: Answer) => {
    const iat = Math.floor(read_at.getTime() / 1000)
    const jws = await keys.sign('revocations+jwt', {
      iss: issuer,
      iat,
      exp: iat + VALID_SECONDS,
      since,
      cursor: cursors.format(cursor),
      more,
      ...entries,
    })
    const isFinal = since !== null && !isEmpty(entries)
    return { jws, body: Buffer.from(jws, 'latin1'), isFinal }
  }

  const answer = (since: string | null, cursor: Cursor, known: Tail): Promise<SignedFeedAnswer> => {
    if (cursor.part < cursor.parts) return signPart(since, cursor, known)
    const entries = isCaughtUp(known, cursor) ? NOTHING : entriesSince(cursor, known)
    if (entries === null) throw new Problem('CURSOR_GONE', 'cursor_far_behind')
    const next = isEmpty(entries) ? cursor : atTipOf(known)
    return sign({ since, cursor: next, more: false, entries, read_at: known.read_at })
  }

  /** Later parts may come from another instance, and later: the last one brings what came since the first. */
  const signPart = (since: string | null, { position, part, parts }: Cursor, known: Tail) => {
    const { entries, unnumbered, read_at } = known
    const isLast = part + 1 === parts && entries.countAfter(position.number) <= LATE_MOST
    if (isLast) {
      const late = entries.lastPart(parts, { number: position.number, unnumbered })
      return sign({ since, cursor: atTipOf(known), more: false, entries: late, read_at })
    }
    // Of the last part too, when it has no room for what came meanwhile: that is had at the cursor.
    const next = { position, unnumbered: NOTHING_UNNUMBERED, part: part + 1, parts }
    return sign({ since, cursor: next, more: true, entries: entries.part(part, parts), read_at })
  }

  /** Throws a Problem for a cursor that leads nowhere. */
  const locate = async (cursor: Cursor | null): Promise<Tail> => {
    let known = await tail.current()
    if (cursor === null) return known
    // From an instance that asked the database a moment later than this one, or from a past that is gone.
    if (cursor.position.number > known.tip.number) known = await tail.lookAgain()
    if (!hasPosition(known, cursor.position)) throw new Problem('CURSOR_GONE', 'cursor_of_another_past')
    return known
  }

  /** Until there is news, or the time is over. False when there is no place to wait in: the answer then is of now. */
  const wait = async (known: Tail, { wait_seconds, signal, ip }: FeedRequest): Promise<boolean> => {
    const leave = polls.enter(limitKeyOf(ip))
    if (leave === 'taken') throw new Problem('RATE_LIMITED', 'feed_waiting', [], WAITING_RETRY_SECONDS)
    if (leave === 'full') return false
    try {
      await tail.news(known.version, Math.min(wait_seconds, WAIT_MAX_SECONDS) * 1000, signal)
    } finally {
      leave()
    }
    return true
  }

  return async (request: FeedRequest): Promise<SignedFeedAnswer> => {
    const { cursor: text, ip } = request
    const cursor = text === null ? null : cursors.parse(text)
    if (text !== null && cursor === null) throw new Problem('CURSOR_GONE', 'cursor_malformed')
    let known = await locate(cursor)
    const mayWait = cursor !== null && request.wait_seconds > 0 && isCaughtUp(known, cursor)
    const hasWaited = mayWait && (await wait(known, request))
    if (hasWaited) known = await locate(cursor)
    if (clock().getTime() - known.read_at.getTime() > DATABASE_AWAY_MILLISECONDS)
      throw new Unavailable('database', 1, 'the revocations were last read too long ago')
    const asked = cursor ?? { ...atTipOf(known), part: 0, parts: partsOf(known) }
    // A part of many is the same for its second, also when there is news: it costs more than it brings.
    const version = asked.part < asked.parts && asked.parts > 1 ? 0 : known.version
    const key = text ?? ''
    const ready = answers.recall(key, version)
    if (ready !== null) return ready
    // Those who waited have all asked the same: one of them causes the signature that all of them get.
    if (!hasWaited) await requireAllowance(signatures, limitKeyOf(ip))
    const make = async () => answer(text, asked, known)
    return answers.recall(key, version) ?? answers.make(key, version, make, hasWaited)
  }
}

export type AnswerFeed = ReturnType<typeof createAnswerFeed>

const NOTHING: Portion = { ids: {}, named: [] }

const isEmpty = ({ ids, named }: Portion): boolean => Object.keys(ids).length === 0 && named.length === 0

const atTipOf = ({ tip, unnumbered_digest }: Tail): Cursor => ({
  position: tip,
  unnumbered: unnumbered_digest,
  part: 1,
  parts: 1,
})

const hasPosition = ({ tags }: Tail, { number, tag }: Cursor['position']): boolean => tags.get(number) === tag

/** True when there is nothing that this follower has not been told. */
const isCaughtUp = ({ tip, unnumbered, unnumbered_digest }: Tail, cursor: Cursor): boolean =>
  cursor.part === cursor.parts &&
  cursor.position.number === tip.number &&
  (unnumbered.length === 0 || cursor.unnumbered === unnumbered_digest)

const entriesSince = ({ position }: Cursor, { entries, unnumbered }: Tail): Portion | null =>
  entries.since(position.number, unnumbered, PORTION_MOST)

const partsOf = ({ entries }: Tail): number =>
  2 ** Math.ceil(Math.log2(Math.max(1, entries.size() / PORTION_MOST)))
