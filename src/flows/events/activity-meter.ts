import { MAIL_OUTCOMES } from '../../domain/account/mail.ts'
import type { ActivityMeasure, Degradation } from '../../domain/events/activity.ts'
import { durationClassOf } from '../../domain/events/duration-classes.ts'
import type { Clock, Metrics } from '../../ports/effects.ts'
import type { CountedActivity } from '../../ports/events.ts'

const MINUTE_SECONDS = 60
/** Minutes that wait for the database, at most: the counts of the oldest are dropped. */
const MINUTES_AT_MOST = 120

/** The routes that answer with tokens, also those of a refresh. */
const TOKEN_ROUTES: ReadonlySet<string> = new Set(['/token', '/auth/refresh'])

type Needs = Readonly<{ metrics: Metrics; clock: Clock }>

/**
 * Ours – Counts in this process, by the minute, what passes the metrics, which get it too. A request costs no statement: `take` hands out what
 * was counted since. Memory is bounded, because the labels are of closed lists.
 */
export const createActivityMeter = ({ metrics, clock }: Needs) => {
  const minutes = createMinutes()
  const minuteNow = () => Math.floor(clock().getTime() / 1000 / MINUTE_SECONDS) * MINUTE_SECONDS
  const count = (measure: ActivityMeasure, label: string, by: number) =>
    minutes.add({ minute_seconds: minuteNow(), measure, label, count: by })
  const marked = new Set<string>()
  let marked_minute = 0

  /** Counts a measure at most once a minute. */
  const mark = (measure: ActivityMeasure, label: string, by = 1) => {
    const minute = minuteNow()
    if (minute !== marked_minute) marked.clear()
    marked_minute = minute
    const key = `${measure} ${label}`
    if (marked.has(key)) return
    marked.add(key)
    count(measure, label, by)
  }

  const counted: Metrics = {
    ...metrics,
    answered: request => {
      metrics.answered(request)
      if (TOKEN_ROUTES.has(request.route)) count('token_seconds', durationClassOf(request.seconds), 1)
    },
    issued: grant => {
      metrics.issued(grant)
      count('grants', grant, 1)
    },
    judged: outcome => {
      metrics.judged(outcome)
      count('refreshes', outcome, 1)
    },
    signedIn: result => {
      metrics.signedIn(result)
      count('sign_ins', result, 1)
    },
    ended: (reason, number) => {
      metrics.ended(reason, number)
      count('endings', reason, number)
    },
    mailed: outcome => {
      metrics.mailed(outcome)
      if (MAIL_OUTCOMES[outcome][0] !== 'sent') mark('degraded', 'mail_failing')
    },
  }

  return {
    metrics: counted,
    followers: createFollowerCount(seconds => count('feed_seconds', durationClassOf(seconds), 1)),
    running: () => mark('running', ''),
    following: (number: number) => mark('followers', '', number),
    degraded: (what: Degradation) => mark('degraded', what),
    take: minutes.take,
    /** For counts that were taken and could not be written. */
    putBack: (counts: readonly CountedActivity[]) => {
      for (const each of counts) minutes.add(each)
    },
  }
}

export type ActivityMeter = ReturnType<typeof createActivityMeter>

/** Counts the followers of the revocation feed by the requests that they have open at once: each has one, nearly all the time. */
const createFollowerCount = (told: (seconds: number) => void) => {
  let open = 0
  let most = 0
  return {
    /** A follower asks. Returns the function that ends its request. */
    enter: (): (() => void) => {
      open += 1
      most = Math.max(most, open)
      return () => {
        open -= 1
      }
    },
    /** Seconds for which a follower did not know what it is told now. */
    told,
    /** The most at once since the last call. */
    take: (): number => {
      const taken = most
      most = open
      return taken
    },
  }
}

export type FollowerCount = ReturnType<typeof createFollowerCount>

const createMinutes = () => {
  let minutes = new Map<number, Map<ActivityMeasure, Map<string, number>>>()
  const minuteOf = (minute_seconds: number) => {
    const known = minutes.get(minute_seconds)
    if (known !== undefined) return known
    if (minutes.size >= MINUTES_AT_MOST) minutes.delete(Math.min(...minutes.keys()))
    const added = new Map<ActivityMeasure, Map<string, number>>()
    minutes.set(minute_seconds, added)
    return added
  }
  return {
    add: ({ minute_seconds, measure, label, count }: CountedActivity) => {
      const minute = minuteOf(minute_seconds)
      const labels = minute.get(measure) ?? new Map<string, number>()
      minute.set(measure, labels)
      labels.set(label, (labels.get(label) ?? 0) + count)
    },
    take: (): readonly CountedActivity[] => {
      const taken = minutes
      minutes = new Map()
      return [...taken].flatMap(([minute_seconds, measures]) =>
        [...measures].flatMap(([measure, labels]) =>
          [...labels].map(([label, count]) => ({ minute_seconds, measure, label, count })),
        ),
      )
    },
  }
}
