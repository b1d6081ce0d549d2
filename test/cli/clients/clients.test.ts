import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { METADATA_MOST_BYTES } from '../../../src/domain/oauth/client.ts'
import { hasPostgres } from '../../support/backends.ts'
import { basic, CLIENT_CREDENTIALS } from '../../support/clients.ts'
import { openDatabase } from '../../support/database.ts'
import { startAt } from '../../support/deployment.ts'
import { createPostgresStorage, type Storage, storages } from '../../support/storage.ts'
import { SECRET, serviceEntry as service, signetd } from './support.ts'

const parsed = ({ out }: { out: readonly string[] }) =>
  out.map(line => JSON.parse(line) as Readonly<Record<string, unknown>>)

describe.each(storages)('signetd clients ($name)', ({ create }) => {
  let storage: Storage
  beforeAll(async () => {
    storage = await create()
  })
  afterAll(() => storage.remove())

  it('adds a client with a generated secret, which gets tokens of a server that starts', async () => {
    const words = ['clients', 'add', '-', '--generate-secret', '--json']
    const added = await signetd(storage.environment, words, JSON.stringify(service('made')))
    expect(added).toMatchObject({ code: 0, err: [] })
    const [{ client_secret } = {}] = parsed(added)
    expect(client_secret).toMatch(/^[\w-]{43}$/)
    const signet = await startAt(storage)
    try {
      const { status } = await signet.token(CLIENT_CREDENTIALS, basic('made', String(client_secret)))
      expect(status).toBe(200)
      expect((await signet.token(CLIENT_CREDENTIALS, basic('made', SECRET))).status).toBe(401)
    } finally {
      await signet.close()
    }
  }, 60_000)
})

