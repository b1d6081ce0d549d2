import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { firstIdAt } from '../../../src/domain/base/uuid.ts'
import { createRetainEvents } from '../../../src/store/events/retain-events.ts'
import { createSweep } from '../../../src/store/janitor.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import {
  countMonthsAhead,
  readEventMonths,
  readEventPreparation,
} from '../../../src/store/partitions/event-months.ts'
import { createDatabaseWithSchema, hasPostgres, type OwnDatabase } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'

const DAY = 86_400_000

describe.skipIf(!hasPostgres)('the months of events', () => {
  let own: OwnDatabase
  let database: Database
  beforeEach(async () => {
    own = await createDatabaseWithSchema()
    database = openDatabase({ url: own.url, pool_size: 4 })
  })
  afterEach(async () => {
    await database.close()
    await own.drop()
  })

  const sweep = (event_retention_days = 400) =>
    createSweep(database, { holder: randomUUID(), event_retention_days })()
  const partitions = async () => {
    const rows = await database.sql<{ name: string }[]>`
      select relname as name from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = 'events'::regclass and relname <> 'events_default' order by relname`
    return rows.map(({ name }) => name)
  }
  /** An event of that time, with its place. */
  const putEvent = async (milliseconds: number) => {
    const id = firstIdAt(new Date(milliseconds)).replace(/.{12}$/, randomUUID().slice(-12))
    await database.sql`insert into events (id, kind) values (${id}, 'key.created')`
    await database.sql`
      insert into event_places (number, user_id, event_id)
      select coalesce(max(number), 0) + 1, ${randomUUID()}, ${id}::uuid from event_places`
    return id
  }
  const ids = async (table: string) => {
    const rows = await database.sql<{ id: string }[]>`select id from ${database.sql(table)} order by id`
    return rows.map(({ id }) => id)
  }
  const ahead = async () => {
    const known = await database.run(sql => readEventMonths(sql))
    return known === null ? null : countMonthsAhead(known)
  }

  it('are prepared a year ahead by a migration, and two by the janitor', async () => {
    await database.sql`drop table if exists ${database.sql((await partitions())[0] ?? 'none')}`
    expect(await ahead()).toBe(0)
    await sweep()
    expect(await ahead()).toBe(2)
    await migrate({ url: own.url })
    expect(await ahead()).toBe(12)
    await putEvent(Date.now())
    expect(await ids('events_default')).toEqual([])
  })

  it('are prepared by instances that start at once, none of which waits for another that waits for it', async () => {
    await Promise.all(Array.from({ length: 5 }, () => migrate({ url: own.url })))
    expect(await ahead()).toBe(12)
    // A connection that ends has reported what it met.
    const [met] = await database.sql`
      select deadlocks::integer as deadlocks from pg_stat_database where datname = current_database()`
    expect(met).toEqual({ deadlocks: 0 })
  })

  it('stay in the default partition where it has rows of a month, and refuse nothing', async () => {
    for (const name of await partitions()) await database.sql`drop table ${database.sql(name)}`
    const id = await putEvent(Date.now())
    await migrate({ url: own.url, months_ahead: 2 })
    expect(await ids('events_default')).toEqual([id])
    expect(await partitions()).toHaveLength(2)
    const next = await putEvent(Date.now())
    expect(await ids('events_default')).toEqual([id, next])
  })

  it('tell how far they reach, and of rows that came too late, as far as the role may look', async () => {
    await migrate({ url: own.url, months_ahead: 3 })
    const prepared = { months_ahead: 3, may_change: true, has_late_rows: false }
    expect(await readEventPreparation(database)).toEqual(prepared)
    await putEvent(Date.now())
    expect(await readEventPreparation(database)).toEqual(prepared)
    const late = await putEvent(Date.now() + 300 * DAY)
    expect(await ids('events_default')).toEqual([late])
    expect(await readEventPreparation(database)).toEqual({ ...prepared, has_late_rows: true })
    const [last = ''] = (await partitions()).slice(-3)
    await database.sql`drop table ${database.sql(last)}`
    expect(await readEventPreparation(database)).toMatchObject({ months_ahead: 0 })
  })

  it('are prepared beside a transaction that has written to the default partition, once that has ended', async () => {
    for (const name of await partitions()) await database.sql`drop table ${database.sql(name)}`
    const other = openDatabase({ url: own.url, pool_size: 1 })
    await other.sql.begin(async held => {
      await held`insert into events (kind) values ('key.created')`
      await migrate({ url: own.url, months_ahead: 0 })
      expect(await partitions()).toEqual([])
    })
    await other.close()
    expect(await ids('events')).toHaveLength(1)
  })

  it('are dropped when they are older than the retention, with their places', async () => {
    await database.sql`
      create table events_2020_01 partition of events
      for values from (${database.sql.unsafe(`'${firstIdAt(new Date('2020-01-01'))}'`)})
      to (${database.sql.unsafe(`'${firstIdAt(new Date('2020-02-01'))}'`)})`
    await putEvent(Date.parse('2020-01-15'))
    const old = await putEvent(Date.now() - 31 * DAY)
    const kept = await putEvent(Date.now() - 29 * DAY)
    expect(await ids('events')).toHaveLength(3)
    expect(await ids('events')).toContain(old)
    await sweep(30)
    expect(await partitions()).not.toContain('events_2020_01')
    expect(await ids('events')).toEqual([kept])
    const places = () => database.sql`select event_id from event_places`
    expect(await places()).toEqual([{ event_id: kept }])
    const moveHead = () => database.sql`update event_head set number = (select max(number) from event_places)`
    await moveHead()
    await createRetainEvents(database, 28)()
    // Followers of a quiet server know the last place.
    expect(await places()).toEqual([{ event_id: kept }])
    const next = await putEvent(Date.now())
    await moveHead()
    await createRetainEvents(database, 28)()
    expect(await places()).toEqual([{ event_id: next }])
  })

  it('are neither made nor dropped by a role that may not: its sweep deletes rows', async () => {
    await database.sql`
      create table events_2020_01 partition of events
      for values from (${database.sql.unsafe(`'${firstIdAt(new Date('2020-01-01'))}'`)})
      to (${database.sql.unsafe(`'${firstIdAt(new Date('2020-02-01'))}'`)})`
    await putEvent(Date.parse('2020-01-15'))
    const before = await partitions()
    const role = `role_${randomUUID().replaceAll('-', '')}`
    const { sql } = database
    await sql.unsafe(`create role ${role} login password 'x'`)
    await sql.unsafe(`grant usage on schema public to ${role}`)
    await sql.unsafe(`grant select, insert, update, delete on all tables in schema public to ${role}`)
    const url = new URL(own.url)
    url.username = role
    url.password = 'x'
    const limited = openDatabase({ url: url.href, pool_size: 2 })
    try {
      await createSweep(limited, { holder: randomUUID(), event_retention_days: 30 })()
      expect(await partitions()).toEqual(before)
      expect(await ids('events')).toEqual([])
    } finally {
      await limited.close()
      await sql.unsafe(`drop owned by ${role}`)
      await sql.unsafe(`drop role ${role}`)
    }
  })
})
