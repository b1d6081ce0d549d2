import type { RevocationQuery } from '../verify/revocation-source.ts'
import type { FeedAnswer } from './feed-answer.ts'
import { countSignIns, createIdSet, SHARES } from './id-set.ts'
import { createNamedRevocations } from './named-revocations.ts'

/** Shares of the ids that are swept with each answer: 16 answers sweep the whole set. */
const SHARES_PER_ANSWER = 4
/** The least seconds between two sweeps of the whole set, while it is full. */
const FULL_SWEEP_SECONDS = 10
/** The fraction of the room that is reserved for sign-ins, persons and clients while single tokens are left out. */
const RESERVED = 0.25

/**
 * The revocations that a follower has received, `most` at most. No answer removes an entry, so that no revoked token becomes valid again;
 * an entry is removed when it expires. A full set leaves single tokens out first.
 */
export const createKnownRevocations = (most: number) => {
  const ids = createIdSet()
  const named = createNamedRevocations()
  /** Seconds since 1970: the latest expiry of a single token that was left out. */
  let incomplete_until = 0
  let swept_at = Number.NEGATIVE_INFINITY

  const size = () => ids.size() + named.size()
  const room = () => most - size()
  const isIncomplete = (now: number) => now < incomplete_until

  const sweep = (now: number, shares: number) => {
    ids.sweep(now, shares)
    named.sweep(now)
  }

  const sweepFor = (answer: FeedAnswer, now: number) => {
    sweep(now, SHARES_PER_ANSWER)
    // A set that stays full must not be swept as a whole for each answer.
    if (answer.count <= room() || Math.abs(now - swept_at) < FULL_SWEEP_SECONDS) return
    sweep(now, SHARES)
    swept_at = now
  }

  const addAll = (answer: FeedAnswer) => {
    for (const { encoded, expires_at } of answer.ids) ids.addAll(encoded, expires_at)
    for (const entry of answer.named) named.add(entry)
  }

  const noteLeftOut = (expires_at: number) => {
    incomplete_until = Math.max(incomplete_until, expires_at)
  }

  /** Adds an answer without its single tokens. Drops known single tokens too when the other entries need their room. */
  const addWithoutTokens = (answer: FeedAnswer, now: number) => {
    const others = answer.named.filter(({ kind }) => kind !== 'jti')
    const count = answer.ids.reduce((sum, { encoded }) => sum + countSignIns(encoded), others.length)
    if (count > room()) noteLeftOut(ids.forgetTokens(now))
    if (count > room()) throw new Error(`more than ${most} revocations`)
    for (const { encoded, expires_at } of answer.ids) {
      ids.addAll(encoded, expires_at, 'sign_ins')
      noteLeftOut(expires_at)
    }
    for (const entry of others) named.add(entry)
  }

  return {
    size,
    /** Throws when there is no room for the sign-ins, persons and clients alone. */
    add: (answer: FeedAnswer, now: number): void => {
      sweepFor(answer, now)
      // Without the reserve, single tokens would be added and dropped in turn.
      const reserve = isIncomplete(now) ? most * RESERVED : 0
      if (answer.count <= room() - reserve) addAll(answer)
      else addWithoutTokens(answer, now)
    },
    /** True while a single token that was left out may be unexpired. */
    isIncomplete,
    isRevoked: (token: RevocationQuery): boolean =>
      ids.has(token.jti) || (token.sid !== undefined && ids.has(token.sid)) || named.has(token),
  }
}
