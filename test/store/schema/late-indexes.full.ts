import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { createEmptyDatabase, hasPostgres } from '../../support/backends.ts'
import { openDatabase } from '../../support/database.ts'
import { openSandbox, SIGNETD } from '../../support/process.ts'
import { keepRefreshing, seedOldestRotatingFamily } from '../../support/rotating-families.ts'

const FAMILIES = 1_000_000
const PATIENT = { timeout: 120_000 }

describe.skipIf(!hasPostgres)('the migration of a million families', () => {
  it('fails no refresh of the version before, and survives that signetd migrate is killed', async () => {
    const own = await createEmptyDatabase()
    await migrate({ url: own.url, to: '0014_clients_and_identities' })
    const database = openDatabase({ url: own.url, pool_size: 6, answer_seconds: 30 })
    const { sql } = database
    const user = randomUUID()
    await sql`insert into users (id, email, roles) values (${user}, ${user}, '{}')`
    for (let filled = 0; filled < FAMILIES; filled += 100_000)
      await sql`
        insert into refresh_families (
          id, user_id, credential_epoch, client_id, scope, audience, auth_time, amr, salt, pepper_id, token_digest,
          idle_expires_at, expires_at
        )
        select gen_random_uuid(), ${user}, 0, 'c', '', '{}', now(), '{}', ${randomBytes(16)}, 1, ${randomBytes(32)},
          now() + interval '7 days', now() + make_interval(secs => number)
        from generate_series(1, 100000) as number`
    const [{ name } = { name: '' }] = await sql<{ name: string }[]>`select current_database() as name`
    // The builds take longer.
    await sql.unsafe(`alter database ${name} set statement_timeout = '500ms'`)
    const sandbox = await openSandbox()
    const start = () => sandbox.start({ DATABASE_URL: own.url }, process.execPath, SIGNETD, 'migrate')
    const builds = () =>
      sql`select from pg_stat_progress_create_index where datname = current_database() and index_relid <> 0`
    const stop = keepRefreshing(database, seedOldestRotatingFamily)

    const killed = start()
    await expect.poll(builds, PATIENT).toHaveLength(1)
    killed.process.kill('SIGKILL')
    await killed.ended
    expect(await start().ended).toMatchObject({ code: 0 })

    const { outcomes, slowest_milliseconds } = await stop()
    process.stdout.write(
      `${FAMILIES} families: ${outcomes.get('rotated')} refreshes, the slowest ${Math.round(slowest_milliseconds)} ms\n`,
    )
    expect([...outcomes.keys()]).toEqual(['rotated'])
    expect(await sql`select from pg_index where not indisvalid`).toEqual([])
    expect(await migrate({ url: own.url })).toEqual([])
    await sandbox.close()
    await database.close()
    await own.drop()
  })
})
