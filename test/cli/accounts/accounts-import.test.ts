import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { Sql } from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { hasPostgres } from '../../support/backends.ts'
import { openDatabase } from '../../support/database.ts'
import { startAt } from '../../support/deployment.ts'
import { SIGNETD, startProgram, stopProgram } from '../../support/process.ts'
import { createPostgresStorage, type Storage, storages } from '../../support/storage.ts'
import { accounts, jsonLines, OLD_DIGEST, parsed } from './support.ts'

const range = (count: number) => Array.from({ length: count }, (_, index) => index)
const people = (count: number, domain: string) =>
  range(count).map(index => ({ email: `p${index}@${domain}`, password_digest: OLD_DIGEST }))

describe.each(storages)('signetd accounts import ($name)', ({ create }) => {
  let storage: Storage
  beforeAll(async () => {
    storage = await create()
  })
  afterAll(() => storage.remove())
  const importing = (input: string | Buffer | Readable, ...words: string[]) =>
    accounts(storage.environment, ['import', '-', '--json', ...words], input)

  it('gives no role that administers the server unless it is told to', async () => {
    const lines = jsonLines([
      { email: 'root@import.example', roles: ['user', 'signet:admin'] },
      { email: 'eye@import.example', roles: ['signet:viewer'] },
      { email: 'near@import.example', roles: ['signet:administrator'] },
    ])
    expect(parsed(await importing(lines))).toEqual([
      { line: 1, code: 'role_administrative', field: 'roles' },
      { line: 2, code: 'role_administrative', field: 'roles' },
      { summary: { lines: 3, created: 1, created_before: 0, refused: 2 } },
    ])
    const again = await importing(lines, '--again', '--allow-administrators')
    expect(parsed(again).at(-1)).toEqual({
      summary: { lines: 3, created: 2, created_before: 0, refused: 1 },
    })
  })

  it('creates the accounts, passes over refused lines, and says why', async () => {
    const said = await importing(
      Buffer.concat([
        Buffer.from(
          jsonLines([
            { email: 'One@import.example', password_digest: OLD_DIGEST, roles: ['editor'] },
            'no json',
            '',
            { email: 'ｏne@import.example' },
            { email: 'two@import.example', roles: ['a b'], id: 7 },
            { email: 'three@import.example', id: '01900000-0000-7000-8000-00000000000a' },
            { email: 'four@import.example', id: '01900000-0000-7000-8000-00000000000A' },
          ]),
        ),
        Buffer.from('{"email":"fi\xff\xfeve@import.example"}\n', 'latin1'),
        Buffer.from(`{"email":"six@import.example","roles":["${'x'.repeat(20_000)}"]}\r\n`),
        Buffer.from('{"email":"last@import.example"}\r\n{"email":"cut'),
      ]),
    )
    expect(said.code).toBe(1)
    expect(parsed(said)).toEqual([
      { line: 2, code: 'json_invalid', field: null },
      { line: 4, code: 'email_repeated', field: 'email' },
      { line: 5, code: 'field_invalid', field: 'roles' },
      { line: 5, code: 'field_invalid', field: 'id' },
      { line: 7, code: 'id_repeated', field: 'id' },
      { line: 8, code: 'utf8_invalid', field: null },
      { line: 9, code: 'line_too_long', field: null },
      { line: 11, code: 'json_invalid', field: null },
      { summary: { lines: 11, created: 3, created_before: 0, refused: 7 } },
    ])
    const signet = await startAt(storage)
    const answer = await signet.ask('/auth/login', {
      body: {
        email: 'one@import.example',
        password: 'correct horse battery',
      },
    })
    await signet.close()
    expect(answer.body).toMatchObject({ user: { email: 'one@import.example', roles: ['editor'] } })
  })

  it('refuses e-mails and ids that other accounts have, with the same result when it is run again', async () => {
    const id = '01900000-0000-7000-8000-0000000000bb'
    await importing(jsonLines([{ email: 'first@taken.example', id }]))
    const file = jsonLines([
      { email: 'second@taken.example' },
      { email: 'FIRST@taken.example' },
      { email: 'third@taken.example', id },
      { email: 'first@taken.example', id },
    ])
    const refusals = [
      { line: 2, code: 'email_taken', field: 'email' },
      { line: 3, code: 'id_taken', field: 'id' },
    ]
    const repeated = { line: 4, code: 'email_repeated', field: 'email' }
    const said = await importing(file)
    expect(parsed(said)).toEqual([
      ...refusals,
      repeated,
      { summary: { lines: 4, created: 1, created_before: 0, refused: 3 } },
    ])
    const again = await importing(file)
    expect(parsed(again)).toEqual([
      ...refusals,
      repeated,
      { summary: { lines: 4, created: 0, created_before: 1, refused: 3 } },
    ])
    const anew = await importing(file, '--again')
    expect(parsed(anew).at(-1)).toEqual({
      summary: { lines: 4, created: 0, created_before: 0, refused: 4 },
    })
  })
})

