/** What was counted, for plots. A comment states atomicity and failure. */
import type { Activity, ActivityHours, ActivityMeasure } from '../domain/events/activity.ts'

/** What an instance has counted in one minute. */
export type CountedActivity = Readonly<{
  /** The beginning of the minute, in seconds. */
  minute_seconds: number
  measure: ActivityMeasure
  label: string
  count: number
}>

/** All reject with Unavailable when the database is away. */
export type ActivityCounts = {
  /** Atomic: adds all of them, or none. Each label of a minute at most once in a call. */
  add(instance: string, counted: readonly CountedActivity[]): Promise<void>
  /** Reads a bounded number of rows: of minutes for a day, of hours for thirty days. */
  read(window: Readonly<{ hours: ActivityHours; now: Date }>): Promise<Activity>
}
