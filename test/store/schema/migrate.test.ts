import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { createRevocationFeed } from '../../../src/store/revocations/revocation-feed.ts'
import { schemaFault, schemaState } from '../../../src/store/schema/database-faults.ts'
import { type Migration, planSteps, readMigrations } from '../../../src/store/schema/migrations.ts'
import { createEmptyDatabase, hasPostgres } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import {
  keepRefreshing,
  seedOldestRotatingFamily,
  seedRotatingFamily,
} from '../../support/rotating-families.ts'
import { openFaultProxy } from '../../support/services/fault-proxy.ts'
import { findPgBouncer, startPgBouncer } from '../../support/services/services.ts'

const newest = readMigrations()
const names = newest.map(({ name }) => name)
const TABLES = [
  'account_names',
  'activity',
  'authorization_codes',
  'browser_sessions',
  'ceremonies',
  'client_changes',
  'client_head',
  'client_logos',
  'clients',
  'consents',
  'deliveries',
  'device_authorizations',
  'email_links',
  'event_head',
  'event_places',
  'event_webhook',
  'events',
  'events_default',
  'exchanged_sessions',
  'feed_head',
  'feed_positions',
  'import_batches',
  'invitations',
  'leases',
  'passkeys',
  'pushed_requests',
  'recovery_codes',
  'refresh_families',
  'registration_refusals',
  'registration_tokens',
  'revocations',
  'spent_assertions',
  'spent_proofs',
  'status_entries',
  'totp_factors',
  'two_phase_commits',
  'unfinished_endings',
  'unplaced_events',
  'upstream_identities',
  'users',
]

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
    database.sql`
      select tablename from pg_tables
      where schemaname = 'public' and tablename !~ '^events_\\d'
      order by tablename`

  it('are applied once when five replicas start at once', async () => {
    const taken = await Promise.all(Array.from({ length: 5 }, () => migrate({ url: own.url })))
    expect(taken.flat().toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual(
      names.map(name => ({ name, direction: 'up' })),
    )
    expect(await schemaState(database)).toEqual({ state: 'current' })
  })

  it('can each be applied, rolled back and applied again with rows in the tables', async () => {
    await migrate({ url: own.url })
    const { refresh } = await seedRotatingFamily(database)
    await database.sql`insert into revocations (kind, value, expires_at) values ('jti', 'a', now())`
    for (const to of ['none', ...names].toReversed()) {
      await migrate({ url: own.url, to })
      if (to === names.at(-1)) await refresh()
    }
    expect(await tables()).toEqual([])
    for (const to of names) expect(await migrate({ url: own.url, to })).toHaveLength(1)
    expect(await tables()).toEqual(TABLES.map(tablename => ({ tablename })))
  })

  it('keep every row during a rollback to the version before, and back', async () => {
    await migrate({ url: own.url })
    const { refresh } = await seedRotatingFamily(database)
    const rows = () => database.sql`select * from refresh_families join users on users.id = user_id`
    expect(await refresh()).toMatchObject({ outcome: 'rotated' })
    const before = await rows()
    await migrate({ url: own.url, to: names.at(-2) ?? 'none' })
    await migrate({ url: own.url })
    expect(await rows()).toEqual(before)
    expect(await refresh()).toMatchObject({ outcome: 'rotated' })
  })

  it('give revocations from before the order of the feed one number', async () => {
    await migrate({ url: own.url, to: '0008_client_families' })
    const { sql } = database
    await sql`
      insert into revocations (kind, value, expires_at)
      select 'jti', n::text, now() + interval '1 hour' from generate_series(1, 3000) n`
    await sql`
      insert into revocations (kind, value, expires_at, issued_until)
      values ('client_id', 'c', now() + interval '1 hour', now())`
    await migrate({ url: own.url })
    const unnumbered = () =>
      sql`select value from revocations where number is null or numbered_until is distinct from issued_until`
    // Its time may still be raised, also by the version before.
    expect(await unnumbered()).toEqual([{ value: 'c' }])
    // The statement of the version before.
    await sql`insert into revocations (kind, value, expires_at) values ('jti', 'later', now() + interval '1 hour')`
    expect(await unnumbered()).toHaveLength(2)
    const seen = new Set<string>()
    await createRevocationFeed(database).readAll(page => {
      for (const { value } of page) seen.add(value)
    })
    expect(seen.size).toBe(3002)
    expect(await unnumbered()).toEqual([])
  })

  it('tell a fresh database from one that is up to date', async () => {
    const state = await schemaState(database)
    expect(state).toEqual({ state: 'behind', missing: names })
    expect(schemaFault(state)).toBe(`the database lacks ${names.join(', ')}: run signetd migrate`)
    await migrate({ url: own.url })
    expect(schemaFault(await schemaState(database))).toBeNull()
  })

  it('leave the schema of a newer version unchanged', async () => {
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

  it('give up without a change rather than block the tables behind another transaction', async () => {
    await migrate({ url: own.url, to: names.at(0) ?? '' })
    const before = await tables()
    const holder = await database.sql.reserve()
    await holder`begin`
    await holder`select from users`
    await expect(migrate({ url: own.url, to: 'none' })).rejects.toThrow('the tables are busy')
    await holder`commit`
    holder.release()
    expect(await tables()).toEqual(before)
  })

  it('leave space in the pages of families, so that rotations are heap-only updates', async () => {
    await migrate({ url: own.url })
    const [row] = await database.sql`select reloptions from pg_class where relname = 'refresh_families'`
    expect(row).toEqual({ reloptions: ['fillfactor=80'] })
  })
})

describe.skipIf(!hasPostgres)('the lease of migrations', () => {
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

  const migrationOf = (...up: readonly string[]): readonly Migration[] => [
    { name: '0000_only', when: 1, hash: 'only', up, down: [], compatible_with: null },
  ]
  const PATIENT = { timeout: 5000 }
  const STEP = { name: '0000_only', direction: 'up' }

  /** A migration that takes as many seconds as a table says, until `finish`. */
  const slow = async (...first: readonly string[]) => {
    await database.sql`create table slow as select 600 as seconds`
    const known = migrationOf(
      ...first,
      'create table made (id integer)',
      'select pg_sleep(seconds) from slow',
    )
    const isWorking = () =>
      database.sql<{ pid: number }[]>`
        select pid from pg_stat_activity
        where datname = current_database() and query like 'select pg_sleep(seconds)%' and wait_event = 'PgSleep'`
    const isWaiting = () =>
      database.sql`
        select from pg_stat_activity
        where datname = current_database() and query like '%migration_lease%' and wait_event_type = 'Lock'`
    const finish = () => database.sql`update slow set seconds = 0`
    return { known, isWorking, isWaiting, finish }
  }
  const made = () => database.sql`select from pg_tables where tablename = 'made'`

  it('is created once in an empty database by many concurrent instances', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const schema = `turn${turn}`
      const known = migrationOf('create table made (id integer)')
      const taken = await Promise.all(
        Array.from({ length: 10 }, () => migrate({ url: own.url, schema, known })),
      )
      expect(taken.flat()).toEqual([STEP])
    }
  })

  it('is waited for, and released when the connection of its holder ends', async () => {
    const { known, isWorking, isWaiting, finish } = await slow()
    const holder = expect(migrate({ url: own.url, known })).rejects.toThrow('cannot be reached')
    await expect.poll(isWorking, PATIENT).toHaveLength(1)
    const others = Array.from({ length: 2 }, () => migrate({ url: own.url, known }))
    await expect.poll(isWaiting, PATIENT).toHaveLength(2)
    expect(await made()).toHaveLength(0)
    await finish()
    for (const { pid } of await isWorking()) await database.sql`select pg_terminate_backend(${pid}::int)`
    await holder
    // The work of the holder is rolled back, and one of the others does all of it.
    expect((await Promise.all(others)).flat()).toEqual([STEP])
    expect(await made()).toHaveLength(1)
  })

  it('is released a minute after its holder hangs', async () => {
    const { hostname, port } = new URL(own.url)
    const proxy = await openFaultProxy({ host: hostname, port: Number(port) })
    const { known, isWorking, isWaiting, finish } = await slow(
      `create table waits as select current_setting('idle_in_transaction_session_timeout') as waits`,
      `select set_config('idle_in_transaction_session_timeout', '500ms', true)`,
      // Only the holder sleeps.
      `update slow set seconds = 1 where seconds = 600`,
    )
    const url = Object.assign(new URL(own.url), { port: String(proxy.port) }).href
    const hanging = expect(migrate({ url, known })).rejects.toThrow('cannot be reached')
    await expect.poll(isWorking, PATIENT).toHaveLength(1)
    proxy.stall()
    const other = migrate({ url: own.url, known })
    await expect.poll(isWaiting, PATIENT).toHaveLength(1)
    await finish()
    expect(await other).toEqual([STEP])
    expect(await database.sql`select waits from waits`).toEqual([{ waits: '1min' }])
    proxy.cut()
    await hanging
    await proxy.close()
  })

  it('outlasts the timeouts of the role', async () => {
    const [{ name } = { name: '' }] = await database.sql<
      { name: string }[]
    >`select current_database() as name`
    for (const timeout of ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'])
      await database.sql.unsafe(`alter database ${name} set ${timeout} = '200ms'`)
    const { known, isWorking, isWaiting, finish } = await slow()
    const first = expect(migrate({ url: own.url, known })).rejects.toThrow('cannot be reached')
    await expect.poll(isWorking, PATIENT).toHaveLength(1)
    const second = migrate({ url: own.url, known })
    await expect.poll(isWaiting, PATIENT).toHaveLength(1)
    await pause(500)
    await finish()
    const [{ pid } = { pid: 0 }] = await isWorking()
    await database.sql`select pg_terminate_backend(${pid}::int)`
    await first
    expect(await second).toEqual([STEP])
  })

  it('waits for a version that used an advisory lock, and the other way round', async () => {
    await migrate({ url: own.url, known: migrationOf('create table made (id integer)') })
    const known = [
      ...migrationOf(),
      {
        name: '0001_later',
        when: 2,
        hash: 'later',
        up: ['create table later ()'],
        down: [],
        compatible_with: null,
      },
    ]
    const before = await database.sql.reserve()
    await before`begin`
    await before`select pg_advisory_xact_lock(5372697473)`
    await before`select from drizzle.__drizzle_migrations`
    await before`alter table drizzle.__drizzle_migrations add column if not exists compatible_with bigint`
    const now = migrate({ url: own.url, known })
    await expect
      .poll(
        () =>
          database.sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        PATIENT,
      )
      .toHaveLength(1)
    await before`create table later ()`
    await before`insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 2)`
    await before`commit`
    before.release()
    expect(await now).toEqual([])
  })

  it.skipIf(findPgBouncer() === null)('is held behind a PgBouncer in transaction mode too', async () => {
    const bouncer = await startPgBouncer(own.url)
    if (bouncer === null) throw new Error('no PgBouncer')
    const taken = await Promise.all(Array.from({ length: 4 }, () => migrate({ url: bouncer.url })))
    await bouncer.stop()
    expect(
      taken
        .flat()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(names)
  })
})

describe.skipIf(!hasPostgres)('the version before', () => {
  /** Migrations that a later version may have. */
  const last = newest.at(-1)
  const next = (compatible_with: number | null): readonly Migration[] => [
    ...newest,
    {
      name: '9999_next',
      when: 9_999_999_999_999,
      hash: 'next',
      up: ['create table later (id integer)', 'alter table refresh_families add column later text'],
      down: ['alter table refresh_families drop column later', 'drop table later'],
      compatible_with,
    },
  ]
  let own: Awaited<ReturnType<typeof createEmptyDatabase>>
  let database: Database
  beforeEach(async () => {
    own = await createEmptyDatabase()
    database = openDatabase({ url: own.url, pool_size: 5, answer_seconds: 30 })
  })
  afterEach(async () => {
    await database.close()
    await own.drop()
  })

  it('runs on a new schema that declares itself compatible, during the migration and the rollback', async () => {
    await migrate({ url: own.url })
    const stop = keepRefreshing(database)
    const known = next(last?.when ?? 0)
    expect(await migrate({ url: own.url, known })).toEqual([{ name: '9999_next', direction: 'up' }])
    const state = await schemaState(database)
    expect(state).toEqual({ state: 'newer' })
    expect(schemaFault(state)).toBeNull()
    await migrate({ url: own.url, known, to: last?.name ?? '' })
    expect(await schemaState(database)).toEqual({ state: 'current' })
    const { outcomes } = await stop()
    expect([...outcomes.keys()]).toEqual(['rotated'])
  })

  it('has nothing to migrate there, and rolls back no unknown migration', async () => {
    await migrate({ url: own.url, known: next(last?.when ?? 0) })
    expect(await migrate({ url: own.url })).toEqual([])
    await expect(migrate({ url: own.url, to: 'none' })).rejects.toThrow('newer version')
  })

  it('does not start on a new schema that declares nothing, or requires a newer version', async () => {
    for (const compatible_with of [null, (last?.when ?? 0) + 1]) {
      const known = next(compatible_with)
      await migrate({ url: own.url, known })
      expect(await schemaState(database)).toEqual({ state: 'unknown' })
      await expect(migrate({ url: own.url })).rejects.toThrow('newer version')
      await migrate({ url: own.url, known, to: last?.name ?? '' })
    }
  })

  it('may be several migrations old: each later one must declare itself compatible', async () => {
    await migrate({ url: own.url })
    const oldest = newest.slice(0, 1)
    const isCompatible = newest.slice(1).every(({ compatible_with }) => compatible_with === oldest[0]?.when)
    expect(await schemaState(database, oldest)).toEqual({ state: isCompatible ? 'newer' : 'unknown' })
  })

  it('is distinguished from a schema that drizzle’s own migrator has migrated', async () => {
    await migrate({ url: own.url })
    await database.sql`alter table drizzle.__drizzle_migrations drop column compatible_with`
    expect(await schemaState(database)).toEqual({ state: 'current' })
    expect(await migrate({ url: own.url })).toEqual([])
  })

  it('continues to refresh while a large table is migrated, which no migration rewrites', async () => {
    const families = Number(process.env['SIGNET_TEST_FAMILIES'] ?? 20_000)
    await migrate({ url: own.url, to: names.at(0) ?? '' })
    await fill(database, families)
    const fileOf = () => database.sql`select pg_relation_filenode('refresh_families') as file`
    const file = await fileOf()
    const stop = keepRefreshing(database, seedOldestRotatingFamily)
    const began = performance.now()
    await migrate({ url: own.url, months_ahead: 0 })
    await migrate({ url: own.url, to: names.at(0) ?? '' })
    await migrate({ url: own.url, months_ahead: 0 })
    const seconds = (performance.now() - began) / 1000
    const { outcomes, slowest_milliseconds } = await stop()
    process.stdout.write(
      `${families} families: up, down and up in ${seconds.toFixed(2)} s; ${outcomes.get('rotated')} refreshes, the slowest ${Math.round(slowest_milliseconds)} ms\n`,
    )
    expect(await fileOf()).toEqual(file)
    expect([...outcomes.keys()]).toEqual(['rotated'])
  }, 300_000)
})

const fill = async ({ sql }: Database, families: number) => {
  const user = randomUUID()
  await sql`insert into users (id, email, roles) values (${user}, ${user}, '{}')`
  await sql`
    insert into refresh_families (
      id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
      idle_expires_at, expires_at
    )
    select gen_random_uuid(), ${user}, 0, 'c', '', '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)},
      now() + interval '7 days', now() + make_interval(secs => number)
    from generate_series(1, ${families}) as number`
}

describe('the files of migrations', () => {
  const [, ...later] = newest
  it('each have a rollback', () => {
    expect(newest.filter(({ down }) => down === null)).toEqual([])
  })
  it('declare that the version before runs on them, or why it cannot', () => {
    const silent = later.filter(
      ({ compatible_with, up }) => compatible_with === null && !up[0]?.startsWith('-- contracts: '),
    )
    expect(silent).toEqual([])
  })
  it('remove nothing that the version before needs when they declare themselves compatible', () => {
    const takes =
      /\bdrop\b|\brename\b|\btruncate\b|\balter column\b|\bset not null\b|add column (?![^;]*default)[^;]*not null/i
    /** The default of a column that the same migration adds, both unknown to the version before. */
    const isOfOwn = (statement: string, up: readonly string[]) => {
      const column = /^\s*alter table "\w+" alter column ("\w+") drop default;?$/i.exec(statement)?.[1]
      return column !== undefined && up.some(other => other.includes(`ADD COLUMN ${column}`))
    }
    const expanding = later.filter(({ compatible_with }) => compatible_with !== null)
    const isTaking = ({ up }: Migration) =>
      up.some(statement => takes.test(statement) && !isOfOwn(statement, up))
    expect(expanding.filter(isTaking)).toEqual([])
  })
})

describe('planning migrations', () => {
  const known: readonly Migration[] = ['a', 'b', 'c'].map((name, index) => ({
    name,
    when: index + 1,
    hash: name,
    up: [],
    down: name === 'a' ? null : [],
    compatible_with: null,
  }))
  const plan = (applied: readonly number[], to: string) => {
    const planned = planSteps(known, new Map(applied.map(when => [when, null])), to)
    return 'fault' in planned ? planned.fault : planned.steps.map(step => `${step.direction} ${step.name}`)
  }

  it('applies migrations in order', () => {
    expect(plan([], 'latest')).toEqual(['up a', 'up b', 'up c'])
    expect(plan([1], 'b')).toEqual(['up b'])
  })
  it('applies a missing migration that a merge has left out', () => {
    expect(plan([1, 3], 'latest')).toEqual(['up b'])
  })
  it('rolls back in reverse order', () => {
    expect(plan([1, 2, 3], 'a')).toEqual(['down c', 'down b'])
  })
  it('does not begin a rollback that it cannot finish', () => {
    expect(plan([1, 2, 3], 'none')).toBe(
      'there is no way back from migration a: restore a backup from before it',
    )
  })
})