describe.each(storages)('the profile and the id of another system ($name)', ({ create }) => {
  let storage: Storage
  beforeAll(async () => {
    storage = await create()
  })
  afterAll(() => storage.remove())
  const importing = (lines: readonly unknown[], ...words: string[]) =>
    accounts(storage.environment, ['import', '-', '--json', ...words], jsonLines(lines))
  const show = async (account: string) =>
    parsed(await accounts(storage.environment, ['show', account, '--json']))[0]

  it('are imported as they are, and each fault is one of its line', async () => {
    const profile = { name: 'Ada Lovelace', given_name: 'Ada', picture: null, locale: 'en-GB' }
    const said = await importing([
      { email: 'ada@profile.example', external_id: 'auth0|Ada', ...profile },
      { email: 'case@profile.example', external_id: 'auth0|ada' },
      { email: 'none@profile.example', external_id: null },
      { email: 'twice@profile.example', external_id: 'auth0|Ada' },
      { email: 'space@profile.example', external_id: ' a' },
      { email: 'number@profile.example', external_id: 7 },
      { email: 'bad@profile.example', picture: 'http://img.example', zoneinfo: 'Mars', name: 7 },
    ])
    expect(parsed(said)).toEqual([
      { line: 4, code: 'external_id_repeated', field: 'external_id' },
      { line: 5, code: 'field_invalid', field: 'external_id' },
      { line: 6, code: 'field_invalid', field: 'external_id' },
      { line: 7, code: 'field_invalid', field: 'picture' },
      { line: 7, code: 'field_invalid', field: 'zoneinfo' },
      { line: 7, code: 'field_invalid', field: 'name' },
      { summary: { lines: 7, created: 3, created_before: 0, refused: 4 } },
    ])
    expect(await show('auth0|Ada')).toMatchObject({
      ...profile,
      email: 'ada@profile.example',
      external_id: 'auth0|Ada',
      family_name: null,
    })
    expect(await show('case@profile.example')).toMatchObject({ external_id: 'auth0|ada', name: null })
  })

  it('refuse an external id that another account has, with the same result when it is run again', async () => {
    await importing([{ email: 'first@held.example', external_id: 'held|1' }])
    const lines = [
      { email: 'second@held.example', external_id: 'held|1' },
      { email: 'first@held.example', external_id: 'held|2' },
      { email: 'third@held.example', external_id: 'held|3' },
    ]
    const refusals = [
      { line: 1, code: 'external_id_taken', field: 'external_id' },
      { line: 2, code: 'email_taken', field: 'email' },
    ]
    for (const created_before of [0, 1])
      expect(parsed(await importing(lines))).toEqual([
        ...refusals,
        { summary: { lines: 3, created: 1 - created_before, created_before, refused: 2 } },
      ])
  })
})

