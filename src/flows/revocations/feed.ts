import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Cursor, Cursors } from '../../domain/revocations/feed-cursor.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit, RateLimit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import type { FollowerCount } from '../events/activity-meter.ts'
import { createAnswerCache } from './answer-cache.ts'
import {
  createFeedContent,
  cursorOfBeginning,
  type FeedContent,
  isCaughtUp,
  isEmpty,
  secondsBehind,
} from './feed-content.ts'
import { createLongPollLimit } from './long-poll-limit.ts'
import type { RevocationTail } from './tail.ts'
import type { Tail } from './tail-reader.ts'

type Needs = Readonly<{
  tail: RevocationTail
  keys: Keys
  cursors: Cursors
  clock: Clock
  issuer: string
  /** Signatures that one address may cause: a client can collect cursors, and each cursor needs an answer of its own. */
  signatures: Limit
  followers: Pick<FollowerCount, 'enter' | 'told'>
}>

export type FeedRequest = Readonly<{
  /** Null: the follower begins. */
  cursor: string | null
  /** Seconds for which the answer may wait for a new entry. */
  wait_seconds: number
  signal: AbortSignal
  ip: string
}>

/**
 * `body` is the JWS as bytes: one copy of it for all requests. `isFinal` is true where the same URL will always have this answer. An answer
 * without entries is not final: the same request may soon have another answer.
 */
export type SignedFeedAnswer = Readonly<{ jws: string; body: Uint8Array<ArrayBuffer>; isFinal: boolean }>

/** Ours: far above the need of the followers behind one address, because followers with the same cursor share their answers. */
export const FEED_SIGNATURES: RateLimit = { count: 1200, window_seconds: 60 }

/** How long an answer is reused. Its `iat` tells its age. */
const REUSE_MILLISECONDS = 1000
/** Age of the last reading beyond which no answer is signed: a signature must stand for the present state. */
const DATABASE_AWAY_MILLISECONDS = 2000
/** The longest time for which a follower may believe an answer, whatever its own bound is. */
const VALID_SECONDS = 300
const WAIT_MAX_SECONDS = 20
/** The most requests that wait at once. A further one is answered at once. */
const WAITING_MOST = 4000
/** The most requests of one address that wait at once. A further one is refused, so that no address takes all the places. */
const WAITING_OF_ONE_MOST = 1000
const WAITING_RETRY_SECONDS = 5

/**
 * Ours – Answers the revocation feed: the tokens, sign-ins, people and clients that were ended before they expired, signed with the keys of
 * the tokens and a type of its own. Throws a Problem for an unknown cursor, and for too many signatures or waits. Rejects with Unavailable
 * while the database is away.
 */
export const createAnswerFeed = ({ tail, keys, cursors, clock, issuer, signatures, followers }: Needs) => {
  const answers = createAnswerCache<SignedFeedAnswer>({
    clock,
    sizeOf: ({ jws }) => 2 * jws.length,
    reuse_milliseconds: REUSE_MILLISECONDS,
  })
  const locate = createLocate(tail)
  const wait = createWait(tail)
  const sign = createSign({ keys, cursors, issuer })

  const answer = async (request: FeedRequest, cursor: Cursor | null): Promise<SignedFeedAnswer> => {
    const { cursor: text, ip } = request
    let known = await locate(cursor)
    const mayWait = cursor !== null && request.wait_seconds > 0 && isCaughtUp(known, cursor)
    const hasWaited = mayWait && (await wait(known, request))
    if (hasWaited) known = await locate(cursor)
    if (clock().getTime() - known.read_at.getTime() > DATABASE_AWAY_MILLISECONDS)
      throw new Unavailable('database', 1, 'the revocations were last read too long ago')
    const behind = cursor === null ? null : secondsBehind(known, cursor, clock())
    if (behind !== null) followers.told(behind)
    const asked = cursor ?? cursorOfBeginning(known)
    // A part of a large set is reused for its second even when there is news: a new signature would cost more than it brings.
    const version = asked.part < asked.parts && asked.parts > 1 ? 0 : known.version
    const key = text ?? ''
    const ready = answers.recall(key, version)
    if (ready !== null) return ready
    // Requests that waited together have the same cursor: one signature serves all of them, and does not count.
    if (!hasWaited) await requireAllowance(signatures, limitKeyOf(ip))
    const make = async () => sign(createFeedContent(text, asked, known))
    return answers.recall(key, version) ?? answers.make(key, version, make, hasWaited)
  }

  return async (request: FeedRequest): Promise<SignedFeedAnswer> => {
    if (request.cursor === null) return answer(request, null)
    const cursor = cursors.parse(request.cursor)
    if (cursor === null) throw new Problem('CURSOR_GONE', { reason: 'cursor_malformed' })
    const leave = followers.enter()
    try {
      return await answer(request, cursor)
    } finally {
      leave()
    }
  }
}

export type AnswerFeed = ReturnType<typeof createAnswerFeed>

/** Finds the position of the cursor. Throws a Problem for a cursor that leads nowhere. */
const createLocate =
  (tail: RevocationTail) =>
  async (cursor: Cursor | null): Promise<Tail> => {
    const known = await tail.current()
    if (cursor === null) return known
    const { number, tag } = cursor.position
    // The cursor may be of an instance that read the database a moment later, or the database may have been set back.
    const newest = number > known.tip.number ? await tail.lookAgain() : known
    if (newest.tags.get(number) !== tag)
      throw new Problem('CURSOR_GONE', { reason: 'cursor_of_another_past' })
    return newest
  }

/** Waits for news until the time is over. False, without a wait, when all places are taken. */
const createWait = (tail: RevocationTail) => {
  const polls = createLongPollLimit({ in_all: WAITING_MOST, of_one: WAITING_OF_ONE_MOST })
  return async (known: Tail, { wait_seconds, signal, ip }: FeedRequest): Promise<boolean> => {
    const leave = polls.enter(limitKeyOf(ip))
    if (leave === 'taken')
      throw new Problem('RATE_LIMITED', {
        reason: 'feed_waiting',
        retry_after_seconds: WAITING_RETRY_SECONDS,
      })
    if (leave === 'full') return false
    try {
      await tail.news(known.version, Math.min(wait_seconds, WAIT_MAX_SECONDS) * 1000, signal)
    } finally {
      leave()
    }
    return true
  }
}

/** RFC 7515 §3.1 – The answer as a signed JWS. */
const createSign =
  ({ keys, cursors, issuer }: Pick<Needs, 'keys' | 'cursors' | 'issuer'>) =>
  async ({ since, cursor, more, entries, read_at }: FeedContent): Promise<SignedFeedAnswer> => {
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
