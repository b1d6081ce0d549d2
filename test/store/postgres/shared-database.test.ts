import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { openStore } from '../../../src/store/open-store.ts'
import { readMigrations } from '../../../src/store/schema/migrations.ts'
import { refreshTokens, signIn, signUp } from '../../support/accounts/account-api.ts'
import { createEmptyDatabase, createRedis, hasPostgres, hasRedis } from '../../support/backends.ts'
import { PEPPER } from '../../support/clients.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { dropDatabase, withDatabase } from '../../support/services/postgres-admin.ts'

const SCHEMA = 'Sig-net'
const OWNER = `owner_${randomBytes(6).toString('hex')}`
const SERVER = `server_${randomBytes(6).toString('hex')}`

const as = (url: string, role: string) => url.replace(/\/\/[^@]+@/, `//${role}:${role}@`)

describe.skipIf(!hasPostgres || !hasRedis)('a database that another application uses too', () => {
  let deployment: Deployment
  let own: Awaited<ReturnType<typeof createEmptyDatabase>>
  let admin: Database
  let signet: Instance
  const environment = () => ({ DATABASE_URL: as(own.url, SERVER), DATABASE_SCHEMA: SCHEMA })

  /** The roles of docs/deploy.md, which may not create a schema. */
  beforeAll(async () => {
    deployment = await openDeployment()
    own = await createEmptyDatabase()
    admin = openDatabase({ url: own.url, pool_size: 1 })
    for (const role of [OWNER, SERVER]) {
      await admin.sql`create role ${admin.sql(role)} login password '${admin.sql.unsafe(role)}'`
    }
    // A table of the other application, which every role may use: an unqualified name would find it.
    await admin.sql`create table users (id uuid primary key, email text unique, roles text[])`
    await admin.sql`create table refresh_families (id uuid primary key)`
    await admin.sql`create schema drizzle`
    await admin.sql`create table drizzle.__drizzle_migrations (id serial primary key, hash text, created_at bigint)`
    await admin.sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('other', 1)`
    await admin.sql`grant all on all tables in schema public, drizzle to public`
    await admin.sql`create schema ${admin.sql(SCHEMA)} authorization ${admin.sql(OWNER)}`
    const grants = [
      `grant usage on schema "Sig-net" to ${SERVER}`,
      `alter default privileges for role ${OWNER} in schema "Sig-net" grant select, insert, update, delete on tables to ${SERVER}`,
    ]
    for (const grant of grants) await admin.sql.unsafe(grant)
    await migrate({ url: as(own.url, OWNER), schema: SCHEMA })
    signet = await deployment.start({ environment: environment() })
  })
  afterAll(async () => {
    await admin.close()
    await own.drop()
    const server = openDatabase({ url: withDatabase(own.url, 'postgres'), pool_size: 1 })
    for (const role of [OWNER, SERVER]) await server.sql`drop role ${server.sql(role)}`
    await server.close()
    await deployment.close()
  })

  it('has every table, foreign key and index of ours in our schema, and none in another', async () => {
    const keys = await admin.sql`
      select from pg_constraint c
      join pg_class t on t.oid = c.confrelid
      where c.contype = 'f' and t.relnamespace <> ${`"${SCHEMA}"`}::regnamespace`
    expect(keys).toEqual([])
    const tables = await admin.sql<{ schemaname: string; tablename: string }[]>`
      select schemaname, tablename from pg_tables where schemaname in ('public', 'drizzle') order by tablename`
    expect(tables.map(({ tablename }) => tablename)).toEqual([
      '__drizzle_migrations',
      'refresh_families',
      'users',
    ])
    expect(await migrate({ url: as(own.url, OWNER), schema: SCHEMA })).toEqual([])
  })

  it('lets a role without privileges find out that there is nothing to migrate', async () => {
    expect(await migrate({ url: as(own.url, SERVER), schema: SCHEMA })).toEqual([])
  })

  it('is migrated once in each of several schemas by concurrent instances', async () => {
    const schemas = [`${SCHEMA}3`, `${SCHEMA}4`].flatMap(schema => [schema, schema, schema])
    const taken = await Promise.all(schemas.map(schema => migrate({ url: own.url, schema })))
    expect(
      taken
        .flat()
        .map(({ name }) => name)
        .toSorted(),
    ).toEqual(readMigrations().flatMap(({ name }) => [name, name]))
  })

  it('serves in its schema and touches nothing of the other application', async () => {
    const email = 'ann@b.example'
    await signUp(signet, email)
    const refreshed = await refreshTokens(signet, await signIn(signet, email))
    expect(refreshed.status).toBe(200)
    const ending = { body: { everywhere: true }, token: refreshed.body.access_token }
    expect((await signet.ask('/auth/logout', ending)).status).toBe(204)
    expect(await admin.sql`select from users`).toHaveLength(0)
    expect(await admin.sql`select from ${admin.sql(`${SCHEMA}.users`)}`).toHaveLength(1)
  })

  it('calls built-in functions, even when its schema has functions of the same names', async () => {
    const planted = await createEmptyDatabase()
    const stranger = openDatabase({ url: planted.url, pool_size: 1 })
    await stranger.sql.unsafe(
      `create function public.gen_random_uuid() returns uuid language plpgsql as 'begin raise exception ''called''; end'`,
    )
    await stranger.close()
    await expect(migrate({ url: planted.url })).resolves.toBeDefined()
    await planted.drop()
  })

  it('is rolled back and migrated again in its schema alone', async () => {
    const other = `${SCHEMA}2`
    await migrate({ url: own.url, schema: other })
    await migrate({ url: own.url, schema: other, to: 'none' })
    expect(
      await admin.sql`select tablename from pg_tables where schemaname = ${other} order by tablename`,
    ).toEqual([{ tablename: '__drizzle_migrations' }, { tablename: '__signet_migration_lease' }])
    expect(await admin.sql`select from ${admin.sql(`${SCHEMA}.users`)}`).toHaveLength(1)
    expect(await admin.sql`select from refresh_families`).toHaveLength(0)
  })

  describe('with something missing', () => {
    const lines: string[] = []
    beforeEach(() => {
      lines.length = 0
    })
    const start = () =>
      openStore({ ...environment(), DATABASE_POOL_SIZE: 1, DATA_DIR: '.' }).then(
        async database => {
          await database.close()
          return []
        },
        (error: unknown) => (error instanceof Error ? error.message.split('\n') : [String(error)]),
      )
    const doctor = async () => {
      const redis = await createRedis()
      const io = {
        environment: {
          ...environment(),
          REDIS_URL: redis.url,
          REFRESH_TOKEN_PEPPER: PEPPER,
          KEYS_DIR: '/nowhere/keys',
        },
        out: (line: string) => lines.push(line),
        err: (line: string) => lines.push(line),
      }
      await runProgram(['doctor'], io, async () => {})
      return lines.find(line => line.includes(' database: ')) ?? ''
    }

    it.each([
      ['delete on "Sig-net".ceremonies', /lacks delete on Sig-net\.ceremonies/],
      ['insert, update on "Sig-net".users', /lacks insert, update on Sig-net\.users/],
      ['select on "Sig-net".__drizzle_migrations', /permission denied for table __drizzle_migrations/],
      ['usage on schema "Sig-net"', /permission denied for schema Sig-net|lacks usage/],
    ])('is refused without %s, by the doctor too', async (grant, line) => {
      expect(await start()).toEqual([])
      await admin.sql.unsafe(`revoke ${grant} from ${SERVER}`)
      expect(await start()).toEqual([expect.stringMatching(line)])
      expect(await doctor()).toMatch(line)
      await admin.sql.unsafe(`grant ${grant} to ${SERVER}`)
      expect(await start()).toEqual([])
    })

    it('reports in one line that migrate may not create its schema', async () => {
      const io = {
        environment: { DATABASE_URL: as(own.url, OWNER), DATABASE_SCHEMA: 'elsewhere' },
        out: (line: string) => lines.push(line),
        err: (line: string) => lines.push(line),
      }
      expect(await runProgram(['migrate'], io, async () => {})).toBe(2)
      expect(lines).toEqual([expect.stringMatching(/refuses: permission denied for database/)])
    })

    it('is refused in another encoding than UTF8', async () => {
      const name = `${new URL(own.url).pathname.slice(1)}_latin`
      await admin.sql`create database ${admin.sql(name)} template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'`
      const url = withDatabase(own.url, name)
      await migrate({ url })
      const opening = openStore({
        DATABASE_URL: url,
        DATABASE_SCHEMA: 'public',
        DATABASE_POOL_SIZE: 1,
        DATA_DIR: '.',
      })
      await expect(opening).rejects.toMatchObject({
        lines: [expect.stringContaining('is in LATIN1, not UTF8')],
      })
      await dropDatabase(own.url, name)
    })
  })
})
