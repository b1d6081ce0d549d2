import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Command, CommanderError } from 'commander'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addMigrateCommand } from '../../src/cli/migrate.ts'
import { DISTRIBUTED_TABLES } from '../../src/store/schema/distribution.ts'
import { readMigrations } from '../../src/store/schema/migrations.ts'
import { createEmptyCitusDatabase, createEmptyDatabase, hasCitus, hasPostgres } from '../support/backends.ts'
import { openDatabase } from '../support/database.ts'
import { freePort } from '../support/services/services.ts'

/** Runs the command as the command line would, and tells its lines and its exit code. */
const signetd = async (environment: Record<string, string>, ...words: readonly string[]) => {
  const out: string[] = []
  const err: string[] = []
  const program = new Command().exitOverride()
  addMigrateCommand(program, { environment, out: line => out.push(line), err: line => err.push(line) })
  try {
    await program.parseAsync(words, { from: 'user' })
    return { code: 0, out, err }
  } catch (error) {
    if (error instanceof CommanderError) return { code: error.exitCode, out, err }
    throw error
  }
}

const names = readMigrations().map(({ name }) => name)

describe.skipIf(!hasPostgres)('signetd migrate', () => {
  let own: Awaited<ReturnType<typeof createEmptyDatabase>>
  let environment: Record<string, string>
  beforeEach(async () => {
    own = await createEmptyDatabase()
    environment = { DATABASE_URL: own.url }
  })
  afterEach(() => own.drop())

  it('applies the missing migrations, each once, and needs no other setting', async () => {
    expect(await signetd(environment, 'migrate')).toEqual({
      code: 0,
      out: names.map(name => `applied ${name}`),
      err: [],
    })
    expect(await signetd(environment, 'migrate')).toMatchObject({ out: ['the schema is up to date'] })
  })

  it('prints the steps of a dry run, and takes none', async () => {
    for (const _ of [1, 2]) {
      expect(await signetd(environment, 'migrate', '--dry-run')).toMatchObject({
        code: 0,
        out: names.map(name => `would apply ${name}`),
      })
    }
  })

  it('goes back to an earlier migration', async () => {
    await signetd(environment, 'migrate')
    expect(await signetd(environment, 'migrate', '--to', 'none')).toMatchObject({
      out: names.toReversed().map(name => `undid ${name}`),
    })
  })

  it('prints JSON with --json', async () => {
    const { out } = await signetd(environment, 'migrate', '--json')
    expect(out.map(line => JSON.parse(line))).toEqual([
      { steps: names.map(name => ({ name, direction: 'up' })), dry_run: false, embedded: false },
    ])
  })

  it('refuses --citus in one line on a plain Postgres, and changes nothing', async () => {
    expect(await signetd(environment, 'migrate', '--citus')).toEqual({
      code: 2,
      out: [],
      err: [
        'DATABASE_URL: --citus needs the coordinator of a Citus cluster: this database does not have the extension citus',
      ],
    })
    expect(await signetd(environment, 'migrate', '--dry-run')).toMatchObject({
      out: names.map(name => `would apply ${name}`),
    })
  })

  it.each([['--to', 'none'], ['--dry-run']])('refuses --citus with %s', async (...words) => {
    expect(await signetd(environment, 'migrate', '--citus', ...words)).toEqual({
      code: 2,
      out: [],
      err: ['--citus distributes the newest schema: leave --to and --dry-run out'],
    })
  })

  it('refuses an unknown migration, and names the known ones', async () => {
    expect(await signetd(environment, 'migrate', '--to', '9999_none')).toEqual({
      code: 2,
      out: [],
      err: [`there is no migration 9999_none; there are: none, ${names.join(', ')}`],
    })
  })

  it('says in one line that the password is wrong', async () => {
    const wrong = new URL(own.url)
    wrong.password = 'wrong'
    const { code, err } = await signetd({ DATABASE_URL: wrong.href }, 'migrate')
    expect({ code, err }).toEqual({
      code: 2,
      err: [expect.stringMatching(/^DATABASE_URL: the database refuses: password authentication failed/)],
    })
  })

  it('says in one line that there is no such database', async () => {
    const wrong = new URL(own.url)
    wrong.pathname = '/not_there'
    const { code, err } = await signetd({ DATABASE_URL: wrong.href }, 'migrate')
    expect({ code, err }).toEqual({ code: 2, err: [expect.stringContaining('"not_there" does not exist')] })
  })
})

