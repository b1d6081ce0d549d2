import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { NIL_UUID } from '../../../src/domain/base/uuid.ts'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  outcomeOf,
  refreshTokens,
  sidOf,
  signIn,
  signUp,
  trySignIn,
} from '../../support/accounts/account-api.ts'
import { second, withTotp } from '../../support/accounts/factors.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { openDatabase } from '../../support/database.ts'
import { type Instance, startAt } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { createSharedStorage, type Storage, storages } from '../../support/storage.ts'
import { accounts, parsed } from './support.ts'

/** Postgres where there is one: each command opens the embedded database anew, which takes a second. */
const fastest = storages.slice(-1)

describe.each(storages)('signetd accounts create ($name)', ({ create }) => {
  let storage: Storage
  beforeAll(async () => {
    storage = await create()
  })
  afterAll(() => storage.remove())
  const run = (words: readonly string[], input?: string) => accounts(storage.environment, words, input)

  it('creates an account that can sign in, with the password from standard input', async () => {
    const made = await run(
      ['create', ' Ａda@Create.example', '--role', 'admin', 'user', '--json'],
      `${PASSWORD}\n`,
    )
    expect(made.code).toBe(0)
    expect(parsed(made)).toEqual([
      { id: expect.any(String), email: 'ada@create.example', roles: ['admin', 'user'] },
    ])
    const signet = await startAt(storage)
    try {
      expect(await signIn(signet, 'ada@create.example')).toMatchObject({
        user: { email: 'ada@create.example', roles: ['admin', 'user'] },
      })
    } finally {
      await signet.close()
    }
    const again = await run(['create', 'ADA@create.example'], PASSWORD)
    expect(again).toEqual({
      code: 1,
      out: [],
      err: [expect.stringContaining('there is an account ada@create.example already: ')],
    })
  })
})

