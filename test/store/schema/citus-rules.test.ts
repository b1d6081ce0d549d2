import { loadModule } from 'libpg-query'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PLACEMENTS } from '../../../src/store/schema/distribution.ts'
import { createDatabaseWithSchema, hasCitus } from '../../support/backends.ts'
import { findRefusals, REFUSALS, type Refusal } from '../../support/citus/refusals.ts'

const P = `'00000000-0000-7000-8000-000000000001'::uuid`
const OTHER = `'00000000-0000-7000-8000-000000000002'::uuid`
const CONSENT = `insert into signet.consents (user_id, client_id, granted) values (${P}, 'a', '{}')`

/** Statements that Citus refuses, each with the rule that it breaks. */
const REFUSED: readonly (readonly [Refusal, string])[] = [
  ['lock', 'select id from signet.users limit 1 for update'],
  ['lock', 'select id from signet.users where email = $1 for share'],
  [
    'lock',
    `with a as materialized (select id from signet.users where id = ${P})
      select f.id from signet.refresh_families f join a on a.id = f.user_id for update of f`,
  ],
  [
    'lock',
    `select f.id from unnest(array[${P}]) as given (person)
      cross join lateral (select id from signet.users where id = person for update) f`,
  ],
  [
    'lock',
    'select c.digest from signet.ceremonies c join signet.users u on u.id = c.user_id for update of c',
  ],
  [
    'lock_beside_query',
    `with a as materialized (select id, email, roles from signet.users where id = ${P} for share),
      former as materialized (
        select s.id from a join signet.browser_sessions s on s.user_id = a.id where s.user_id = ${P} for update of s
      ),
      written as (
        insert into signet.unplaced_events (user_id, id)
        select id, coalesce((select id from former), ${OTHER}) from a returning id
      )
      select a.email, written.id from a, written`,
  ],
  [
    'recursion',
    `with recursive a as (
      select id from signet.users union all select u.id from signet.users u join a on a.id < u.id
    ) select id from a`,
  ],
  [
    'join',
    'select u.id from signet.users u where exists (select 1 from signet.consents c where c.client_id = u.email)',
  ],
  [
    'local_join',
    `select u.id from signet.users u
      where u.id = ${P} and exists (select 1 from signet.revocations r where r.value = u.id::text)`,
  ],
  [
    'no_column',
    `select id from signet.users where id = ${P} and exists (select from signet.revocations where value = 'a')`,
  ],
  [
    'no_table',
    `with a as materialized (select id, created_at from signet.users limit 9)
      select s.is_new from a join signet.users u on u.id = a.id
      cross join lateral (select u.created_at > statement_timestamp() as is_new) s`,
  ],
  [
    'sample',
    `insert into signet.revocations (kind, value, expires_at)
      select 'jti', $1::uuid::text || count(*), now() from signet.users tablesample system ($2::float8)`,
  ],
  [
    'conflict_target',
    `insert into signet.users (id, email, roles) values (${P}, 'a', '{}') on conflict (email) do nothing`,
  ],
  [
    'conflict_set',
    `${CONSENT} on conflict (user_id, client_id) do update set granted_at = statement_timestamp()`,
  ],
  [
    'conflict_where',
    `${CONSENT} on conflict (user_id, client_id) do update set version = 1 where consents.granted_at < now()`,
  ],
  ['returning', `update signet.users set name = 'a' where id = ${P} returning created_at < now()`],
  ['returning', `insert into signet.unplaced_events (user_id, id) values (${P}, ${P}) returning now()`],
  ['set_volatile', `update signet.users set disabled_at = clock_timestamp() where id = ${P}`],
  [
    'set_volatile',
    `with client as materialized (select client_id from signet.clients for update),
      changed as (
        update signet.client_head h set tag = gen_random_uuid() from client where h.id = 1 returning number
      ),
      written as (insert into signet.unplaced_events (user_id, id) select ${P}, ${P} from changed)
      select number from changed`,
  ],
  ['where_volatile', `update signet.users set name = 'a' where id = ${P} and created_at < clock_timestamp()`],
  ['branch', `update signet.users set disabled_at = case email when 'a' then now() end where id = ${P}`],
  [
    'branch',
    `update signet.users set name = 'a' where id = ${P} and coalesce(disabled_at, now()) < created_at`,
  ],
  ['stable_of_column', `update signet.users set disabled_at = created_at + interval '1 day' where id = ${P}`],
  ['stable_of_column', `update signet.users set name = jsonb_build_array(email)::text where id = ${P}`],
  ['moved', `update signet.consents set user_id = ${OTHER} where user_id = ${P}`],
]