describe('signetd migrate without a database', () => {
  it('says in one line that no server listens', async () => {
    const DATABASE_URL = `postgres://nobody@127.0.0.1:${await freePort()}/nothing`
    expect(await signetd({ DATABASE_URL }, 'migrate')).toEqual({
      code: 2,
      out: [],
      err: [expect.stringMatching(/^DATABASE_URL: the database cannot be reached \(.*ECONNREFUSED/)],
    })
  })

  it('says in one line that a server which ends each connection is not Postgres, and does not retry for ever', async () => {
    const ending = createServer(socket => socket.end())
    await once(ending.listen(0, '127.0.0.1'), 'listening')
    const { port } = ending.address() as AddressInfo
    expect(await signetd({ DATABASE_URL: `postgres://nobody@127.0.0.1:${port}/nothing` }, 'migrate')).toEqual(
      {
        code: 2,
        out: [],
        err: [
          expect.stringMatching(/^DATABASE_URL: the database cannot be reached \(no answer in 5 seconds\)/),
        ],
      },
    )
    ending.close()
  })

  it('refuses a value that is no URL, as JSON with --json', async () => {
    const { code, out, err } = await signetd({ DATABASE_URL: 'mysql://x' }, 'migrate', '--json')
    expect({ code, err }).toEqual({ code: 2, err: [] })
    expect(JSON.parse(out[0] ?? '')).toEqual({ faults: [expect.stringContaining('DATABASE_URL must be')] })
  })

  it('leaves the embedded database to its server', async () => {
    expect(await signetd({}, 'migrate')).toMatchObject({
      code: 0,
      out: [expect.stringContaining('embedded')],
    })
    expect(await signetd({}, 'migrate', '--to', 'none')).toMatchObject({ code: 2 })
  })
})

describe.skipIf(!hasCitus)('signetd migrate --citus', () => {
  let own: Awaited<ReturnType<typeof createEmptyCitusDatabase>>
  beforeEach(async () => {
    own = await createEmptyCitusDatabase()
  })
  afterEach(() => own.drop())
  const tables = DISTRIBUTED_TABLES
  const last = 'the tables are distributed: start the servers with REFRESH_TOKEN_VERSION=2'

  it('migrates and distributes, and has nothing left to do when it is run again', async () => {
    const environment = { DATABASE_URL: own.url }
    expect(await signetd(environment, 'migrate', '--citus')).toEqual({
      code: 0,
      out: [...names.map(name => `applied ${name}`), ...tables.map(name => `distributed ${name}`), last],
      err: [],
    })
    expect(await signetd(environment, 'migrate', '--citus')).toMatchObject({
      code: 0,
      out: ['the schema is up to date', last],
    })
    expect(await signetd(environment, 'migrate')).toMatchObject({ out: ['the schema is up to date'] })
  }, 60_000)

  it('takes accounts along, and a plain run afterwards has nothing to do', async () => {
    const environment = { DATABASE_URL: own.url }
    await signetd(environment, 'migrate')
    const database = openDatabase({ url: own.url, pool_size: 1 })
    await database.sql`insert into users (id, email, roles) values (gen_random_uuid(), 'a@example.com', '{}')`
    await database.close()
    expect(await signetd(environment, 'migrate', '--citus')).toEqual({
      code: 0,
      out: ['the schema is up to date', ...tables.map(name => `distributed ${name}`), last],
      err: [],
    })
    const after = openDatabase({ url: own.url, pool_size: 1 })
    expect(await after.sql`select value from users join account_names on user_id = id`).toEqual([
      { value: 'a@example.com' },
    ])
    await after.close()
    expect(await signetd(environment, 'migrate')).toMatchObject({ out: ['the schema is up to date'] })
  }, 60_000)

  it('is refused in one line while a server is connected, and migrates nothing', async () => {
    const environment = { DATABASE_URL: own.url }
    const server = openDatabase({ url: own.url, pool_size: 1 })
    await server.ping()
    expect(await signetd(environment, 'migrate', '--citus')).toEqual({
      code: 2,
      out: [],
      err: [
        expect.stringMatching(/^DATABASE_URL: servers of Signet are connected to this database: stop all/),
      ],
    })
    await server.close()
    expect(await signetd(environment, 'migrate', '--dry-run')).toMatchObject({
      out: names.map(name => `would apply ${name}`),
    })
  })
})