describe.each(fastest)('signetd accounts ($name)', ({ create }) => {
  let storage: Storage
  let directory: string
  beforeAll(async () => {
    storage = await create()
  })
  afterAll(() => storage.remove())
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'signet-cli-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))
  const run = (words: readonly string[], input?: string) => accounts(storage.environment, words, input)

  it('reads the password from a file, or creates an account without one', async () => {
    const file = join(directory, 'password')
    writeFileSync(file, `${PASSWORD}\r\n`)
    expect((await run(['create', 'file@create.example', '--password-file', file])).code).toBe(0)
    expect((await run(['create', 'none@create.example', '--no-password', '--email-verified'])).code).toBe(0)
    const shown = await run(['show', 'none@create.example', '--json'])
    expect(parsed(shown)[0]).toMatchObject({ has_password: false, email_verified: true, roles: ['user'] })
    expect(parsed(await run(['show', 'file@create.example', '--json']))[0]).toMatchObject({
      has_password: true,
      email_verified: false,
      disabled: false,
      sign_ins: 0,
    })
  })

  it.each([
    [['create', 'no-address'], PASSWORD, /the argument must be an e-mail address/],
    [['create', 'pаypal@bad.example'], PASSWORD, /the argument must be/],
    [['create', 'a@bad.example', '--role', 'a b'], PASSWORD, /the roles must/],
    [['create', 'a@bad.example'], 'short', /the password must be 8 characters/],
    [['create', 'a@bad.example'], 'password1', /common/],
    [['create', 'a@bad.example'], 'two\nlines of it', /more than one line/],
    [['create', 'a@bad.example'], '', /the password must be 8/],
    [
      ['create', 'a@bad.example', '--password-file', '/none'],
      '',
      /\/none cannot be read \(ENOENT\): name a file/,
    ],
    [['create', 'a@bad.example', '--password', 'secret'], '', /unknown option '--password'/],
    [['create', 'a@bad.example', '--no-password', '--password-file', 'x'], '', /cannot be used with/],
    [['show', 'nobody@bad.example'], '', /there is no account nobody@bad.example/],
    [['show', '01900000-0000-7000-8000-000000000000'], '', /there is no account/],
    [['disable', "'; drop table users; --"], '', /there is no account/],
    [['set-roles', 'a@bad.example'], '', /name the new roles, or add --none/],
    [['set-roles', 'a@bad.example', 'admin', '--none'], '', /name the new roles, or add --none/],
    [['set-roles', 'a@bad.example', 'a,b'], '', /roles must each be/],
    [
      ['create', 'a@bad.example', '--no-password', '--external-id', ' a'],
      '',
      /the external id must be 1 to 255/,
    ],
    [['create', 'a@bad.example', '--no-password', '--locale', 'German'], '', /locale must be a language tag/],
    [['set-external-id', 'a@bad.example'], '', /name the external id, or add --none/],
    [['set-external-id', 'a@bad.example', 'a', '--none'], '', /name the external id, or add --none/],
    [['list', '--enabled', '--disabled'], '', /cannot be used with/],
    [['list', '--limit', '0'], '', /a number from 1 on/],
    [['import', '/none'], '', /\/none cannot be read \(ENOENT\): name a file/],
    [['import', '/'], '', /is a directory/],
  ])('refuses %j (standard input %j)', async (words, input, expected) => {
    const said = await run(words, input)
    expect({ code: said.code, out: said.out }).toEqual({ code: 1, out: [] })
    expect(said.err.join('\n')).toMatch(expected)
  })

  it('gives an account the id of another system, and finds it by that', async () => {
    const made = await run([
      'create',
      'ext@id.example',
      '--no-password',
      '--external-id',
      'a|1',
      '--name',
      'Ada',
    ])
    expect(made.code).toBe(0)
    const shown = async (account: string) => parsed(await run(['show', account, '--json']))[0]
    expect(await shown('a|1')).toMatchObject({ email: 'ext@id.example', external_id: 'a|1', name: 'Ada' })
    const taken = await run(['create', 'other@id.example', '--no-password', '--external-id', 'a|1'])
    expect(taken).toMatchObject({
      code: 1,
      err: ['the account ext@id.example has the external id a|1 already'],
    })
    await run(['create', 'other@id.example', '--no-password'])
    const refused = await run(['set-external-id', 'other@id.example', 'a|1'])
    expect(refused).toMatchObject({ code: 1, err: ['another account has the external id a|1 already'] })
    // Ids of other systems that look like an e-mail or a UUID of ours name no account unless they are marked.
    for (const external_id of ['ext@id.example', '01900000-0000-7000-8000-000000000000']) {
      expect((await run(['set-external-id', 'other@id.example', external_id])).code).toBe(0)
      expect(await shown(`external_id:${external_id}`)).toMatchObject({ email: 'other@id.example' })
    }
    expect(await shown('ext@id.example')).toMatchObject({ external_id: 'a|1' })
    expect((await run(['show', '01900000-0000-7000-8000-000000000000'])).code).toBe(1)
    expect((await run(['set-external-id', 'a|1', '--none'])).out).toEqual([
      'external id of ext@id.example: none',
    ])
    expect((await run(['show', 'a|1'])).code).toBe(1)
  })

  it('lists accounts by role, state and prefix of the e-mail, page by page', async () => {
    for (const name of ['ann', 'anna', 'bob'])
      await run(['create', `${name}@list.example`, '--no-password', '--role', name, 'lister'])
    await run(['disable', 'bob@list.example'])
    const emails = async (...words: string[]) =>
      parsed(await run(['list', '--json', ...words])).map(({ email }) => email)
    expect(await emails('--role', 'lister')).toEqual([
      'ann@list.example',
      'anna@list.example',
      'bob@list.example',
    ])
    expect(await emails('--email', 'ANN')).toEqual(['ann@list.example', 'anna@list.example'])
    expect(await emails('--email', 'ann@')).toEqual(['ann@list.example'])
    expect(await emails('--role', 'lister', '--disabled')).toEqual(['bob@list.example'])
    expect(await emails('--role', 'lister', '--enabled', '--limit', '1')).toEqual(['ann@list.example'])
    expect(await emails('--email', '%')).toEqual([])
    const people = await run(['list', '--role', 'bob'])
    expect(people.out).toEqual([
      expect.stringMatching(/^[\da-f-]{36}  \d{4}-\d\d-\d\d  disabled  bob@list\.example  bob lister$/),
    ])
    await run(['enable', 'bob@list.example'])
    expect(await emails('--role', 'lister', '--disabled')).toEqual([])
  })

  it('deletes only with --now', async () => {
    await run(['create', 'gone@delete.example', '--no-password'])
    expect(await run(['delete', 'gone@delete.example'])).toMatchObject({
      code: 1,
      err: ['would delete gone@delete.example: add --now to delete it'],
    })
    expect((await run(['show', 'gone@delete.example'])).code).toBe(0)
    const deleted = await run(['delete', 'gone@delete.example', '--now', '--json'])
    expect(parsed(deleted)).toEqual([{ id: expect.any(String), deleted: true, sign_ins_ended: 0 }])
    expect((await run(['show', 'gone@delete.example'])).code).toBe(1)
  })

  it('prints a fault of the settings in one line, as JSON with --json, with 2', async () => {
    const broken = { ...storage.environment, ACCESS_TOKEN_TTL_SECONDS: 'x' }
    const said = await accounts(broken, ['list', '--json'])
    expect(said.code).toBe(2)
    expect(parsed(said)).toEqual([{ faults: [expect.stringContaining('ACCESS_TOKEN_TTL_SECONDS')] }])
    const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }
    const lost = await accounts(away, ['list'])
    expect({ code: lost.code, lines: lost.err.length }).toEqual({ code: 2, lines: 1 })
  })
})

