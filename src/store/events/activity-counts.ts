import type { Fragment, ISql } from 'postgres'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import {
  ACTIVITY_WINDOWS,
  type ActivityCount,
  activityBegin,
  activitySeries,
  type Degradation,
  degradedTimes,
  followersOf,
  PLOTTED_MEASURES,
  TIMED_MEASURES,
  type TimedCount,
  tokenSecondsOf,
} from '../../domain/events/activity.ts'
import type { ActivityCounts } from '../../ports/events.ts'
import { type Database, OID } from '../postgres/index.ts'

/** Hours after which a row of a minute, or of an hour, expires. */
const MINUTE_ROWS_HOURS = 25
const HOUR_ROWS_HOURS = 31 * 24

/** Minutes within which an instance that runs has counted something. */
const RUNNING_MINUTES = 3

type Read = Readonly<{
  counts: readonly ActivityCount[]
  degraded: readonly Readonly<{ what: Degradation; begins_seconds: number }>[]
  instances: number
  living: number | null
  living_before: number | null
  timed: readonly TimedCount[]
  followers: number | null
}>

export const createActivityCounts = (database: Database): ActivityCounts => ({
  /**
   * The rows of hours are of all instances, and are written in the order of the primary key, so that two instances never wait for each other
   * in a circle.
   */
  add: async (instance, counted) => {
    if (counted.length === 0) return
    await database.run(
      sql => sql`
        with given as materialized (
          select to_timestamp(minute_seconds) as minute, measure, label, count
          from jsonb_to_recordset(${JSON.stringify(counted)}::text::jsonb) as counted (
            minute_seconds float8, measure text, label text, count bigint
          )
        )
        insert into signet.activity (span, begins_at, instance, measure, label, count, expires_at)
        select
          'minute' as span, minute as begins_at, ${instance}::uuid as instance, measure, label, count,
          minute + make_interval(hours => ${MINUTE_ROWS_HOURS}) as expires_at
        from given
        union all
        select
          'hour', hour, ${NIL_UUID}::uuid, measure, label, sum(count)::bigint,
          hour + make_interval(hours => ${HOUR_ROWS_HOURS})
        from (
          select to_timestamp(floor(extract(epoch from minute) / 3600) * 3600) as hour, measure, label, count
          from given
        ) of_hour
        group by hour, measure, label
        order by span, begins_at, instance, measure, label
        on conflict (span, begins_at, instance, measure, label) do update
        set count = activity.count + excluded.count`,
    )
  },

  read: createReadActivity(database),
})

const createReadActivity =
  (database: Database): ActivityCounts['read'] =>
  async ({ hours, now }) => {
    const { span, bucket_seconds } = ACTIVITY_WINDOWS[hours]
    const from = activityBegin(hours, now)
    const [row] = await database.run(
      sql => sql<Read[]>`
        with rows as materialized (
          select begins_at, measure, label, count
          from signet.activity
          where span = ${span} and begins_at >= ${from}
        ),
        buckets as (
          select
            measure, label, sum(count)::float8 as count,
            floor(extract(epoch from begins_at - ${from}::timestamptz) / ${bucket_seconds})::int as bucket
          from rows
          where measure = any(${sql.typed([...PLOTTED_MEASURES], OID.text_array)}::text[])
          group by 1, 2, 4
        ),
        degraded as (
          select distinct label as what, extract(epoch from begins_at)::float8 as begins_seconds
          from rows
          where measure = 'degraded'
        ),
        running as (
          select count(distinct instance)::int as instances
          from signet.activity
          where span = 'minute'
            and begins_at >= ${now}::timestamptz - make_interval(mins => ${RUNNING_MINUTES})
            and measure = 'running'
        ),
        living as (
          ${livingAt(sql, now)}
        ),
        living_before as (
          ${livingAt(sql, hoursBefore(now, 24))}
        ),
        timed as (
          select measure, label, sum(count)::float8 as count
          from rows
          where measure = any(${sql.typed([...TIMED_MEASURES], OID.text_array)}::text[])
          group by 1, 2
        ),
        following as (
          select sum(count)::float8 as followers
          from (
            select distinct on (instance) count
            from signet.activity
            where span = 'minute'
              and begins_at >= ${now}::timestamptz - make_interval(mins => ${RUNNING_MINUTES})
              and measure = 'followers'
            order by instance, begins_at desc
          ) latest
        )
        select
          (select coalesce(jsonb_agg(b), '[]') from buckets b) as counts,
          (select coalesce(jsonb_agg(d order by d.begins_seconds), '[]') from degraded d) as degraded,
          (select instances from running) as instances,
          (select living from living) as living,
          (select living from living_before) as living_before,
          (select coalesce(jsonb_agg(t), '[]') from timed t) as timed,
          (select followers from following) as followers`,
    )
    const { counts = [], degraded = [], instances = 0, living = null, timed = [] } = row ?? {}
    const times = degraded.map(({ what, begins_seconds }) => ({
      what,
      begins_at: new Date(begins_seconds * 1000),
    }))
    return {
      from,
      bucket_seconds,
      instances,
      series: activitySeries(hours, counts),
      degradations: degradedTimes(hours, times),
      living_sign_ins: living,
      living_sign_ins_yesterday: row?.living_before ?? null,
      token_p99_seconds: tokenSecondsOf(timed),
      followers: followersOf(row?.followers ?? null, timed),
    }
  }

const hoursBefore = (time: Date, hours: number): Date => new Date(time.getTime() - hours * 3_600_000)

/** The last count of the living sign-ins in the hour before a time. */
const livingAt = (sql: ISql, time: Date): Fragment => sql`
  select count::float8 as living
  from signet.activity
  where span = 'minute'
    and begins_at >= ${hoursBefore(time, 1)}
    and begins_at <= ${time}
    and instance = ${NIL_UUID}::uuid
    and measure = 'living_sign_ins'
  order by begins_at desc
  limit 1`
