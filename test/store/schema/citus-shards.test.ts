import { loadModule } from 'libpg-query'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PLACEMENTS } from '../../../src/store/schema/distribution.ts'
import { createDatabaseWithSchema, hasCitus } from '../../support/backends.ts'
import { readPlan } from '../../support/citus/plan.ts'
import { findUntied } from '../../support/citus/refusals.ts'
import { findTraps } from '../../support/citus/traps.ts'

const P = '00000000-0000-7000-8000-000000000001'

/** Statements that ask one shard, or none. The first parameter is the person. */
const OF_ONE: readonly string[] = [
  'select id from signet.users where id = $1',
  'select u.id from signet.users u join signet.consents c on c.user_id = u.id where c.user_id = $1::uuid',
  `with a as materialized (select id from signet.users where id = $1)
    delete from signet.consents c using a where c.user_id = $1 and c.client_id = a.id::text`,
  'insert into signet.consents (client_id, user_id, granted) values ($2, $1, array[$2])',
  'insert into signet.unplaced_events (user_id, id) select $1::uuid, $1::uuid union all select $1::uuid, $1::uuid',
  `with a as (update signet.users set name = $2 where id = $1 returning *),
    b as (insert into signet.unplaced_events (user_id, id) select id, id from a)
    select id from a`,
  `insert into signet.events (kind) values ('a')`,
  'select id from signet.users u where id = $1 and exists (select from signet.consents c where c.user_id = u.id)',
  'select id from signet.users u where id = $1 and not exists (select from signet.consents c where c.user_id = u.id)',
  'select u.id, c.version from signet.users u left join signet.consents c on c.user_id = u.id where u.id = $1',
  `with a as materialized (select user_id from signet.ceremonies)
    select u.name from a left join signet.users u on u.id = a.user_id and u.id = $1`,
  `select u.id, exists (select from signet.consents c where c.user_id = u.id and c.user_id = $1) as has_one
    from signet.users u
    where u.id = $1`,
  'select client_id from signet.clients',
]

/** Statements that ask all shards, each with the table. */
const OF_MANY: readonly (readonly [string, string])[] = [
  ['users', 'select id from signet.users where email = $1'],
  ['users', 'select id from signet.users where id = $1 or email = $2'],
  ['users', 'select id from signet.users where id > $1'],
  ['refresh_families', 'update signet.refresh_families set generation = 1 where id = $1'],
  [
    'consents',
    `with a as materialized (select id from signet.users where id = $1)
      delete from signet.consents c using a where c.user_id = a.id`,
  ],
  [
    'email_links',
    `with a as (update signet.users set name = $2 where id = $1 returning id)
      update signet.email_links l set binding = '' from a where l.user_id = a.id`,
  ],
  [
    'consents',
    'select version from signet.consents where user_id = (select id from signet.users where id = $1)',
  ],
  [
    'consents',
    `select u.id, not exists (select from signet.consents c where c.user_id = u.id) as has_none
      from signet.users u
      where u.id = $1`,
  ],
  [
    'consents',
    `select u.id
      from signet.users u
      where u.id = $1 and (u.name = $2 or exists (select from signet.consents c where c.user_id = u.id))`,
  ],
  [
    'users',
    `with a as materialized (select user_id from signet.ceremonies where user_id = $1)
      select u.name from a left join signet.users u on u.id = a.user_id`,
  ],
  ['events_default', 'select id from signet.events_default'],
]

/** Statements that Citus cannot carry out or explain, or whose shards depend on what its planner makes of a member. */
const OF_MANY_AT_WORST: readonly (readonly [string, string])[] = [
  ['users', 'select id from signet.users where id = any($1)'],
  ['consents', 'select u.id from signet.users u, signet.consents c where u.id = $1'],
  [
    'consents',
    'with a as (select id from signet.users where id = $1) select from signet.consents c, a where c.user_id = a.id',
  ],
  [
    'consents',
    'with a as (select client_id from signet.clients) delete from signet.consents c using a where c.client_id = a.client_id',
  ],
  [
    'unplaced_events',
    'insert into signet.unplaced_events (user_id, id) select user_id, id from signet.events',
  ],
  [
    'unplaced_events',
    'insert into signet.unplaced_events (user_id, id) select $1, $2 union all select event_id, user_id from signet.event_places',
  ],
  [
    'users',
    'select id from signet.users u where exists (select from signet.consents c where c.user_id = $1)',
  ],
]