/** Not on the embedded database: each command opens it anew, which takes seconds. */
describe.skipIf(!hasPostgres)('signetd clients', () => {
  let storage: Storage
  let directory: string
  beforeAll(async () => {
    storage = await createPostgresStorage()
  })
  afterAll(() => storage.remove())
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'signet-cli-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  const run = (words: readonly string[], input: unknown = '') =>
    signetd(
      storage.environment,
      ['clients', ...words],
      typeof input === 'string' ? input : JSON.stringify(input),
    )
  it('adds no client that administers: those are in CLIENTS_FILE alone', async () => {
    expect(
      await run(['add', '-', '--generate-secret'], { ...service('robot'), scope: 'signet:viewer' }),
    ).toMatchObject({
      code: 2,
      err: [
        'client "robot": scope must not contain signet:viewer: only a client of CLIENTS_FILE administers this server',
      ],
    })
    expect(await run(['list', '--json'])).toMatchObject({ code: 0, out: [] })
  })

  const fileOf = (content: unknown) => {
    const file = join(directory, 'clients.json')
    writeFileSync(file, JSON.stringify(content))
    return file
  }
  const shown = async (client_id: string) => parsed(await run(['show', client_id, '--json']))[0]
  const onDatabase = async (work: (database: ReturnType<typeof openDatabase>) => Promise<unknown>) => {
    const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 1 })
    await work(database)
    await database.close()
  }

  it('adds the clients of a whole file, and says which of them it refuses', async () => {
    expect(await run(['add', '-'], service('whole', { client_secret: SECRET }))).toEqual({
      code: 0,
      out: ['added whole'],
      err: [],
    })
    const file = fileOf(['first', 'whole', 'second'].map(id => service(id, { client_secret: SECRET })))
    const { code, out, err } = await run(['add', file])
    expect({ code, out }).toEqual({ code: 1, out: ['added first', 'added second'] })
    expect(err).toEqual([expect.stringMatching(/^there is a client whole in the database already: /)])
    expect(parsed(await run(['list', '--json'])).map(({ client }) => client)).toContainEqual(service('first'))
  })

  it.each([
    ['{', /^standard input, line 1: is not JSON|^-, line 1: is not JSON/],
    ['', /line 1: is not JSON/],
    [[service('a')], /line 1: client "a": client_secret is required by client_secret_basic/],
    [service('a', { client_secret: 'short' }), /client_secret must be 32 characters or more/],
    ['[\n{"client_id": "a", "client_secret": 7}]', /line 2: client "a": client_secret must be a string/],
    [[7], /client number 1: must be an object/],
    ['7', /client number 1: must be an object/],
    [
      [service('a', { client_secret: SECRET }), service('a', { client_secret: SECRET })],
      /client_id is registered twice/,
    ],
    [service('a', { client_secret: SECRET, redirect_uri: 'x' }), /did you mean redirect_uris/],
  ])('refuses %j with 2 and a line for each fault, and adds nothing', async (input, expected) => {
    const { code, out, err } = await run(['add', '-'], input)
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(err).toEqual([expect.stringMatching(expected)])
    expect(err.join()).not.toContain(SECRET)
    expect((await run(['show', 'a'])).code).toBe(1)
  })

  it('takes a registration of the longest length, and none that is longer', async () => {
    const empty = Buffer.byteLength(JSON.stringify({ ...service(''), client_id: undefined, contacts: [] }))
    const sized = (client_id: string, bytes: number) => {
      const contacts: string[] = []
      for (let left = bytes - empty; left > 0; ) {
        const comma = contacts.length > 0 ? 1 : 0
        const length = Math.min(200, left - 2 - comma)
        contacts.push('x'.repeat(length))
        left -= length + 2 + comma
      }
      return service(client_id, { contacts, client_secret: SECRET })
    }
    const long = await run(['add', '-'], sized('long', METADATA_MOST_BYTES))
    expect(long).toEqual({ code: 0, out: ['added long'], err: [] })
    const { code, err } = await run(['add', '-'], sized('longer', METADATA_MOST_BYTES + 1))
    expect({ code, err }).toEqual({
      code: 2,
      err: [`client "longer": the metadata has more than ${METADATA_MOST_BYTES} bytes: shorten the lists`],
    })
  })

  it('shows a client in the form of CLIENTS_FILE, with no trace of its secret', async () => {
    await run(['add', '-'], service('seen', { client_secret: SECRET, client_name: 'Seen' }))
    expect(await shown('seen')).toEqual({
      client: service('seen', { client_name: 'Seen' }),
      state: 'enabled',
      has_secret: true,
      version: expect.any(Number),
      created_at: expect.any(String),
      updated_at: expect.any(String),
      disabled_at: null,
      faults: [],
    })
    const { out } = await run(['show', 'seen'])
    expect(out.join('\n')).toMatch(/^client_id +seen\n/)
    expect(out.join('\n')).not.toContain(SECRET)
  })

  it('replaces a registration and keeps the secret, or makes another one, or drops one without use', async () => {
    await run(['add', '-'], service('changed', { client_secret: SECRET }))
    const before = await shown('changed')
    expect(await run(['replace', '-'], service('changed', { scope: 'write' }))).toMatchObject({ code: 0 })
    expect(await shown('changed')).toMatchObject({ client: { scope: 'write' }, has_secret: true })
    expect((await shown('changed'))?.['version']).not.toBe(before?.['version'])
    const made = await run(['replace', '-', '--generate-secret'], service('changed'))
    expect(made.out).toEqual([expect.stringMatching(/^replaced changed\nclient_secret [\w-]{43}$/)])
    const none = { client_id: 'changed', token_endpoint_auth_method: 'none' }
    expect((await run(['replace', '-'], none)).code).toBe(0)
    expect(await shown('changed')).toMatchObject({ has_secret: false })
    const { code, err } = await run(['replace', '-'], service('changed'))
    expect({ code, err }).toEqual({
      code: 2,
      err: [expect.stringMatching(/^client "changed": client_secret is required/)],
    })
    expect(await run(['replace', '-'], service('unknown'))).toMatchObject({
      code: 1,
      err: [expect.stringMatching(/^there is no client unknown in the database: add it/)],
    })
  })

  it('replaces none of the clients of a file with a fault', async () => {
    const keyed = { client_id: 'keyless', token_endpoint_auth_method: 'none' }
    await run(['add', '-'], [service('sound', { client_secret: SECRET }), keyed])
    const before = await shown('sound')
    const { code, out } = await run(['replace', '-'], [service('sound', { scope: 'b' }), service('keyless')])
    expect({ code, out }).toEqual({ code: 2, out: [] })
    expect(await shown('sound')).toEqual(before)
  })

  it('prints no character that a terminal interprets', async () => {
    const client_name = 'A\u001b]0;b\u0007\u009b31m\u202eC'
    // A name that no registration takes any more.
    await onDatabase(
      ({ sql }) =>
        sql`insert into clients (client_id, metadata, version) values ('loud', ${JSON.stringify({ client_name })}, 0)`,
    )
    const printed = [...(await run(['list'])).out, ...(await run(['show', 'loud'])).out]
    expect(printed).toContainEqual(expect.stringMatching(/ loud {2}A�\]0;b��31m�C$/))
    for (const line of printed.join('\n').split('\n')) expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect((await shown('loud'))?.['client']).toMatchObject({ client_name })
    await onDatabase(({ sql }) => sql`delete from clients where client_id = 'loud'`)
  })

  it('refuses a client that it does not know, with 1', async () => {
    for (const words of [['show'], ['disable'], ['enable'], ['remove'], ['remove', '--now']])
      expect(await run([...words, 'none'])).toEqual({
        code: 1,
        out: [],
        err: ['there is no client none in the database: signetd clients list prints them'],
      })
  })

  it('removes a client for good only with --now', async () => {
    await run(['add', '-'], service('doomed', { client_secret: SECRET }))
    expect(await run(['remove', 'doomed'])).toEqual({
      code: 1,
      out: [],
      err: ['would remove doomed: add --now to remove it'],
    })
    expect(await shown('doomed')).toMatchObject({ state: 'enabled' })
    expect(await run(['remove', 'doomed', '--now'])).toEqual({ code: 0, out: ['removed doomed'], err: [] })
    expect((await run(['show', 'doomed'])).code).toBe(1)
  })

  it('lists disabled clients apart', async () => {
    await run(['add', '-'], service('off', { client_secret: SECRET }))
    await run(['disable', 'off'])
    expect((await run(['list', '--disabled'])).out).toEqual([expect.stringMatching(/ disabled +off$/)])
    expect((await run(['list', '--enabled'])).out.join('\n')).not.toMatch(/off$/m)
    expect((await run(['enable', 'off', '--json'])).out).toEqual(['{"client_id":"off","enabled":true}'])
    expect((await run(['list', '--disabled'])).out).toEqual([])
    expect((await run(['list'])).out).toContainEqual(
      expect.stringMatching(/^\d{4}-\d\d-\d\d {2}enabled +off$/),
    )
  })

  it('names a client that stands in CLIENTS_FILE too, and checks both', async () => {
    const CLIENTS_FILE = fileOf([service('twice', { client_secret: SECRET })])
    const environment = { ...storage.environment, CLIENTS_FILE }
    const inBoth = 'client twice stands in CLIENTS_FILE and in the database: servers use the one of the file'
    const added = await signetd(
      environment,
      ['clients', 'add', '-'],
      JSON.stringify(service('twice', { client_secret: SECRET })),
    )
    expect(added).toEqual({ code: 0, out: ['added twice'], err: [inBoth] })
    expect((await signetd(environment, ['clients', 'disable', 'twice'])).err).toEqual([inBoth])
    expect(await signetd(environment, ['clients', 'check'])).toEqual({
      code: 0,
      out: ['twice'],
      err: [inBoth],
    })
    const { out } = await signetd(environment, ['clients', 'check', '--json'])
    expect(parsed({ out })).toEqual([
      { client_ids: ['twice'], database: { clients: expect.any(Number), in_file_too: ['twice'] } },
    ])
    const doctor = await signetd(environment, ['doctor', '--json'])
    expect(parsed(doctor)[0]?.['findings']).toContainEqual({ check: 'clients', fault: null, note: inBoth })
    const away = { ...environment, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }
    expect(await signetd(away, ['clients', 'check'])).toMatchObject({
      code: 0,
      out: ['twice'],
      err: [expect.stringMatching(/^the clients of the database are not checked: /)],
    })
  })

  it('disables a client also while CLIENTS_FILE has faults', async () => {
    await run(['add', '-'], service('urgent', { client_secret: SECRET }))
    const environment = { ...storage.environment, CLIENTS_FILE: fileOf('no list') }
    expect(await signetd(environment, ['clients', 'disable', 'urgent'])).toMatchObject({
      code: 0,
      out: ['disabled urgent'],
      err: [expect.stringMatching(/must be a JSON array of clients$/)],
    })
  })

  it('shows a client that this version does not understand, and has a fault of it in check and doctor', async () => {
    await onDatabase(async ({ sql }) => {
      await sql`insert into signet.clients (client_id, metadata, version) values ('newer', '{"a_new_member":1}', 0)`
      await sql`insert into signet.clients (client_id, metadata, version) values ('broken', 'no JSON', 0)`
    })
    const fault = 'client newer of the database: a_new_member is not a member that Signet knows'
    const check = await run(['check'])
    expect(check.code).toBe(2)
    expect(check.err).toEqual([
      'client broken of the database: the metadata is not a JSON object',
      expect.stringContaining(fault),
    ])
    expect((await run(['list'])).out).toContainEqual(expect.stringMatching(/ not understood +newer$/))
    expect(await shown('newer')).toMatchObject({ client: { a_new_member: 1 }, state: 'not understood' })
    expect(await shown('broken')).toMatchObject({ state: 'not understood' })
    const { code, out } = await signetd(storage.environment, ['doctor'])
    expect(code).toBe(1)
    expect(out).toContainEqual(expect.stringContaining(fault))
    for (const id of ['newer', 'broken']) expect((await run(['remove', id, '--now'])).code).toBe(0)
  })
})
