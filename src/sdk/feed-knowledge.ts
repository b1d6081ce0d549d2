import type { FeedAnswer } from './feed-answer.ts'
import type { FollowSettings } from './follow-options.ts'
import { createKnownRevocations } from './known-revocations.ts'
import type { Standing, RevocationQuery } from './revocation-source.ts'

/** What a follower knows, and as of when. */
export const createFeedKnowledge = (settings: FollowSettings) => {
  const { issuer, now, max_stale_seconds, clock_tolerance_seconds } = settings
  const known = createKnownRevocations(settings.max_entries)
  let cursor: string | null = null
  /** The `iat` of the newest answer that was believed: whatever is clearly older is a replay. */
  let newest = 0
  let as_of: number | null = null
  let heard_at = 0

  const isFresh = (): boolean => {
    const time = now()
    // A clock that was set back must not lengthen the life of what is known.
    return as_of !== null && time < as_of + max_stale_seconds && time >= heard_at - clock_tolerance_seconds
  }

  /** Anything but the very next answer of this issuer, and a recent one, is refused as a whole. */
  const judge = ({ iss, iat, exp, since }: FeedAnswer, time: number) => {
    if (iss !== issuer) throw new Error('the feed is of another issuer')
    if (since !== cursor) throw new Error('the feed answers another question')
    if (iat > time + clock_tolerance_seconds) throw new Error('the feed is from the future')
    if (exp + clock_tolerance_seconds <= time) throw new Error('the feed has expired')
    if (iat + clock_tolerance_seconds < newest) throw new Error('the feed is a replay')
  }

  return {
    cursor: () => cursor,
    /** Adds an answer. Throws, and changes nothing, when it is not to be believed. */
    take: (answer: FeedAnswer) => {
      const time = now()
      judge(answer, time)
      known.add(answer, time)
      cursor = answer.cursor
      newest = Math.max(newest, answer.iat)
      if (answer.more) return
      as_of = Math.max(as_of ?? 0, answer.iat)
      heard_at = time
    },
    /** What is known stays; everything is asked for again, and added. */
    beginAgain: () => {
      cursor = null
    },
    check: (token: RevocationQuery): Standing => {
      if (known.isRevoked(token)) return 'revoked'
      return isFresh() ? 'live' : 'stale'
    },
    isFresh,
    as_of: () => as_of,
    size: known.size,
  }
}
