import { limitKeyOf } from '../../domain/base/ip-address.ts'
import { Problem } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Cursor, Cursors } from '../../domain/revocations/feed-cursor.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit, RateLimit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import { createAnswerCache } from './answer-cache.ts'
import {
  createFeedContent,
  cursorOfBeginning,
  type FeedContent,
  isCaughtUp,
  isEmpty,
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
  /** Signatures that one address may cause: a client may collect cursors, and each of them needs an answer of its own. */
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
 * `body` is the JWS as it is sent: one copy of it for all requests. `isFinal`: the same address will never have another answer. An
 * answer without entries is not final: the same question may soon have another answer.
 */
export type SignedFeedAnswer = Readonly<{ jws: string; body: Uint8Array<ArrayBuffer>; isFinal: boolean }>

/** Ours: far above what followers behind one address cause, since followers with the same cursor share their answers. */
export const FEED_SIGNATURES: RateLimit = { count: 1200, window_seconds: 60 }

/** For so long an answer is handed out again: its `iat` tells how old it is. */
const REUSE_MILLISECONDS = 1000
/** After this time without the database there is no answer: a signature must stand for what holds now. */
const DATABASE_AWAY_MILLISECONDS = 2000
/** A follower that hears nothing else believes an answer for so long, whatever its own bound is. */
const VALID_SECONDS = 300
const WAIT_MAX_SECONDS = 20
/** Requests that wait at once. The next ones are answered without a wait. */
const WAITING_MOST = 4000
/** Those of one address. The next ones are refused, so that no address takes all the places. */
const WAITING_OF_ONE_MOST = 1000
const WAITING_RETRY_SECONDS = 5

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
  const locate = createLocate(tail)
  const wait = createWait(tail)
  const sign = createSign({ keys, cursors, issuer })

  return async (request: FeedRequest): Promise<SignedFeedAnswer> => {
    const { cursor: text, ip } = request
    const cursor = text === null ? null : cursors.parse(text)
    if (text !== null && cursor === null) throw new Problem('CURSOR_GONE', { reason: 'cursor_malformed' })
    let known = await locate(cursor)
    const mayWait = cursor !== null && request.wait_seconds > 0 && isCaughtUp(known, cursor)
    const hasWaited = mayWait && (await wait(known, request))
    if (hasWaited) known = await locate(cursor)
    if (clock().getTime() - known.read_at.getTime() > DATABASE_AWAY_MILLISECONDS)
      throw new Unavailable('database', 1, 'the revocations were last read too long ago')
    const asked = cursor ?? cursorOfBeginning(known)
    // One of several parts is handed out again for its second even when there is news: a new signature would cost more than it brings.
    const version = asked.part < asked.parts && asked.parts > 1 ? 0 : known.version
    const key = text ?? ''
    const ready = answers.recall(key, version)
    if (ready !== null) return ready
    // Requests that waited have all asked the same question: one of them causes the signature that all of them get.
    if (!hasWaited) await requireAllowance(signatures, limitKeyOf(ip))
    const make = async () => sign(createFeedContent(text, asked, known))
    return answers.recall(key, version) ?? answers.make(key, version, make, hasWaited)
  }
}

export type AnswerFeed = ReturnType<typeof createAnswerFeed>

/** What is known where the cursor leads. Throws a Problem for a cursor that leads nowhere. */
const createLocate =
  (tail: RevocationTail) =>
  async (cursor: Cursor | null): Promise<Tail> => {
    const known = await tail.current()
    if (cursor === null) return known
    const { number, tag } = cursor.position
    // Another instance may have read the database a moment later than this one, or the database may have lost its newest past.
    const newest = number > known.tip.number ? await tail.lookAgain() : known
    if (newest.tags.get(number) !== tag)
      throw new Problem('CURSOR_GONE', { reason: 'cursor_of_another_past' })
    return newest
  }

/** Waits for news until the time is over. False when all places are taken: the answer is then given at once. */
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
