import type { Sql } from 'postgres'
import { firstIdAt } from '../../src/domain/base/uuid.ts'
import { familyId } from './families.ts'

/** Months over which the events are spread, up to the present one. */
const MONTHS = 12
const ROWS_AT_ONCE = 500_000

/** The events of one month, of everything that an administrator looks for. `n` runs on over all months. */
const INSERT = `
  insert into events (user_id, id, at, kind, outcome, reason, actor, client_id, sid, jti, ip, request_id)
  select
    ('01900000-0000-7000-8000-' || lpad((n % 1000000)::text, 12, '0'))::uuid,
    (overlay(lpad(to_hex(floor(extract(epoch from t) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0)
      || right(gen_random_uuid()::text, 17))::uuid,
    t,
    (array['sign_in.opened', 'sign_in.opened', 'sign_in.ended', 'sign_in.refused', 'session.opened',
      'refresh_token.reused', 'consent.granted', 'account.password_changed'])[1 + n % 8],
    case when n % 8 = 3 then 'refused' else 'succeeded' end,
    case when n % 8 = 3 then 'password_wrong' end,
    case when n % 1000 = 0 then 'operator:root' end,
    'client' || n % 100,
    ('01900000-0000-7000-8000-' || lpad((n % 1000000)::text, 12, '0'))::uuid,
    case when n % 100 = 0 then md5(n::text)::uuid::text end,
    '192.0.' || n % 250 || '.' || (n / 250) % 250,
    md5(n::text)::uuid::text
  from generate_series($1::int, $2::int) n
  cross join lateral (select $3::timestamptz + ($4::timestamptz - $3::timestamptz) * random() as t) of_month`

/** Fills the events with as many as given, in partitions of twelve months. Their indexes are built afterwards, which is much faster. */
export const fillEvents = async (sql: Sql, events: number): Promise<void> => {
  const months = await prepareMonths(sql)
  const indexes = await sql<{ name: string; definition: string }[]>`
    select indexname as name, indexdef as definition
    from pg_indexes
    where schemaname = current_schema() and tablename = 'events' and indexname <> 'events_user_id_id_pk'`
  for (const { name } of indexes) await sql`drop index ${sql(name)}`
  await sql`alter table events drop constraint events_user_id_id_pk`
  const each = Math.ceil(events / months.length)
  for (const [index, { from, until }] of months.entries()) {
    for (let row = 0; row < each; row += ROWS_AT_ONCE) {
      const first = index * each + row
      await sql.unsafe(INSERT, [first, first + Math.min(ROWS_AT_ONCE, each - row) - 1, from, until])
    }
  }
  await sql`set maintenance_work_mem = '512MB'`
  await sql`alter table events add constraint events_user_id_id_pk primary key (user_id, id)`
  for (const { definition } of indexes) await sql.unsafe(definition.replace(' ON ONLY ', ' ON '))
  await sql`vacuum analyze events`
  await sql`checkpoint`
}

/** The partitions of the months before the present one, which no server has prepared. */
const prepareMonths = async (sql: Sql) => {
  const now = new Date()
  const beginOf = (ago: number) => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - ago))
  const months = Array.from({ length: MONTHS }, (_, ago) => ({
    from: beginOf(ago),
    until: ago === 0 ? now : beginOf(ago - 1),
  }))
  for (const { from, until } of months.slice(1)) {
    const name = `events_${from.toISOString().slice(0, 7).replace('-', '_')}`
    await sql.unsafe(
      `create table ${name} partition of events for values from ('${firstIdAt(from)}') to ('${firstIdAt(until)}')`,
    )
  }
  return months
}

/** Accounts, each with a sign-in of its own, after those of `fillFamilies`. */
export const fillAccounts = async (
  sql: Sql,
  range: Readonly<{ from: number; until: number }>,
): Promise<void> => {
  const rows = [range.from, range.until - 1]
  const id = `('01900000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid`
  await sql.unsafe(
    `insert into users (id, email, roles)
     select ${id}, n || '@bench.example', '{user}' from generate_series($1::int, $2::int) n
     on conflict do nothing`,
    rows,
  )
  await sql.unsafe(
    `insert into refresh_families (
       id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
       idle_expires_at, expires_at, last_ip, last_user_agent
     )
     select
       ${id}, ${id}, 0, 'client' || n % 100, 'read', '{https://api.bench.example}', now(), '{pwd}',
       (select salt from refresh_families where id = '${familyId(0)}'), 0, '\\x00',
       now() + interval '7 days', now() + interval '30 days', '127.0.0.1', 'bench'
     from generate_series($1::int, $2::int) n
     on conflict do nothing`,
    rows,
  )
  await sql`vacuum analyze users`
  await sql`vacuum analyze refresh_families`
}
