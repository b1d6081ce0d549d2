import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Database, openDatabase } from '../../src/store/database.ts'
import { migrate, schemaFault, schemaState } from '../../src/store/migrate.ts'
import { type Migration, planSteps, readMigrations } from '../../src/store/migrations.ts'
import { createEmptyDatabase, hasPostgres } from '../support/backends.ts'

const NAMES = readMigrations().map(({ name }) => name)

describe.skipIf(!hasPostgres)('migrations', () => {
  let own: Awaited<ReturnType<typeof createEmptyDatabase>>
  let database: Database
  beforeEach(async () => {
    own = await createEmptyDatabase()
    database = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 30 })
  })
  afterEach(async () => {
    await database.close()
    await own.drop()
  })
  const tables = () =>
    database.sql`select tablename from pg_tables where schemaname = 'public' order by tablename`

  it('are applied once when five replicas start at once', async () => {
    const taken = await Promise.all(Array.from({ length: 5 }, () => migrate({ url: own.url })))
    // Who takes which step is chance.
    const steps = taken.flat().toSorted((one, other) => one.name.localeCompare(other.name))
    expect(steps).toEqual(NAMES.map(name => ({ name, direction: 'up' })))
    expect(await schemaState(database)).toEqual({ state: 'current' })
  })

  it('go up, down and up again with rows in the tables', async () => {
    await migrate({ url: own.url })
    await database.sql`insert into users (id, email, roles) values (gen_random_uuid(), 'a@b.example', '{}')`
    await migrate({ url: own.url, to: 'none' })
    expect(await tables()).toEqual([])
    await migrate({ url: own.url })
    expect(await tables()).toHaveLength(4)
  })

  it('tell a fresh database from one that is up to date', async () => {
    const state = await schemaState(database)
    expect(state).toEqual({ state: 'behind', missing: NAMES })
    expect(schemaFault(state)).toBe(`the database lacks ${NAMES.join(', ')}: run signetd migrate`)
    await migrate({ url: own.url })
    expect(schemaFault(await schemaState(database))).toBeNull()
  })

  it('leave a schema alone that a newer version has made', async () => {
    await migrate({ url: own.url })
    await database.sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('new', 9999999999999)`
    const state = await schemaState(database)
    expect(state).toEqual({ state: 'unknown' })
    expect(schemaFault(state)).toContain('newer version')
    await expect(migrate({ url: own.url })).rejects.toMatchObject({ name: 'StartFault' })
  })

  it('change nothing when one of their statements fails', async () => {
    await database.sql`create table users (mine text)`
    await expect(migrate({ url: own.url })).rejects.toThrow('relation "users" already exists')
    expect(await tables()).toEqual([{ tablename: 'users' }])
    expect(await schemaState(database)).toMatchObject({ state: 'behind' })
  })

  it('give up, unchanged, rather than hold the tables up behind somebody else', async () => {
    await migrate({ url: own.url })
    const holder = await database.sql.reserve()
    await holder`begin`
    await holder`select from users`
    await expect(migrate({ url: own.url, to: 'none' })).rejects.toThrow('the tables are busy')
    await holder`commit`
    holder.release()
    expect(await tables()).toHaveLength(4)
  })

  it('keep room in the pages of families, so that rotations stay in theirs', async () => {
    await migrate({ url: own.url })
    const [row] = await database.sql`select reloptions from pg_class where relname = 'refresh_families'`
    expect(row).toEqual({ reloptions: ['fillfactor=80'] })
  })
})

describe('planning migrations', () => {
  const known: readonly Migration[] = ['a', 'b', 'c'].map((name, index) => ({
    name,
    when: index + 1,
    hash: name,
    up: [],
    down: name === 'a' ? null : [],
  }))
  const plan = (applied: readonly number[], to: string) => {
    const planned = planSteps(known, new Set(applied), to)
    return 'fault' in planned ? planned.fault : planned.steps.map(step => `${step.direction} ${step.name}`)
  }

  it('goes up in order', () => {
    expect(plan([], 'latest')).toEqual(['up a', 'up b', 'up c'])
    expect(plan([1], 'b')).toEqual(['up b'])
  })
  it('fills a gap that a merge has left', () => {
    expect(plan([1, 3], 'latest')).toEqual(['up b'])
  })
  it('goes down in reverse', () => {
    expect(plan([1, 2, 3], 'a')).toEqual(['down c', 'down b'])
  })
  it('does not begin what it cannot end', () => {
    expect(plan([1, 2, 3], 'none')).toBe('there is no way back from migration a')
  })
})