/** The nearest statements that Citus carries out. */
const ALLOWED: readonly string[] = [
  'select count(*) from signet.users tablesample system (7)',
  `select id from signet.users where id = ${P} for update skip locked`,
  'select digest from signet.ceremonies for update',
  `with a as materialized (select user_id from signet.ceremonies for update)
    select u.id from a join signet.users u on u.id = a.user_id`,
  'select u.id from signet.users u where exists (select 1 from signet.consents c where c.user_id = u.id)',
  `select id from signet.users where id = ${P} and exists (select 1 from signet.revocations where value = 'a')`,
  `select id from signet.users where id = ${P} and exists (select from signet.consents where user_id = ${P})`,
  `${CONSENT} on conflict (user_id, client_id) do update set granted_at = excluded.granted_at`,
  `update signet.users set disabled_at = statement_timestamp() where id = ${P} and created_at < now()`,
  `update signet.users set name = 'a' where id = ${P} and coalesce(disabled_at, created_at) < now()`,
  'update signet.client_head set tag = gen_random_uuid(), number = case when clock_timestamp() > now() then 1 end',
  `select id from signet.browser_sessions where (user_id, id) > (${P}, ${P}) order by user_id, id limit 9`,
  `delete from signet.browser_sessions where (user_id, id) in (
    select user_id, id from signet.browser_sessions order by user_id, id limit 9
  )`,
]

describe('the rules of Citus', () => {
  beforeAll(() => loadModule())

  it.each(REFUSED)('catch %s: %s', (refusal, text) => {
    expect(findRefusals(text, PLACEMENTS)).toContain(refusal)
  })

  it.each(ALLOWED)('allow %s', text => {
    expect(findRefusals(text, PLACEMENTS)).toEqual([])
  })
})

describe.skipIf(!hasCitus)('a real Citus', () => {
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let sql: postgres.Sql
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    sql = postgres(own.url, { max: 1, onnotice: () => {}, fetch_types: false })
    await sql`insert into users (id, email, roles) values (${sql.unsafe(P)}, 'a', '{}')`
  })
  afterAll(async () => {
    await sql.end({ timeout: 5 })
    await own.drop()
  })
  /** The error of Citus; null for a statement that it carries out. */
  const answerTo = async (text: string): Promise<string | null> => {
    const used = [...text.matchAll(/\$(\d)/g)].map(([, number]) => Number(number))
    const parameters = [P.slice(1, 37), '7'].slice(0, Math.max(0, ...used))
    try {
      await sql.unsafe(text.replaceAll('signet.', ''), parameters, { prepare: true })
      return null
    } catch (error) {
      return error instanceof postgres.PostgresError
        ? `${error.message}: ${error.detail ?? ''}`
        : String(error)
    }
  }

  it.each(REFUSED)('refuses by %s: %s', async (refusal, text) => {
    const answer = await answerTo(text)
    // A lock in a subquery has a text of its own.
    expect(
      [REFUSALS[refusal], 'cannot push down this subquery'].some(known => answer?.startsWith(known)),
    ).toBe(true)
  })

  it.each(ALLOWED)('carries out %s', async text => {
    expect(await answerTo(text)).toBeNull()
  })
})
