import type { RevocationQuery } from '../verify/revocation-source.ts'
import type { FeedAnswer, Named } from './feed-answer.ts'
import { countSignIns, createIdSet, SHARES } from './id-set.ts'

/** Shares that are swept with each answer: all of them within some minutes. */
const SWEPT_AT_ONCE = 4
/** Seconds between two sweeps of everything, where there is no room. */
const FULL_SWEEP_SECONDS = 10
/** The part of the memory that is left to sign-ins, once tokens had to be left out. */
const RESERVED = 0.25

/** What a follower has heard. Entries are only ever added: nothing un-revokes a token, and each expires by itself. */
export const createKnownRevocations = (most: number) => {
  const ids = createIdSet()
  const named = new Map<string, Map<string, Named>>()
  let named_count = 0
  /** Seconds since 1970: when the last single token that was left out has expired. */
  let incomplete_until = 0
  let swept_at = Number.NEGATIVE_INFINITY

  const remember = (entry: Named) => {
    const sameKind = named.get(entry.kind) ?? new Map<string, Named>()
    named.set(entry.kind, sameKind)
    const known = sameKind.get(entry.value)
    if (known === undefined) named_count += 1
    sameKind.set(entry.value, known === undefined ? entry : latest(known, entry))
  }

  const sweep = (now: number, shares: number) => {
    ids.sweep(now, shares)
    for (const sameKind of named.values())
      for (const [value, { expires_at }] of sameKind)
        if (expires_at <= now && sameKind.delete(value)) named_count -= 1
  }

  const isNamed = (kind: string, value: string | undefined, iat: number): boolean => {
    const entry = value === undefined ? undefined : named.get(kind)?.get(value)
    return entry !== undefined && (entry.issued_until === null || iat <= entry.issued_until)
  }

  const room = () => most - ids.size() - named_count

  const addAll = (answer: FeedAnswer) => {
    for (const { encoded, expires_at } of answer.ids) ids.addAll(encoded, expires_at)
    for (const entry of answer.named) remember(entry)
  }

  const leaveOut = (expires_at: number) => {
    incomplete_until = Math.max(incomplete_until, expires_at)
  }

  /** What ends a sign-in, a person or a client, in the room of single tokens where need be. */
  const addEndings = (answer: FeedAnswer, now: number) => {
    const endings = answer.named.filter(({ kind }) => kind !== 'jti')
    const count = answer.ids.reduce((sum, { encoded }) => sum + countSignIns(encoded), endings.length)
    if (count > room()) leaveOut(ids.forgetTokens(now))
    if (count > room()) throw new Error(`more than ${most} revocations`)
    for (const { encoded, expires_at } of answer.ids) {
      ids.addAll(encoded, expires_at, 'sign_ins')
      leaveOut(expires_at)
    }
    for (const entry of endings) remember(entry)
  }

  const isIncomplete = (now: number) => now < incomplete_until

  const makeRoom = (answer: FeedAnswer, now: number) => {
    sweep(now, SWEPT_AT_ONCE)
    // Not at each answer: a set that stays full would be swept all the time.
    if (answer.count <= room() || Math.abs(now - swept_at) < FULL_SWEEP_SECONDS) return
    sweep(now, SHARES)
    swept_at = now
  }

  return {
    size: () => ids.size() + named_count,
    /**
     * Where there is no room for all, single tokens are left out. Throws when there would be more of the others than the service has
     * set aside memory for.
     */
    add: (answer: FeedAnswer, now: number) => {
      makeRoom(answer, now)
      // Some room is kept for sign-ins, so that tokens are not taken in and thrown out by turns.
      const reserve = isIncomplete(now) ? most * RESERVED : 0
      if (answer.count <= room() - reserve) addAll(answer)
      else addEndings(answer, now)
    },
    /** Whether single tokens are missing that may still be living. */
    isIncomplete,
    isRevoked: ({ jti, sid, sub, client_id, iat }: RevocationQuery): boolean => {
      if (ids.has(jti) || (sid !== undefined && ids.has(sid))) return true
      if (named_count === 0) return false
      return (
        isNamed('sub', sub, iat) ||
        isNamed('client_id', client_id, iat) ||
        isNamed('jti', jti, iat) ||
        isNamed('sid', sid, iat)
      )
    },
  }
}

/** What ends more, for longer. */
const latest = (one: Named, other: Named): Named => ({
  ...one,
  expires_at: Math.max(one.expires_at, other.expires_at),
  issued_until:
    one.issued_until === null || other.issued_until === null
      ? null
      : Math.max(one.issued_until, other.issued_until),
})
