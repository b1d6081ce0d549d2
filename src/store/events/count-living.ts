import { NIL_UUID } from '../../domain/base/uuid.ts'
import type { Database } from '../postgres/index.ts'

/** Rows of a table up to which all are read. A larger table is sampled by its pages, of which as many are read as hold this number. */
const COUNTED_ROWS = 50_000

/**
 * Ours – Counts the living sign-ins in bounded time. Beyond 50,000 rows the number is an estimate from randomly chosen pages, within about
 * two percent of the rows of the table: an exact count of ten million rows would read them all. Postgres's own estimate of the rows says
 * how many pages are needed, on Citus that of each shard; a table that was never analyzed is read whole.
 */
export const createCountLiving = (database: Database) => {
  const sharePercent = async (): Promise<number> => {
    const [table] = await database.run((sql, { isDistributed }) =>
      isDistributed
        ? sql<{ rows: number }[]>`
              select sum(result::float8) as rows
              from run_command_on_shards(
                'signet.refresh_families', 'select reltuples from pg_catalog.pg_class where oid = ''%s''::regclass'
              )
              where success`
        : sql<{ rows: number }[]>`
              select reltuples::float8 as rows
              from pg_catalog.pg_class
              where oid = 'signet.refresh_families'::regclass`,
    )
    return Math.min(100, (100 * COUNTED_ROWS) / Math.max(1, table?.rows ?? 1))
  }
  return async (): Promise<void> => {
    const percent = await sharePercent()
    await database.run(
      sql => sql`
        with sampled as materialized (
          select count(*) as rows
          from signet.refresh_families tablesample system (${percent}::float8)
          where revoked_at is null
            and expires_at > statement_timestamp()
            and idle_expires_at > statement_timestamp()
        )
        insert into signet.activity (span, begins_at, instance, measure, label, count, expires_at)
        select
          'minute', to_timestamp(floor(extract(epoch from statement_timestamp()) / 60) * 60), ${NIL_UUID}::uuid,
          'living_sign_ins', '', round(rows * 100 / ${percent}::float8)::bigint,
          statement_timestamp() + interval '25 hours'
        from sampled
        on conflict (span, begins_at, instance, measure, label) do update set count = excluded.count`,
    )
  }
}
