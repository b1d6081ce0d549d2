import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { readConfig } from '../../../src/config.ts'
import { StartFault } from '../../../src/domain/base/start-fault.ts'
import { openStore } from '../../../src/store/open-store.ts'
import { createPlainDatabaseWithSchema, hasPostgres } from '../../support/backends.ts'
import { PEPPER } from '../../support/clients.ts'
import { openDatabase } from '../../support/database.ts'
import { dropDatabase, withDatabase } from '../../support/services/postgres-admin.ts'

/** The lines with which a server refuses to start with this URL, or none. */
const start = async (DATABASE_URL: string): Promise<readonly string[]> => {
  const reading = readConfig({ DATABASE_URL, REFRESH_TOKEN_PEPPER: PEPPER })
  if ('faults' in reading) return reading.faults
  try {
    await (await openStore(reading.config)).close()
    return []
  } catch (error) {
    return error instanceof StartFault ? error.lines : [`no line: ${String(error)}`]
  }
}

const command = async (DATABASE_URL: string, ...words: string[]) => {
  const lines: string[] = []
  const io = {
    environment: { DATABASE_URL, REFRESH_TOKEN_PEPPER: PEPPER, KEYS_DIR: directory, DATA_DIR: directory },
    out: (line: string) => lines.push(line),
    err: (line: string) => lines.push(line),
  }
  const code = await runProgram(words, io, async () => {})
  return { code, lines }
}

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-url-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe.skipIf(!hasPostgres)('a DATABASE_URL with names that need encoding', () => {
  const ROLE = 'ro/le 100%@x'
  const PASSWORD = 'p@ss:/?#%é'
  const NAME = 'data/base 100%'
  let own: Awaited<ReturnType<typeof createPlainDatabaseWithSchema>>
  let url: string
  beforeAll(async () => {
    own = await createPlainDatabaseWithSchema()
    const admin = openDatabase({ url: own.url, pool_size: 1 })
    await admin.sql`drop role if exists ${admin.sql(ROLE)}`
    await admin.sql`create role ${admin.sql(ROLE)} superuser login password '${admin.sql.unsafe(PASSWORD)}'`
    await admin.sql`create database ${admin.sql(NAME)} template template0`
    await admin.close()
    const { host } = new URL(own.url)
    const at = [ROLE, PASSWORD, NAME].map(encodeURIComponent)
    url = `postgresql://${at[0]}:${at[1]}@${host}/${at[2]}`
  })
  afterAll(async () => {
    await dropDatabase(own.url, NAME)
    const admin = openDatabase({ url: own.url, pool_size: 1 })
    await admin.sql`drop role ${admin.sql(ROLE)}`
    await admin.close()
    await own.drop()
  })

  it('is accepted by migrate, the server and the doctor', async () => {
    expect(await command(url, 'migrate')).toMatchObject({ code: 0 })
    expect(await start(url)).toEqual([])
    expect((await command(url, 'doctor')).lines).toContainEqual(expect.stringMatching(/^ok {5}database\b/))
    const database = openDatabase({ url: own.url, pool_size: 1 })
    expect(
      await database.sql`select from pg_database where datname = ${NAME} or strpos(datname, '%25') > 0`,
    ).toHaveLength(1)
    await database.close()
  })

  it.each(['sslmode=prefer', 'channel_binding=prefer', 'options=-c%20geqo%3Doff', 'connect_timeout=1'])(
    'is accepted with %s',
    async parameter => {
      expect(await start(`${url}?${parameter}`)).toEqual([])
    },
  )

  it('sends no unknown parameter to the server', async () => {
    const fault = /^DATABASE_URL has channel_binding, which cannot be required/
    const given = `${url}?channel_binding=require`
    expect(await start(given)).toEqual([expect.stringMatching(fault)])
    expect(await command(given, 'migrate')).toEqual({ code: 2, lines: [expect.stringMatching(fault)] })
    expect((await command(given, 'doctor')).lines.join()).toContain('channel_binding')
  })

  it('ends with one line and exit code 2 when the server refuses it', async () => {
    const refused: readonly (readonly [string, RegExp])[] = [
      [`${url}?options=-c%20no_such_setting%3D1`, /refuses: unrecognized configuration parameter/],
      [
        url.replace(/:[^:@]*@/, ':wrong@'),
        /refuses: password authentication failed .*; correct the user and the password/,
      ],
      [
        withDatabase(url, 'nowhere'),
        /refuses: database "nowhere" does not exist; create the database, or correct its name/,
      ],
      [
        `${url}?sslmode=require`,
        /cannot be reached .*: the server has no TLS, for which sslmode asks; set ssl = on/,
      ],
    ]
    for (const [given, line] of refused) {
      expect(await start(given)).toEqual([expect.stringMatching(line)])
      expect(await command(given, 'migrate')).toEqual({ code: 2, lines: [expect.stringMatching(line)] })
      expect((await command(given, 'doctor')).lines.join('\n')).toMatch(line)
    }
  })
})

describe('a DATABASE_URL of a server that is not Postgres', { concurrent: true }, () => {
  const ANSWERS = ['HTTP/1.1 400 Bad Request\r\n\r\n', 'N', '\u0000']
  const QUERIES = ['', '?sslmode=require', '?sslmode=verify-full']

  it.each(ANSWERS.flatMap(says => QUERIES.map(query => [says, query] as const)))(
    'ends with one line when the server answers %j to a URL with "%s"',
    async (says, query) => {
      const other = createServer(socket => {
        socket.on('error', () => {}).end(says)
      })
      await once(other.listen(0, '127.0.0.1'), 'listening')
      const { port } = other.address() as AddressInfo
      const { code, lines } = await command(`postgres://a:b@127.0.0.1:${port}/c${query}`, 'migrate')
      expect({ code, lines }).toEqual({
        code: 2,
        lines: [
          expect.stringMatching(
            /^DATABASE_URL: the database cannot be reached .*: the server (?:there is not Postgres|has no TLS)/,
          ),
        ],
      })
      other.close()
    },
  )
})
