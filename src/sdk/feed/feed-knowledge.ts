import type { RevocationQuery, Standing } from '../verify/revocation-source.ts'
import type { FeedAnswer } from './feed-answer.ts'
import type { FollowSettings } from './follow-options.ts'
import { createKnownRevocations } from './known-revocations.ts'

/** `old`: the last complete answer is too old. `overflow`: there is no room for all revoked single tokens. */
export type Staleness = 'old' | 'overflow'

/** What a follower knows of the revocations, and how old that knowledge is. */
export const createFeedKnowledge = (settings: FollowSettings) => {
  const { issuer, now, elapsed, max_stale_seconds, clock_tolerance_seconds } = settings
  const known = createKnownRevocations(settings.max_entries)
  let cursor: string | null = null
  /** The `iat` of the newest answer that was accepted: an answer that is clearly older is a replay. */
  let newest = 0
  let as_of: number | null = null
  /** The time by `elapsed` until which the knowledge is current: a wall clock that is set back must not prolong it. */
  let fresh_until = 0
  let hasRoom = true

  const staleness = (): Staleness | null => {
    if (as_of === null || elapsed() >= fresh_until) return 'old'
    return known.isIncomplete(now()) ? 'overflow' : null
  }

  /** Reports once when single tokens begin to be left out. */
  const noteRoom = (time: number) => {
    const isIncomplete = known.isIncomplete(time)
    if (isIncomplete && hasRoom)
      settings.onFault(new Error(`more than ${settings.max_entries} revocations: single tokens are left out`))
    hasRoom = !isIncomplete
  }

  /** Throws unless the answer is recent, by this issuer, and to the current cursor. */
  const judge = ({ iss, iat, exp, since }: FeedAnswer, time: number) => {
    if (iss !== issuer) throw new Error('the feed is of another issuer')
    if (since !== cursor) throw new Error('the feed answers another question')
    if (iat > time + clock_tolerance_seconds) throw new Error('the feed is from the future')
    if (exp + clock_tolerance_seconds <= time) throw new Error('the feed has expired')
    if (iat + clock_tolerance_seconds < newest) throw new Error('the feed is a replay')
  }

  return {
    cursor: () => cursor,
    /** Adds an answer. Throws, and changes nothing, when it is refused. */
    take: (answer: FeedAnswer) => {
      const time = now()
      judge(answer, time)
      known.add(answer, time)
      noteRoom(time)
      cursor = answer.cursor
      newest = Math.max(newest, answer.iat)
      if (answer.more) return
      as_of = Math.max(as_of ?? 0, answer.iat)
      // The answer may have aged in a cache on its way.
      fresh_until = elapsed() + max_stale_seconds - Math.max(0, time - as_of)
    },
    /** Makes the next request ask for the whole set. Known entries stay. */
    beginAgain: () => {
      cursor = null
    },
    check: (token: RevocationQuery): Standing => {
      if (known.isRevoked(token)) return 'revoked'
      switch (staleness()) {
        case null:
          return 'live'
        case 'overflow':
          return 'partial'
        case 'old':
          return 'stale'
      }
    },
    staleness,
    as_of: () => as_of,
    size: known.size,
  }
}
