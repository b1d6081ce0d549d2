import { randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { distribute } from '../../../src/store/migrations/distribute.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { PLACEMENTS, type Placement } from '../../../src/store/schema/distribution.ts'
import { readMigrations } from '../../../src/store/schema/migrations.ts'
import {
  createEmptyCitusDatabase,
  createEmptyDatabase,
  hasCitus,
  hasPostgres,
} from '../../support/backends.ts'

const DISTRIBUTED = Object.entries<Placement>(PLACEMENTS).flatMap(([name, placement]) =>
  'by' in placement ? [name] : [],
)

describe.skipIf(!hasPostgres)('the distribution of a plain Postgres', () => {
  it('is refused in one line, and nothing is changed', async () => {
    const { url, drop } = await createEmptyDatabase()
    const sql = postgres(url, { max: 1 })
    await migrate({ url, months_ahead: 0 })
    await expect(distribute({ url })).rejects.toThrow(/^DATABASE_URL: --citus needs the coordinator[^\n]*$/)
    const keys =
      await sql`select from pg_constraint where conname in ('users_email_unique', 'ceremonies_user_id_users_id_fk')`
    expect(keys).toHaveLength(2)
    await sql.end()
    await drop()
  })
})

describe.skipIf(!hasCitus)('the distribution on Citus', { timeout: 60_000 }, () => {
  let own: Awaited<ReturnType<typeof createEmptyCitusDatabase>>
  let sql: postgres.Sql
  beforeEach(async () => {
    own = await createEmptyCitusDatabase()
    sql = postgres(own.url, { max: 2, onnotice: () => {} })
    await migrate({ url: own.url, months_ahead: 0 })
  })
  afterEach(async () => {
    await sql.end({ timeout: 5 })
    await own.drop()
  })

  const namesOfDistributed = async (): Promise<readonly unknown[]> => {
    const rows = await sql`select table_name::text as name from citus_tables order by 1`
    return rows.map(({ name }) => name)
  }

  const addPerson = async () => {
    const id = randomUUID()
    await sql`insert into users (id, email, roles) values (${id}, ${`${id}@example.com`}, '{}')`
    await sql`insert into consents (user_id, client_id, granted) values (${id}, 'app', '{}')`
    await sql`insert into events (user_id, kind) values (${id}, 'account.created')`
    return id
  }

  it('takes the rows along, once, also when two run at once', async () => {
    const people = [await addPerson(), await addPerson(), await addPerson()]
    const taken = await Promise.all([distribute({ url: own.url }), distribute({ url: own.url })])
    expect(taken.flat().toSorted()).toEqual(DISTRIBUTED.toSorted())
    expect(await distribute({ url: own.url })).toEqual([])
    for (const id of people)
      expect(
        await sql`
          select u.id from users u
          join consents c on c.user_id = u.id
          join events e on e.user_id = u.id
          where u.id = ${id}`,
      ).toEqual([{ id }])
    expect(await sql`select count(*)::int as rows from users`).toEqual([{ rows: 3 }])
  })

  it('goes on where a run before has died', async () => {
    await addPerson()
    await sql`alter table users drop constraint users_email_unique, drop constraint users_external_id_unique`
    await sql`select create_distributed_table('users', 'id', colocate_with => 'none')`
    expect((await distribute({ url: own.url })).toSorted()).toEqual(
      DISTRIBUTED.filter(name => name !== 'users').toSorted(),
    )
    expect(await sql`select count(*)::int as rows from consents join users on id = user_id`).toEqual([
      { rows: 1 },
    ])
  })

  it('is refused while a server is connected, and nothing is changed', async () => {
    const server = postgres(own.url, { max: 1, connection: { application_name: 'signetd' } })
    await server`select`
    await expect(distribute({ url: own.url })).rejects.toThrow(
      /^DATABASE_URL: servers of Signet are connected[^\n]*$/,
    )
    expect(await namesOfDistributed()).toEqual([])
    await server.end()
    expect(await distribute({ url: own.url })).toEqual(DISTRIBUTED)
  })

  it('holds for the months that are prepared later, and for the migrations of later releases', async () => {
    await distribute({ url: own.url })
    const before = await namesOfDistributed()
    const known = readMigrations()
    const later = {
      name: 'later',
      when: (known.at(-1)?.when ?? 0) + 1,
      hash: 'later',
      up: [
        'alter table "consents" add column "later" integer default 7',
        'create index "later_index" on "consents" ("later")',
      ],
      down: null,
      compatible_with: null,
    }
    await migrate({ url: own.url, months_ahead: 2, known: [...known, later] })
    const months = (await namesOfDistributed()).filter(name => !before.includes(name))
    expect(months).toHaveLength(2)
    await addPerson()
    expect(await sql`select later from consents`).toEqual([{ later: 7 }])
  })
})
