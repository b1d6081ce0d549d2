import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { findUnbuiltIndexes } from '../../../src/store/migrations/build-indexes.ts'
import { expectedIndexes } from '../../../src/store/migrations/late-indexes.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { type Migration, readMigrations } from '../../../src/store/schema/migrations.ts'
import { createEmptyDatabase, hasPostgres } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { keepRefreshing } from '../../support/rotating-families.ts'
import { findPgBouncer, startPgBouncer } from '../../support/services/services.ts'

const newest = readMigrations()
const last = newest.at(-1)?.name ?? ''
const PATIENT = { timeout: 20_000 }

/** Migrations that a later version may have: each adds an index on families. */
const withIndexes = (...names: readonly string[]): readonly Migration[] => [
  ...newest,
  {
    name: '9999_indexes',
    when: 9_999_999_999_999,
    hash: 'indexes',
    up: names.map(name => `CREATE INDEX "${name}" ON "refresh_families" USING btree ("scope","id");`),
    down: names.map(name => `DROP INDEX "${name}";`),
    compatible_with: newest[0]?.when ?? 0,
  },
]
const APPLIED = { name: '9999_indexes', direction: 'up' }
const built = (name: string) => ({ name, direction: 'build' })

describe.skipIf(!hasPostgres)('large indexes', () => {
  let own: Awaited<ReturnType<typeof createEmptyDatabase>>
  let database: Database
  beforeAll(async () => {
    own = await createEmptyDatabase()
    await migrate({ url: own.url })
    database = openDatabase({ url: own.url, pool_size: 6, answer_seconds: 30 })
    await fill(database, 40_000)
  }, 60_000)
  afterAll(async () => {
    await database.close()
    await own.drop()
  })

  const validity = (name: string) =>
    database.sql`
      select indisvalid as is_valid from pg_index join pg_class on pg_class.oid = indexrelid where relname = ${name}`
  const VALID = [{ is_valid: true }]
  const INVALID = [{ is_valid: false }]
  /** Builds that wait for a transaction. */
  const waitingBuilds = () =>
    database.sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and query like 'create index concurrently%' and wait_event = 'virtualxid'`
  /** A transaction that has written a family, and for which each build waits. */
  const openWriter = async () => {
    const writer = await database.sql.reserve()
    await writer`begin`
    await writer`update refresh_families set scope = scope where id = (select id from refresh_families limit 1)`
    let isOpen = true
    const commit = async () => {
      if (!isOpen) return
      isOpen = false
      await writer`commit`
      writer.release()
    }
    // A test that fails leaves no build behind that waits for the next tests.
    onTestFinished(commit)
    return commit
  }
  /** The time of the last transaction of a migration that took the lease, whatever came of it. */
  const lastTry = async () => {
    const [row] = await database.sql<{ held_at: string }[]>`
      select held_at::text from drizzle.__signet_migration_lease where id = 1`
    return row?.held_at
  }
  const goBack = (known: readonly Migration[]) => migrate({ url: own.url, known, to: last })
  /** Migrates, and cancels the build while it waits. */
  const interrupt = async (known: readonly Migration[]) => {
    const commit = await openWriter()
    const migrating = expect(migrate({ url: own.url, known })).rejects.toThrow(
      'the index late_index was not built',
    )
    await expect.poll(waitingBuilds, PATIENT).toHaveLength(1)
    for (const { pid } of await waitingBuilds()) await database.sql`select pg_cancel_backend(${pid})`
    await migrating
    await commit()
  }

  it('are built without a lock that writers wait for, while servers already run on the migration', async () => {
    const known = withIndexes('late_index')
    const commit = await openWriter()
    const migrating = migrate({ url: own.url, known })
    await expect.poll(waitingBuilds, PATIENT).toHaveLength(1)
    const stop = keepRefreshing(database)
    // The build waits for the writer, and the refreshes for neither.
    await expect
      .poll(() => database.sql`select from refresh_families where generation > 2`, PATIENT)
      .toHaveLength(4)
    expect(await waitingBuilds()).toHaveLength(1)
    expect(
      await database.sql`select from drizzle.__drizzle_migrations where created_at = 9999999999999`,
    ).toHaveLength(1)
    await commit()
    expect(await migrating).toEqual([APPLIED, built('late_index')])
    const { outcomes } = await stop()
    expect([...outcomes.keys()]).toEqual(['rotated'])
    expect(await validity('late_index')).toEqual(VALID)
    expect(await migrate({ url: own.url, known })).toEqual([])
    await goBack(known)
    expect(await validity('late_index')).toEqual([])
  }, 60_000)

  it('are built anew after a build that was interrupted', async () => {
    const known = withIndexes('late_index')
    await interrupt(known)
    expect(await validity('late_index')).toEqual(INVALID)
    expect(await migrate({ url: own.url, known, isDryRun: true })).toEqual([built('late_index')])
    const left = await database.run(sql => findUnbuiltIndexes(sql, { known, schema: 'public' }))
    expect(left.map(({ name }) => name)).toEqual(['late_index'])
    expect(await migrate({ url: own.url, known })).toEqual([built('late_index')])
    expect(await validity('late_index')).toEqual(VALID)
    await goBack(known)
  }, 60_000)

  it('are left to a build whose instance has died, which Postgres finishes', async () => {
    const known = withIndexes('late_index')
    const commit = await openWriter()
    const dying = await database.sql.reserve()
    await dying.unsafe('begin; commit')
    const orphan = dying.unsafe(
      'create index concurrently late_index on refresh_families using btree (scope, id)',
    )
    const finished = orphan.execute()
    await expect.poll(waitingBuilds, PATIENT).toHaveLength(1)
    const before = await lastTry()
    const migrating = migrate({ url: own.url, known })
    await expect.poll(lastTry, PATIENT).not.toBe(before)
    expect(
      await database.sql`select from drizzle.__drizzle_migrations where created_at = 9999999999999`,
    ).toEqual([])
    expect(await validity('late_index')).toEqual(INVALID)
    await commit()
    await finished
    dying.release()
    expect(await migrating).toEqual([APPLIED])
    expect(await validity('late_index')).toEqual(VALID)
    await goBack(known)
  }, 60_000)

  it('are built once each by instances that migrate at once, and behind PgBouncer', async () => {
    const known = withIndexes('first_index', 'second_index')
    const bouncer = findPgBouncer() === null ? null : await startPgBouncer(own.url)
    const urls = [own.url, own.url, bouncer?.url ?? own.url, bouncer?.url ?? own.url]
    const taken = await Promise.all(urls.map(url => migrate({ url, known })))
    expect(taken.flat().toSorted((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      APPLIED,
      built('first_index'),
      built('second_index'),
    ])
    await goBack(known)
    if (bouncer !== null) {
      expect(await migrate({ url: bouncer.url, known })).toHaveLength(3)
      await bouncer.stop()
    }
    await goBack(known)
  }, 60_000)

  it('can be gone back on before they are built', async () => {
    const known = withIndexes('late_index')
    await interrupt(known)
    await database.sql`drop index late_index`
    expect(await goBack(known)).toEqual([{ name: '9999_indexes', direction: 'down' }])
  }, 60_000)

  it('are announced by a dry run, which builds none', async () => {
    const known = withIndexes('late_index')
    expect(await migrate({ url: own.url, known, isDryRun: true })).toEqual([APPLIED, built('late_index')])
    expect(await validity('late_index')).toEqual([])
  })
})

describe.skipIf(!hasPostgres)('indexes on tables with few rows', () => {
  it('are built in the transaction of their migration, each of them', async () => {
    const own = await createEmptyDatabase()
    const steps = await migrate({ url: own.url })
    expect(steps.filter(({ direction }) => direction === 'build')).toEqual([])
    const database = openDatabase({ url: own.url, pool_size: 1, answer_seconds: 30 })
    const rows = await database.sql<{ indexname: string }[]>`select indexname from pg_indexes`
    const names = new Set(rows.map(({ indexname }) => indexname))
    await database.close()
    await own.drop()
    const expected = expectedIndexes(newest).map(({ name }) => name)
    expect(expected).toContain('refresh_families_user_id_id_index')
    expect(expected.filter(name => !names.has(name))).toEqual([])
  })
})

const fill = async ({ sql }: Database, families: number) => {
  const user = randomUUID()
  await sql`insert into users (id, email, roles) values (${user}, ${user}, '{}')`
  await sql`
    insert into refresh_families (
      id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
      idle_expires_at, expires_at
    )
    select gen_random_uuid(), ${user}, 0, 'c', repeat('s', 400), '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)},
      now() + interval '7 days', now() + make_interval(secs => number)
    from generate_series(1, ${families}) as number`
}
