import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstIdAt } from '../../../src/domain/base/uuid.ts'
import { filterBy } from '../../../src/flows/events/event-filter.ts'
import type { EventFilter } from '../../../src/ports/events.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import {
  createPlainDatabaseWithSchema,
  hasCitus,
  hasPostgres,
  type OwnDatabase,
} from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { explainPrepared, PLAN_MODES, readBy, scansOf } from '../../support/statements/explained-plan.ts'

const ROWS = Number(process.env['SIGNET_TEST_EVENTS'] ?? 60_000)
const MONTHS = 6
/** Rows that a page examines. The merge of the partitions takes one row more of each. */
const READ_MOST = 2_000 + MONTHS + 1

/** Between two rows, so that the last one is in the last month. */
const STEP = `${Math.floor((MONTHS * 30 * 86_400_000) / ROWS)} milliseconds`

const monthAt = (month: number) => new Date(Date.UTC(2024, month))

/** What a quarter of the rows has in every column: the smallest value, one between, or the largest. Each row of the last quarter has its own. */
const COMMON = [
  { kind: 'access_token.revoked', text: '!', uuid: '01000000-0000-7000-8000-000000000000' },
  { kind: 'refresh_token.reused', text: '7', uuid: '70000000-0000-7000-8000-000000000000' },
  { kind: 'sign_in.stepped_up', text: '~', uuid: 'fe000000-0000-7000-8000-000000000000' },
] as const

const FILTERS: readonly Partial<EventFilter>[] = [
  {},
  ...COMMON.flatMap(({ kind, text, uuid }) => [
    { jti: text },
    { request_id: text },
    { sid: uuid },
    { sub: uuid },
    { ip: text },
    { actor: text },
    { client_id: text },
    { kind },
    { client_id: text, kind, outcome: 'refused' as const },
  ]),
]

const SPANS: readonly Readonly<{ filter: Partial<EventFilter>; after: string | null }>[] = [
  { filter: {}, after: null },
  { filter: { from: monthAt(MONTHS - 1) }, after: null },
  { filter: { from: monthAt(2), until: monthAt(3) }, after: null },
  { filter: {}, after: firstIdAt(monthAt(3)) },
  { filter: { from: monthAt(1) }, after: firstIdAt(monthAt(3)) },
]

// Citus plans each shard by itself.
describe.skipIf(!hasPostgres || hasCitus)('a page of events', () => {
  let own: OwnDatabase
  let database: Database
  beforeAll(async () => {
    own = await createPlainDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 120 })
    const { sql } = database
    for (let month = 0; month < MONTHS; month++)
      await sql.unsafe(
        `create table events_${month} partition of events
         for values from ('${firstIdAt(monthAt(month))}') to ('${firstIdAt(monthAt(month + 1))}')`,
      )
    await sql`
      insert into events (id, kind, jti, request_id, sid, user_id, ip, actor, client_id)
      select
        overlay(
          md5(n::text) placing
            lpad(to_hex(floor(extract(epoch from ${monthAt(0)}::timestamptz + n * ${STEP}::interval) * 1000)::bigint), 12, '0')
            from 1
        )::uuid,
        coalesce(common.kind, 'session.opened'), of_row.text, of_row.text, of_row.uuid, of_row.uuid, of_row.text,
        of_row.text, of_row.text
      from generate_series(1, ${ROWS}::int) n
      left join jsonb_to_recordset(${JSON.stringify(COMMON.map((values, place) => ({ ...values, place })))}::text::jsonb)
        as common (kind text, text text, uuid uuid, place int) on common.place = n % 4
      cross join lateral (
        select coalesce(common.text, md5(n::text)) as text, coalesce(common.uuid, md5(n::text)::uuid) as uuid
      ) of_row`
    await sql`analyze events`
  }, 120_000)
  afterAll(async () => {
    await database.close()
    await own.drop()
  })

  describe.each(PLAN_MODES)('with %s', mode => {
    it.each(FILTERS)('by %j: examines the rows of one index in its order, and no more', async selection => {
      for (const { filter, after } of SPANS) {
        const page = { filter: filterBy({ ...selection, ...filter }), after, limit: 51 }
        const nodes = await explainPrepared(database.sql, {
          mode,
          read: pool => createEvents(pool).read(page),
        })
        const scans = scansOf(nodes)
        expect(new Set(scans.map(scan => scan['Node Type']))).toEqual(new Set(['Index Scan']))
        expect(readBy(scans)).toBeLessThanOrEqual(READ_MOST)
      }
    })
  })
})
