import { type DurationCount, quantileOf } from './duration-classes.ts'

/** Rows of minutes are of one instance and kept for a day; rows of hours are of all instances and kept for a month. */
export const ACTIVITY_SPANS = ['minute', 'hour'] as const
export type ActivitySpan = (typeof ACTIVITY_SPANS)[number]

/**
 * What is counted: `degraded` and `running` once for each minute in which something did not work, or the instance ran; `living_sign_ins` is
 * a gauge that one instance writes, and `followers` one that each instance writes once a minute; `token_seconds` and `feed_seconds` count
 * durations by class. docs/events.md follows this list.
 */
export const ACTIVITY_MEASURES = [
  'refreshes',
  'grants',
  'sign_ins',
  'endings',
  'degraded',
  'running',
  'living_sign_ins',
  'token_seconds',
  'feed_seconds',
  'followers',
] as const
export type ActivityMeasure = (typeof ACTIVITY_MEASURES)[number]

/** The measures that are plotted as they are. */
export const PLOTTED_MEASURES = [
  'refreshes',
  'grants',
  'sign_ins',
  'endings',
] as const satisfies readonly ActivityMeasure[]
export type PlottedMeasure = (typeof PLOTTED_MEASURES)[number]

/** The measures whose labels are classes of durations. */
export const TIMED_MEASURES = ['token_seconds', 'feed_seconds'] as const satisfies readonly ActivityMeasure[]

/** What may not work while the server goes on. */
export const DEGRADATIONS = {
  database_away: 'Postgres did not answer.',
  redis_away: 'Redis did not answer, or was not trusted: limits counted in process.',
  redis_evicting: 'Redis may evict what it should keep.',
  mail_failing: 'A mail was given up, refused or dropped.',
} as const satisfies Readonly<Record<string, string>>
export type Degradation = keyof typeof DEGRADATIONS

/** What the overview shows: a day in steps of ten minutes, or thirty days in steps of three hours. */
export const ACTIVITY_WINDOWS = {
  24: { span: 'minute', span_seconds: 60, bucket_seconds: 600 },
  720: { span: 'hour', span_seconds: 3_600, bucket_seconds: 10_800 },
} as const satisfies Readonly<
  Record<number, Readonly<{ span: ActivitySpan; span_seconds: number; bucket_seconds: number }>>
>
export type ActivityHours = keyof typeof ACTIVITY_WINDOWS

/** How much of a measure was counted in one bucket, which begins `bucket` buckets after the first. */
export type ActivityCount = Readonly<{
  measure: PlottedMeasure
  label: string
  bucket: number
  count: number
}>

/** Something that did not work, from a minute (or an hour) to the end of another. */
export type DegradedTime = Readonly<{ what: Degradation; from: Date; until: Date }>

/** The followers of the revocation feed, as the instances see them. */
export type Followers = Readonly<{
  /** Requests that followers had open at once, of all instances. Null: no instance has counted lately. */
  count: number | null
  /** Seconds by which they were behind when they were told of a revocation. Null: none was told of one. */
  p99_seconds: number | null
  most_seconds: number | null
}>

/** How many durations of a measure were of a class. */
export type TimedCount = DurationCount & Readonly<{ measure: (typeof TIMED_MEASURES)[number] }>

/** The followers as they are shown. How far behind they were is the class of their durations, `feed_seconds`. */
export const followersOf = (count: number | null, timed: readonly TimedCount[]): Followers => {
  const told = timed.filter(({ measure }) => measure === 'feed_seconds')
  return { count, p99_seconds: quantileOf(told, 0.99), most_seconds: quantileOf(told, 1) }
}

/** Seconds within which 99 of 100 requests at the token endpoint, and refreshes at the account API, were answered. */
export const tokenSecondsOf = (timed: readonly TimedCount[]): number | null =>
  quantileOf(
    timed.filter(({ measure }) => measure === 'token_seconds'),
    0.99,
  )

export type Activity = Readonly<{
  from: Date
  bucket_seconds: number
  /** Instances that have counted within the last minutes. */
  instances: number
  series: Readonly<Partial<Record<PlottedMeasure, Readonly<Record<string, readonly number[]>>>>>
  degradations: readonly DegradedTime[]
  /** Exact up to 50,000 rows, estimated beyond. Null: not counted within the last hour. */
  living_sign_ins: number | null
  /** The same a day ago. */
  living_sign_ins_yesterday: number | null
  /** The 99th percentile of requests for tokens; null without any. */
  token_p99_seconds: number | null
  followers: Followers
}>

/** The beginning of the first bucket: the last bucket has `now` in it. */
export const activityBegin = (hours: ActivityHours, now: Date): Date => {
  const { bucket_seconds } = ACTIVITY_WINDOWS[hours]
  const last = Math.floor(now.getTime() / 1000 / bucket_seconds) * bucket_seconds
  return new Date((last - (bucketsOf(hours) - 1) * bucket_seconds) * 1000)
}

const bucketsOf = (hours: ActivityHours): number => (hours * 3_600) / ACTIVITY_WINDOWS[hours].bucket_seconds

/** A row of numbers for each label, with a 0 where nothing was counted. */
export const activitySeries = (
  hours: ActivityHours,
  counts: readonly ActivityCount[],
): Activity['series'] => {
  const series: Partial<Record<PlottedMeasure, Record<string, number[]>>> = {}
  for (const { measure, label, bucket, count } of counts) {
    const labels = (series[measure] ??= {})
    const numbers = (labels[label] ??= Array.from({ length: bucketsOf(hours) }, () => 0))
    if (bucket >= 0 && bucket < numbers.length) numbers[bucket] = count
  }
  return series
}

/** Unites times that touch. `times` are the beginnings of degraded minutes or hours, in order. */
export const degradedTimes = (
  hours: ActivityHours,
  times: readonly Readonly<{ what: Degradation; begins_at: Date }>[],
): readonly DegradedTime[] => {
  const milliseconds = ACTIVITY_WINDOWS[hours].span_seconds * 1000
  const bands: DegradedTime[] = []
  for (const { what, begins_at } of times) {
    const until = new Date(begins_at.getTime() + milliseconds)
    const at = bands.findIndex(band => band.what === what && band.until.getTime() >= begins_at.getTime())
    const touching = bands[at]
    if (touching === undefined) bands.push({ what, from: begins_at, until })
    else bands[at] = { ...touching, until }
  }
  return bands
}
