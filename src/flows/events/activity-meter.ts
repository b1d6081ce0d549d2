import { MAIL_OUTCOMES } from '../../domain/account/mail.ts'
import type { ActivityMeasure, Degradation } from '../../domain/events/activity.ts'
import type { Clock, Metrics } from '../../ports/effects.ts'
import type { CountedActivity } from '../../ports/events.ts'

const MINUTE_SECONDS = 60
/** Minutes that wait for the database, at most: the counts of the oldest are dropped. */
const MINUTES_AT_MOST = 120

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

  /** Counts a minute once. */
  const mark = (measure: ActivityMeasure, label: string) => {
    const minute = minuteNow()
    if (minute !== marked_minute) marked.clear()
    marked_minute = minute
    const key = `${measure} ${label}`
    if (marked.has(key)) return
    marked.add(key)
    count(measure, label, 1)
  }

  const counted: Metrics = {
    ...metrics,
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
    running: () => mark('running', ''),
    degraded: (what: Degradation) => mark('degraded', what),
    take: minutes.take,
    /** For counts that were taken and could not be written. */
    putBack: (counts: readonly CountedActivity[]) => {
      for (const each of counts) minutes.add(each)
    },
  }
}

export type ActivityMeter = ReturnType<typeof createActivityMeter>

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
