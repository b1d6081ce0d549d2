import type { RevocationQuery } from '../verify/revocation-source.ts'
import type { FeedAnswer } from './feed-answer.ts'
import { countSignIns, createIdSet, SHARES } from './id-set.ts'
import { createNamedRevocations } from './named-revocations.ts'

/** Shares of the ids that are swept with each answer: a follower that hears one answer a second sweeps all within some minutes. */
const SHARES_PER_ANSWER = 4
/** Seconds between two sweeps of the whole, while there is no room. */
const FULL_SWEEP_SECONDS = 10
/** The part of the room that is kept for sign-ins, persons and clients once single tokens had to be left out. */
const RESERVED = 0.25

/**
 * The revocations that a follower has heard of, `most` at most. Entries are only ever added: no answer revives a token, and each entry
 * expires by itself. Where there is no room for all, single tokens are left out first.
 */
export const createKnownRevocations = (most: number) => {
  const ids = createIdSet()
  const named = createNamedRevocations()
  /** Seconds since 1970: when the last single token that was left out has expired. */
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
    // Not with each answer: a set that stays full would be swept all the time.
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

  /** Leaves the answer's single tokens out. Known ones are dropped too, where the other entries need their room. */
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
      // The reserve keeps tokens from being added and dropped by turns.
      const reserve = isIncomplete(now) ? most * RESERVED : 0
      if (answer.count <= room() - reserve) addAll(answer)
      else addWithoutTokens(answer, now)
    },
    /** Whether single tokens were left out that may still be living. */
    isIncomplete,
    isRevoked: (token: RevocationQuery): boolean =>
      ids.has(token.jti) || (token.sid !== undefined && ids.has(token.sid)) || named.has(token),
  }
}