describe('a statement of one person', () => {
  beforeAll(() => loadModule())

  it.each(OF_ONE)('is %s', text => {
    expect(findUntied(text, PLACEMENTS)).toEqual([])
  })

  it.each([...OF_MANY, ...OF_MANY_AT_WORST])('is not one that reads all of %s: %s', (table, text) => {
    expect(findUntied(text, PLACEMENTS)).toContain(table)
  })
})

const RENAMED = `
  renamed as (update signet.users set name = 'new' where id = '${P}' returning id),
  noted as (insert into signet.revocations (kind, value, expires_at) select 'a', id::text, now() from renamed)`

/** What Citus carries out in another way than one Postgres. */
const TRAPPED: readonly (readonly [string, string])[] = [
  [
    'whole_table users',
    `with a as materialized (select user_id from signet.ceremonies)
      select u.name from a left join signet.users u on u.id = a.user_id`,
  ],
  [
    'distinct_insert deliveries',
    `insert into signet.deliveries (user_id, kind, receiver, expires_at)
      select distinct user_id, 'a', 'a', expires_at from signet.browser_sessions`,
  ],
  ['seen_change users', `with ${RENAMED} select name from signet.users where id = '${P}'`],
  [
    'seen_change users',
    `with former as (select name from signet.users where id = '${P}'), ${RENAMED} select name from former`,
  ],
]

/** The nearest statements with one result. */
const SOUND: readonly string[] = [
  `with a as materialized (select user_id from signet.ceremonies)
    select u.name from a join signet.users u on u.id = a.user_id`,
  `with a as materialized (select user_id from signet.ceremonies)
    select u.name from a left join signet.users u on u.id = a.user_id and u.id = '${P}'`,
  `insert into signet.deliveries (user_id, kind, receiver, expires_at)
    select user_id, 'a', 'a', expires_at from (select distinct user_id, expires_at from signet.browser_sessions) s`,
  `with former as materialized (select name from signet.users where id = '${P}'), ${RENAMED} select name from former`,
  `with renamed as (update signet.users set name = 'new' where id = '${P}' returning id)
    select name from signet.users where id = '${P}'`,
  `with a as (update signet.users set name = 'new' where id = $1 returning id),
    b as (insert into signet.revocations (kind, value, expires_at) select 'a', id::text, now() from a)
    select id from signet.users where id = $1`,
]

describe('the traps of Citus', () => {
  beforeAll(() => loadModule())

  it.each(TRAPPED)('have %s: %s', (trap, text) => {
    expect(findTraps(text, PLACEMENTS)).toEqual([trap])
  })

  it.each(SOUND)('do not have %s', text => {
    expect(findTraps(text, PLACEMENTS)).toEqual([])
  })
})

describe.skipIf(!hasCitus)('a real Citus', () => {
  let own: Awaited<ReturnType<typeof createDatabaseWithSchema>>
  let sql: postgres.Sql
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    sql = postgres(own.url, { max: 1, onnotice: () => {}, fetch_types: false })
    await sql`insert into users (id, email, name, roles) values (${P}, 'a', 'old', '{}')`
  })
  afterAll(async () => {
    await sql.end({ timeout: 5 })
    await own.drop()
  })
  const tasksOf = async (text: string): Promise<number> => {
    const used = [...text.matchAll(/\$(\d)/g)].map(([, number]) => Number(number))
    const parameters = [P, 'a'].slice(0, Math.max(0, ...used))
    return (await readPlan(sql, { text, parameters })).tasks
  }

  it.each(OF_ONE)('asks one shard for %s', async text => {
    expect(await tasksOf(text)).toBeLessThan(2)
  })

  it.each(OF_MANY)('asks all shards of %s for %s', async (_, text) => {
    expect(await tasksOf(text)).toBeGreaterThan(1)
  })

  /** The name that a statement reads, which is undone afterwards. */
  const nameReadBy = async (text: string): Promise<unknown> => {
    let name: unknown
    const undone = sql.begin(async held => {
      const [row] = await held.unsafe(text.replaceAll('signet.', ''))
      name = row?.['name']
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    return name
  }

  it.each(TRAPPED.filter(([trap]) => trap.startsWith('seen_change')))('has %s: %s', async (_, text) => {
    expect(await nameReadBy(text)).toBe('new')
  })

  it.each(SOUND.filter(text => text.includes('renamed')))('reads what was there before: %s', async text => {
    expect(await nameReadBy(text)).toBe('old')
  })
})