describe('signetd accounts at a terminal', () => {
  it('asks for the password twice, without an echo', async () => {
    const typed = ['not the same\r', 'lantern\r']
    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} })
    const screen = new PassThrough()
    let shown = ''
    screen.on('data', chunk => {
      shown += String(chunk)
      if (String(chunk).endsWith(': ')) input.write(typed.shift() ?? '\u0003')
    })
    const err: string[] = []
    const io = { environment: {}, out: () => {}, err: (line: string) => void err.push(line), input, screen }
    expect(await runProgram(['accounts', 'create', 'a@tty.example'], io, async () => {})).toBe(1)
    expect(err).toEqual(['the two passwords differ: run the command again'])
    expect(shown).toBe('Password: \nOnce more: \n')
    expect(await runProgram(['accounts', 'create', 'a@tty.example'], io, async () => {})).toBe(1)
    expect(err.at(-1)).toBe('no password was given: run the command again')
  })
})

describe('the embedded database', () => {
  it('is not created by a command whose DATABASE_URL was forgotten', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'signet-cli-'))
    const DATA_DIR = join(directory, 'data')
    const said = await accounts({ DATA_DIR }, ['create', 'a@lost.example', '--no-password'])
    expect(said).toEqual({
      code: 2,
      out: [],
      err: [expect.stringContaining('set DATABASE_URL, or set DATA_DIR')],
    })
    expect(existsSync(DATA_DIR)).toBe(false)
    rmSync(directory, { recursive: true })
  })

  it('prints the mail of an invitation where no SMTP_URL is set, and the link opens an account', async () => {
    const embedded = storages.find(({ name }) => name === 'embedded')
    if (embedded === undefined) throw new Error('there is no embedded database')
    const storage = await embedded.create()
    const said = await accounts(storage.environment, ['invite', 'ada@invited.example'])
    expect(said).toMatchObject({
      code: 0,
      out: [expect.stringMatching(/^invited ada@invited\.example, until /)],
    })
    const [, invitation] = /sign-up\?invitation=(\S+)/.exec(said.err.join('\n')) ?? []
    const signet = await startAt({ environment: { ...storage.environment, SIGN_UP: 'invited' } })
    expect((await signUp(signet, 'ada@invited.example', { invitation })).user).toMatchObject({
      email_verified: true,
    })
    await signet.close()
    await storage.remove()
  })

  it('is refused in one line while a server runs', async () => {
    const embedded = storages.find(({ name }) => name === 'embedded')
    if (embedded === undefined) throw new Error('there is no embedded database')
    const storage = await embedded.create()
    const signet = await startAt(storage)
    const said = await accounts(storage.environment, ['list'])
    await signet.close()
    expect(said.code).toBe(2)
    expect(said.err).toEqual([expect.stringContaining('is in use by another process: stop it first')])
    expect((await accounts(storage.environment, ['list'])).code).toBe(0)
    await storage.remove()
  })
})