describe.runIf(hasPostgres)('an import', () => {
  let storage: Storage
  let directory: string
  let sql: Sql
  let close: () => Promise<void>
  beforeEach(async () => {
    storage = await createPostgresStorage()
    directory = mkdtempSync(join(tmpdir(), 'signet-import-'))
    const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 2 })
    sql = database.sql
    close = () => database.close()
  })
  afterEach(async () => {
    await close()
    await storage.remove()
    rmSync(directory, { recursive: true, force: true })
  })
  const importing = (input: string | Readable, ...words: string[]) =>
    accounts(storage.environment, ['import', '-', '--json', ...words], input)
  const summary = (said: Awaited<ReturnType<typeof accounts>>) => sumOf(parsed(said))
  const sumOf = (lines: readonly Readonly<Record<string, unknown>>[]) =>
    (lines.at(-1)?.['summary'] ?? {}) as Readonly<Record<string, number>>
  const count = async () => {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from users`
    return row?.count
  }
  const write = (name: string, text: string) => {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  }
  const start = (...words: string[]) =>
    startProgram(storage.environment, [process.execPath, SIGNETD, 'accounts', ...words])

  it('that is killed at any line loses and doubles no account when it is run again', async () => {
    const lines = people(6000, 'killed.example')
    const taken = { email: 'p5@killed.example' }
    const path = write('killed.jsonl', jsonLines([...lines, taken, 'bad']))
    for (let kills = 0; kills < 4; kills += 1) {
      const before = (await count()) ?? 0
      const program = start('import', path, '--json')
      await expect.poll(count, { interval: 1, timeout: 10_000 }).not.toBe(before)
      await stopProgram(program, 'SIGKILL')
    }
    expect(await count()).toBeLessThan(6000)
    const last = start('import', path, '--json')
    expect((await last.ended).code).toBe(1)
    const said = last.log()
    expect(said.slice(0, -1)).toEqual([
      { line: 6001, code: 'email_taken', field: 'email' },
      { line: 6002, code: 'json_invalid', field: null },
    ])
    const { created = 0, created_before = 0 } = sumOf(said)
    expect([created + created_before, await count()]).toEqual([6000, 6000])
  }, 60_000)

  it('neither restores an account that was deleted meanwhile nor undoes changes', async () => {
    const file = jsonLines(people(3, 'meanwhile.example'))
    expect(summary(await importing(file))).toMatchObject({ created: 3 })
    await sql`delete from users where email = 'p1@meanwhile.example'`
    // Where names lead to people, a deletion takes them along.
    await sql`delete from account_names where value = 'p1@meanwhile.example'`
    await sql`update users set roles = '{admin}' where email = 'p2@meanwhile.example'`
    expect(summary(await importing(file))).toMatchObject({ created: 0, created_before: 3, refused: 0 })
    expect(await count()).toBe(2)
    expect(summary(await importing(file, '--again'))).toMatchObject({ created: 1, refused: 2 })
    const [row] = await sql`select roles from users where email = 'p2@meanwhile.example'`
    expect(row?.['roles']).toEqual(['admin'])
  })

  it('of one file by two processes at once creates each account once, with one result', async () => {
    const file = jsonLines([...people(2600, 'twice.example'), 'bad'])
    const both = await Promise.all([importing(file), importing(file)])
    expect(await count()).toBe(2600)
    for (const said of both) {
      const { created = 0, created_before = 0, refused } = summary(said)
      expect([created + created_before, refused]).toEqual([2600, 1])
    }
  })

  it('of two files with the same people in another order runs into no deadlock', async () => {
    const lines = people(2000, 'order.example')
    const [one, other] = await Promise.all([
      importing(jsonLines(lines)),
      importing(jsonLines(lines.toReversed())),
    ])
    const sums = [one, other].map(said => summary(said))
    expect(sums.reduce((sum, { created = 0 }) => sum + created, 0)).toBe(2000)
    expect(sums.reduce((sum, { refused = 0 }) => sum + refused, 0)).toBe(2000)
  })

  it('goes on where a file that has grown since was complete', async () => {
    const lines = people(1200, 'grown.example')
    await importing(jsonLines(lines.slice(0, 1000)))
    expect(summary(await importing(jsonLines(lines)))).toEqual({
      lines: 1200,
      created: 200,
      created_before: 1000,
      refused: 0,
    })
  })

  it('bounds the memory of a line without an end', async () => {
    const chunk = Buffer.alloc(1 << 20, 'x')
    async function* endless() {
      yield Buffer.from(`${JSON.stringify({ email: 'before@endless.example' })}\n`)
      for (let chunks = 0; chunks < 96; chunks += 1) yield chunk
      yield Buffer.from(`\n${JSON.stringify({ email: 'after@endless.example' })}\n`)
    }
    globalThis.gc?.()
    const before = process.memoryUsage.rss()
    const said = await importing(Readable.from(endless()))
    expect(parsed(said)[0]).toEqual({ line: 2, code: 'line_too_long', field: null })
    expect(summary(said)).toMatchObject({ lines: 3, created: 2, refused: 1 })
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 << 20)
  })

  it('prints only the first faults of a line', async () => {
    const fields = Object.fromEntries(range(1500).map(index => [`f${index}`, 1]))
    const said = await importing(jsonLines([{ email: 'a@many.example', ...fields }]))
    expect(parsed(said)).toHaveLength(9)
    expect(summary(said)).toMatchObject({ lines: 1, created: 0, refused: 1 })
  })

  it('of an export creates the same accounts', async () => {
    const lines = [
      {
        email: 'a@round.example',
        password_digest: OLD_DIGEST,
        roles: ['admin', 'x:y/z'],
        email_verified: true,
      },
      {
        email: 'c@round.example',
        external_id: 'auth0|c',
        name: 'Ada',
        given_name: 'A',
        family_name: 'L',
        preferred_username: 'ada',
        picture: 'https://img.example/a.png',
        locale: 'de',
        zoneinfo: 'UTC',
      },
      { email: 'b@round.example', roles: [], disabled: true, created_at: '2020-02-29T12:00:00.123456Z' },
      ...people(1500, 'round.example'),
    ]
    await importing(jsonLines(lines))
    const exported = await accounts(storage.environment, ['export', '--with-digests', '--json'])
    expect({ code: exported.code, err: exported.err }).toEqual({ code: 0, err: ['{"accounts":1503}'] })
    const other = await createPostgresStorage()
    const said = await accounts(other.environment, ['import', '-', '--json'], jsonLines(exported.out))
    expect(summary(said)).toMatchObject({ created: 1503, refused: 0 })
    const again = await accounts(other.environment, ['export', '--with-digests'])
    expect(again.out).toEqual(exported.out)
    const bare = await accounts(other.environment, ['export'])
    expect(bare.out).toHaveLength(1503)
    expect(bare.out.join('\n')).not.toMatch(/digest|\$2/)
    await other.remove()
  })

  it('shows a progress bar at a terminal, and none to programs', async () => {
    const path = write('few.jsonl', jsonLines(people(10, 'few.example')))
    const program = start('import', path)
    expect((await program.ended).code).toBe(0)
    expect([program.out(), program.err()]).toEqual(['', 'lines: 10, created: 10, refused: 0\n'])
  })
})
