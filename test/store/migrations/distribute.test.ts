import { randomBytes, randomUUID } from 'node:crypto'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { linkText } from '../../../src/domain/account/account-name.ts'
import { distribute, requireCitus } from '../../../src/store/migrations/distribute.ts'
import { migrate } from '../../../src/store/migrations/migrate.ts'
import { findDatabaseFaults } from '../../../src/store/schema/database-faults.ts'
import { DISTRIBUTED_TABLES as DISTRIBUTED, findLocalRows } from '../../../src/store/schema/distribution.ts'
import { readMigrations } from '../../../src/store/schema/migrations.ts'
import {
  createEmptyCitusDatabase,
  createEmptyDatabase,
  hasCitus,
  hasPostgres,
} from '../../support/backends.ts'
import { openDatabase } from '../../support/database.ts'

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

  it('leaves no copy of a row on the coordinator', async () => {
    await addPerson()
    const local = () => findLocalRows(sql, { names: DISTRIBUTED, schema: 'public' })
    expect(await local()).toEqual(['users', 'consents', 'events'])
    await distribute({ url: own.url })
    expect(await local()).toEqual([])
    expect(await sql`select count(*)::int as rows from consents`).toEqual([{ rows: 1 }])
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

  const statesOf = async () => {
    const database = openDatabase({ url: own.url, pool_size: 1 })
    try {
      const faults = await findDatabaseFaults(database, 'public')
      return { faults, is_distributed: database.isDistributed() }
    } finally {
      await database.close()
    }
  }

  it('is no way back: a migration is not undone where tables are distributed', async () => {
    await distribute({ url: own.url })
    const former = readMigrations().at(-2)?.name ?? 'none'
    await expect(migrate({ url: own.url, to: former })).rejects.toThrow(/^--to: the tables are distributed/)
    expect(await sql`select from account_names`).toEqual([])
  })

  it('is not that of a table that Citus manages on the coordinator', async () => {
    await sql`select citus_add_local_table_to_metadata('users', cascade_via_foreign_keys => true)`
    expect(await statesOf()).toEqual({ faults: [], is_distributed: false })
  })

  it('is told to servers: plain tables beside the extension are plain, and those distributed in part are refused', async () => {
    expect(await statesOf()).toEqual({ faults: [], is_distributed: false })
    await sql`alter table users drop constraint users_email_unique, drop constraint users_external_id_unique`
    await sql`select create_distributed_table('users', 'id', colocate_with => 'none')`
    expect((await statesOf()).faults).toEqual([
      expect.stringMatching(
        /^the tables are distributed in part \(refresh_families, .*events not yet\): stop all servers and run signetd migrate --citus$/,
      ),
    ])
    await distribute({ url: own.url })
    expect(await statesOf()).toEqual({ faults: [], is_distributed: true })
  })

  it('gives every name to its account, with the table that has it', async () => {
    const [person, deleted] = [await addPerson(), await addPerson()]
    const [digest, former, dead] = [randomBytes(32), randomBytes(32), randomBytes(32)]
    await sql`update users set external_id = 'external' where id = ${person}`
    await sql`update users set email = 'deleted ' || id where id = ${deleted}`
    await sql`
      insert into passkeys (id, user_id, public_key, counter, transports, backup_eligible, backed_up, label)
      values ('passkey', ${person}, '', 0, '{}', false, false, '')`
    await sql`
      insert into upstream_identities (user_id, id, issuer, subject)
      values (${person}, ${randomUUID()}, 'https://issuer.example', 'a subject')`
    await sql`
      insert into email_links (user_id, purpose, digest, email, credential_epoch, expires_at, previous_digest, previous_expires_at)
      values
        (${person}, 'verify_email', ${digest}, '', 0, now() + '1 hour', ${former}, now() + '1 minute'),
        (${person}, 'reset_password', ${dead}, '', 0, now() - '1 second'::interval, null, null)`
    await distribute({ url: own.url })
    const names = await sql`
      select kind, value, user_id, expires_at > now() as lives from account_names order by kind, lives, value`
    const links = [linkText(digest), linkText(former)].toSorted()
    expect(names).toEqual([
      { kind: 'email', value: `${person}@example.com`, user_id: person, lives: null },
      { kind: 'external_id', value: 'external', user_id: person, lives: null },
      { kind: 'identity', value: 'https://issuer.example a subject', user_id: person, lives: null },
      ...links.map(value => ({ kind: 'link', value, user_id: person, lives: true })),
      { kind: 'passkey', value: 'passkey', user_id: person, lives: null },
    ])
  })

  it('gives the names once, also where a run before has died at any table', async () => {
    const person = await addPerson()
    await sql`
      insert into passkeys (id, user_id, public_key, counter, transports, backup_eligible, backed_up, label)
      values ('passkey', ${person}, '', 0, '{}', false, false, '')`
    await sql`create function refuse() returns trigger language plpgsql as 'begin return new; end'`
    await sql`create trigger refuse before insert on passkeys for each row execute function refuse()`
    await expect(distribute({ url: own.url })).rejects.toThrow(
      /^DATABASE_URL: the table passkeys was not distributed: [^\n]*trigger[^\n]*$/,
    )
    expect(await sql`select kind from account_names`).toEqual([{ kind: 'email' }])
    await sql`drop trigger refuse on passkeys`
    const left = await distribute({ url: own.url })
    expect(left[0]).toBe('passkeys')
    expect(await sql`select kind from account_names order by kind`).toEqual([
      { kind: 'email' },
      { kind: 'passkey' },
    ])
  })

  it('is refused with a line for each trigger and each table of another application, before the migration', async () => {
    await sql`create table others (user_id uuid references users (id))`
    await sql`create function refuse() returns trigger language plpgsql as 'begin return new; end'`
    await sql`create trigger refuse before insert on consents for each row execute function refuse()`
    await expect(requireCitus({ url: own.url })).rejects.toMatchObject({
      lines: [
        'DATABASE_URL: the table others refers to the table users, which Citus cannot distribute: drop it first',
        'DATABASE_URL: the trigger refuse is on the table consents, which Citus cannot distribute: drop it first',
      ],
    })
    await sql`drop table others`
    await sql`drop trigger refuse on consents`
    await requireCitus({ url: own.url })
  })

  it('changes nothing when it is run again, beside servers', async () => {
    await addPerson()
    await distribute({ url: own.url })
    const server = postgres(own.url, {
      max: 1,
      onnotice: () => {},
      connection: { application_name: 'signetd' },
    })
    await server.begin(async held => {
      for (const name of DISTRIBUTED) await held`lock table ${held(name)} in row exclusive mode`
      await requireCitus({ url: own.url })
      expect(await distribute({ url: own.url })).toEqual([])
    })
    expect(await sql`select count(*)::int as names from account_names`).toEqual([{ names: 1 }])
    await server.end()
  })

  it('is refused on a worker', async () => {
    const [worker] = await sql<{ port: number }[]>`
      select nodeport as port from pg_dist_node where groupid <> 0 limit 1`
    const url = new URL(own.url)
    url.port = String(worker?.port)
    const line = expect.stringMatching(/^DATABASE_URL: .*worker/)
    await expect(requireCitus({ url: url.href })).rejects.toMatchObject({ lines: [line] })
    await expect(migrate({ url: url.href })).rejects.toMatchObject({ lines: [line] })
    const database = openDatabase({ url: url.href, pool_size: 1 })
    expect(await findDatabaseFaults(database, 'public')).toEqual([line])
    await database.close()
  })

  it('is refused while a server is connected, and nothing is changed', async () => {
    const server = postgres(own.url, {
      max: 1,
      onnotice: () => {},
      connection: { application_name: 'signetd' },
    })
    await server`select`
    const constraints = () =>
      sql`select conname from pg_constraint where contype in ('p', 'u', 'f') order by 1`
    const before = await constraints()
    await expect(distribute({ url: own.url })).rejects.toThrow(
      /^DATABASE_URL: servers of Signet are connected[^\n]*$/,
    )
    expect(await namesOfDistributed()).toEqual([])
    expect(await constraints()).toEqual(before)
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
  it('is that of the tables of later releases, which refer to people, and their indexes are built beside the writers', async () => {
    await distribute({ url: own.url })
    const person = await addPerson()
    const release = laterRelease(own.url, [
      'drop table "totp_factors"',
      'create table "totp_factors" ("user_id" uuid primary key, "secret" text)',
      'alter table "totp_factors" add constraint "later_fk" foreign key ("user_id") references "public"."users" ("id") on delete cascade',
      'create index "later_index" on "consents" ("granted")',
    ])
    expect(await migrate(release)).toEqual([
      { name: 'later', direction: 'up' },
      { name: 'later_index', direction: 'build' },
    ])
    await sql`insert into totp_factors (user_id, secret) values (${person}, 's')`
    await sql`delete from users where id = ${person}`
    expect(await sql`select from totp_factors`).toHaveLength(0)
    expect(await namesOfDistributed()).toContain('totp_factors')
  })

  it('refuses a table of a later release in one line while a shard is moved, and takes it afterwards', async () => {
    await distribute({ url: own.url })
    await sql`drop table totp_factors`
    const release = laterRelease(own.url, ['create table "totp_factors" ("user_id" uuid primary key)'])
    await sql.begin(async moving => {
      await moving`
        select citus_move_shard_placement(shardid, source.nodename, source.nodeport, target.nodename, target.nodeport, 'block_writes')
        from (select shardid from pg_dist_shard where logicalrelid = 'users'::regclass limit 1) shard
        join pg_dist_placement using (shardid)
        join pg_dist_node source using (groupid)
        join pg_dist_node target on target.shouldhaveshards and target.groupid <> source.groupid`
      await expect(migrate(release)).rejects.toThrow(
        /^DATABASE_URL: the table totp_factors was not distributed: shards are being moved[^\n]*$/,
      )
    })
    expect(await migrate(release)).toEqual([{ name: 'later', direction: 'up' }])
    expect(await namesOfDistributed()).toContain('totp_factors')
  })
})

/** A release with one more migration, of a table that PLACEMENTS has: it stands for a table of a release that this one does not know. */
const laterRelease = (url: string, up: readonly string[]) => {
  const known = readMigrations()
  const later = {
    name: 'later',
    when: (known.at(-1)?.when ?? 0) + 1,
    hash: 'later',
    up: [...up],
    down: null,
    compatible_with: null,
  }
  return { url, months_ahead: 0, known: [...known, later] }
}