describe.runIf(hasPostgres)('while servers run', () => {
  let storage: Storage
  let one: Instance
  let other: Instance
  beforeAll(async () => {
    storage = await createSharedStorage()
    one = await startAt(storage)
    other = await startAt(storage)
  })
  afterAll(async () => {
    await one.close()
    await other.close()
    await storage.remove()
  })
  const run = (...words: readonly string[]) => accounts(storage.environment, words)
  const rounds = Array.from({ length: 6 }, (_, round) => round)

  it('disabling takes effect at once, and enabling brings no sign-in back', async () => {
    const bystander = await signUp(one, 'bystander@servers.example')
    const tokens = await signUp(one, 'off@servers.example')
    const second = await signIn(other, 'off@servers.example')
    const said = await run('disable', tokens.user.id, '--json')
    expect(parsed(said)).toEqual([{ id: tokens.user.id, disabled: true, sign_ins_ended: 2 }])
    expect(await lives(one, tokens)).toEqual(DEAD)
    expect(await lives(other, second)).toEqual(DEAD)
    expect(outcomeOf(await trySignIn(other, 'off@servers.example'))).toBe('401 AUTH_CREDENTIALS_INVALID')
    expect((await run('enable', 'OFF@servers.example')).code).toBe(0)
    expect(await lives(one, second)).toEqual(DEAD)
    expect((await trySignIn(one, 'off@servers.example')).status).toBe(200)
    expect(await lives(other, bystander)).toEqual([200, 200])
  })

  it('withdraws what a person has granted to one client, which ends their sign-ins there', async () => {
    const email = 'granted@servers.example'
    const tokens = await signUp(one, email)
    const bystander = await signUp(one, 'granted-too@servers.example')
    const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 1 })
    await database.sql`
      insert into consents (user_id, client_id, granted, declined)
      values (${tokens.user.id}, 'first-party', '{read}', '{}'),
        (${bystander.user.id}, 'first-party', '{read}', '{}')`
    await database.close()
    expect((await run('withdraw-consent', email, 'app')).code).toBe(1)
    expect(await lives(other, tokens)).toEqual(ALIVE)
    const said = await run('withdraw-consent', email, 'first-party', '--json')
    expect(parsed(said)).toEqual([{ id: tokens.user.id, client_id: 'first-party', sign_ins_ended: 1 }])
    expect(await lives(other, tokens)).toEqual(DEAD)
    expect(await lives(other, bystander)).toEqual(ALIVE)
    expect((await run('withdraw-consent', email, 'first-party')).code).toBe(1)
  })

  it('removing lost factors ends every sign-in, and the password alone signs in again', async () => {
    const email = 'lost@servers.example'
    const { tokens, recovery_codes } = await withTotp(one, createClock(), email)
    const { handle } = (await trySignIn(one, email)).body
    expect((await run('remove-factors', email)).code).toBe(0)
    expect(await lives(other, tokens)).toEqual(DEAD)
    const [recovery_code] = recovery_codes
    expect((await second(other, handle, { recovery_code })).status).toBe(401)
    // A token that was issued in the second of the ending is ended, too.
    await expect
      .poll(async () => {
        const bare = await signIn(other, email)
        return (await other.ask('/auth/factors', { token: bare.access_token })).body
      })
      .toEqual({ totp: null, passkeys: [], recovery_codes: 0 })
  })

  it('writes every ending into the feed', async () => {
    const tokens = await signUp(one, 'feed@servers.example')
    expect((await run('end-sessions', 'feed@servers.example')).out).toEqual([
      'signed out: feed@servers.example; sign-ins ended: 1',
    ])
    const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 1 })
    const kinds = await database.sql`
      select kind from revocations where value in (${tokens.user.id}, ${sidOf(tokens)}) order by kind`
    await database.close()
    expect(kinds.map(({ kind }) => kind)).toEqual(['sid', 'sub'])
    expect(await lives(other, tokens)).toEqual(DEAD)
    expect((await trySignIn(one, 'feed@servers.example')).status).toBe(200)
  })

  it('an export writes an event that says who exported, and whether with digests', async () => {
    const bystander = await signUp(one, 'exported@servers.example')
    const database = openDatabase({ url: storage.environment['DATABASE_URL'] ?? '', pool_size: 1 })
    const exports = () => database.sql`
      select user_id, outcome, split_part(actor, ':', 1) as actor, details
      from signet.events
      where kind = 'account.exported'
      order by id`
    const before = (await exports()).length
    expect((await run('export')).code).toBe(0)
    expect((await run('export', '--with-digests')).code).toBe(0)
    const event = { user_id: NIL_UUID, outcome: 'succeeded', actor: 'operator' }
    expect((await exports()).slice(before)).toEqual([
      { ...event, details: { with_digests: false } },
      { ...event, details: { with_digests: true } },
    ])
    expect((await run('export', '--no-such-option')).code).toBe(1)
    expect(await exports()).toHaveLength(before + 2)
    await database.close()
    expect(await lives(other, bystander)).toEqual(ALIVE)
  })

  it('roles reach tokens at the next refresh, or end the sign-ins that have others', async () => {
    const tokens = await signUp(one, 'roles@servers.example')
    expect((await run('set-role', 'roles@servers.example', 'editor', 'editor')).code).toBe(0)
    const { body: next } = await refreshTokens(other, tokens)
    expect(claimsOf(next.access_token)['roles']).toEqual(['editor'])
    expect((await run('set-roles', 'roles@servers.example', '--none', '--end-sessions')).code).toBe(0)
    expect(await lives(other, next)).toEqual(DEAD)
    const bare = await signIn(one, 'roles@servers.example')
    expect(claimsOf(bare.access_token)['roles'] ?? []).toEqual([])
  })

  it.each(rounds)('disabling leaves nothing alive that signs in or refreshes meanwhile (%d)', async round => {
    const email = `raced-${round}@servers.example`
    const tokens = await signUp(one, email)
    const [said, ...entered] = await Promise.all([
      run('disable', email),
      refreshTokens(other, tokens),
      trySignIn(one, email),
      trySignIn(other, email),
    ])
    expect(said.code).toBe(0)
    for (const { status, body } of entered) if (status === 200) expect(await lives(one, body)).toEqual(DEAD)
  })

  it('two commands at once both succeed', async () => {
    const tokens = await signUp(one, 'twice@servers.example')
    const said = await Promise.all([
      run('disable', tokens.user.id),
      run('delete', tokens.user.id, '--now'),
      run('delete', tokens.user.id, '--now'),
    ])
    expect(said.filter(({ code }) => code === 0).length).toBeGreaterThanOrEqual(1)
    for (const { code, err } of said)
      if (code !== 0) expect(err.join()).toMatch(/there is no|deleted meanwhile/)
    expect(await lives(one, tokens)).toEqual(DEAD)
  })
})
