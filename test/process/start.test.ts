import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDatabase, createEmptyDatabase, hasPostgres } from '../support/backends.ts'
import { createCall, PASSWORD } from '../support/call.ts'
import { PEPPER } from '../support/clients.ts'
import { becomesReady, openSandbox, type Sandbox, stopProgram } from '../support/process.ts'
import { freePort } from '../support/services/services.ts'

let sandbox: Sandbox
beforeEach(async () => {
  sandbox = await openSandbox()
})
afterEach(() => sandbox.close())

const fails = async (environment: Record<string, string>) => {
  const program = sandbox.start(environment)
  const { code } = await program.ended
  return { code, out: program.out(), lines: program.err().trim().split('\n') }
}

describe('the first start on the embedded default', () => {
  it('prints the issuer, a demo client and a line that answers with a token anybody can verify', async () => {
    const program = sandbox.start()
    await becomesReady(program)
    const issuer = `http://localhost:${sandbox.port}`
    const lines = program.err().trim().split('\n')
    expect(lines).toEqual([
      `Signet is ready: ${issuer}`,
      expect.stringMatching(/^Demo client: demo, secret [\w-]{43}$/),
      'Get a token:',
      expect.stringMatching(/^ {2}curl -s -u demo:[\w-]{43} -d grant_type=client_credentials http/),
      expect.stringMatching(/^Try signing in: http\S+\/demo \(demo@example\.com, password [\w-]{16}\)$/),
    ])
    const answer = execFileSync('sh', ['-c', lines[3] ?? ''], { encoding: 'utf8' })
    const { access_token } = JSON.parse(answer) as { access_token: string }
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
    const { payload } = await jwtVerify(access_token, keys, {
      algorithms: ['RS256'],
      typ: 'at+jwt',
      issuer,
      audience: issuer,
    })
    expect(payload).toMatchObject({ sub: 'demo', client_id: 'demo', scope: 'demo' })
    expect(program.out()).not.toContain(/secret ([\w-]{43})/.exec(lines[1] ?? '')?.[1])
    expect(program.out()).not.toContain(access_token)
    const [, email = '', password = ''] = /\((\S+), password (\S+)\)$/.exec(lines[4] ?? '') ?? []
    expect((await createCall(sandbox.origin)('/auth/login', { json: { email, password } })).status).toBe(200)
    expect(program.out()).not.toContain(password)
  })

  it('keeps accounts, key and demo client for the second start', async () => {
    const first = sandbox.start()
    await becomesReady(first)
    const call = createCall(sandbox.origin)
    const jwks = (await call('/.well-known/jwks.json')).text
    const json = { email: 'ada@example.com', password: PASSWORD }
    const { body } = await call('/auth/register', { json })
    expect(await stopProgram(first)).toMatchObject({ code: 0 })
    const second = sandbox.start()
    await becomesReady(second)
    expect((await call('/.well-known/jwks.json')).text).toBe(jwks)
    expect(first.err().startsWith(second.err())).toBe(true)
    // The developer's mail, with its link, which is in no log.
    expect(first.err()).toMatch(
      /\nMail to ada@example\.com: Confirm your e-mail address\n[^]*token=signet_el_/,
    )
    expect(first.out()).not.toMatch(/signet_el_|ada@example/)
    expect((await call('/auth/me', { bearer: body.access_token })).body).toEqual(body.user)
    expect((await call('/auth/login', { json })).status).toBe(200)
    expect((await call('/auth/refresh', { json: { refresh_token: body.refresh_token } })).status).toBe(200)
  })

  it('keeps every row through kill -9', async () => {
    const first = sandbox.start()
    await becomesReady(first)
    const call = createCall(sandbox.origin)
    const people = await Promise.all(
      [1, 2, 3].map(number =>
        call('/auth/register', { json: { email: `p${number}@example.com`, password: PASSWORD } }),
      ),
    )
    await call('/auth/logout', { method: 'POST', bearer: people[0]?.body.access_token ?? '' })
    await stopProgram(first, 'SIGKILL')
    await becomesReady(sandbox.start())
    const shown = await Promise.all(people.map(({ body }) => call('/auth/me', { bearer: body.access_token })))
    expect(shown.map(({ status }) => status)).toEqual([401, 200, 200])
  })

  it('refuses a second process on the same DATA_DIR in one line, and the first one serves on', async () => {
    const first = sandbox.start()
    await becomesReady(first)
    const second = await fails({ PORT: String(await freePort()) })
    expect(second).toEqual({
      code: 2,
      out: '',
      lines: [expect.stringMatching(/^signetd: DATA_DIR .* is in use by another process/)],
    })
    expect((await createCall(sandbox.origin)('/readyz')).status).toBe(200)
  })
})

describe('a start that is refused', () => {
  it('says every fault at once, ends with 2 and touches nothing', async () => {
    const { code, out, lines } = await fails({
      PORT: 'x',
      LOG_LEVEL: 'loud',
      ISSUER: 'http://id.example.com',
    })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(lines).toEqual([
      expect.stringMatching(/^signetd: PORT /),
      expect.stringMatching(/^signetd: LOG_LEVEL /),
      expect.stringMatching(/^signetd: ISSUER /),
    ])
    expect(readdirSync(sandbox.directory)).toEqual([])
  })

  it('says every fault of CLIENTS_FILE, a line each, and touches nothing', async () => {
    const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
    writeFileSync(
      CLIENTS_FILE,
      JSON.stringify([{ client_id: 'a' }, { client_id: 'b', client_secret: 'short' }]),
    )
    const { code, lines } = await fails({ CLIENTS_FILE })
    expect(code).toBe(2)
    expect(lines).toEqual([
      expect.stringMatching(/^signetd: CLIENTS_FILE .*client 0: client_secret is required/),
      expect.stringMatching(/^signetd: CLIENTS_FILE .*client 1: client_secret must be 32 characters/),
    ])
    expect(readdirSync(sandbox.directory)).toEqual(['clients.json'])
  })

  it('says in one line that the port is taken', async () => {
    const squatter = createServer()
    await new Promise<void>(resolve => squatter.listen(sandbox.port, '127.0.0.1', resolve))
    const { code, out, lines } = await fails({})
    await new Promise(resolve => squatter.close(resolve))
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(lines).toEqual([`signetd: cannot listen on HOST 127.0.0.1, PORT ${sandbox.port}: EADDRINUSE`])
  })

  it('says in one line that the keys are open to others, and makes no database', async () => {
    const KEYS_DIR = join(sandbox.directory, 'lax')
    mkdirSync(KEYS_DIR)
    writeFileSync(join(KEYS_DIR, 'own.pem'), 'x')
    chmodSync(KEYS_DIR, 0o755)
    const { code, lines } = await fails({ KEYS_DIR })
    expect({ code, lines }).toEqual({ code: 2, lines: [expect.stringMatching(/^signetd: KEYS_DIR/)] })
    expect(existsSync(join(sandbox.directory, 'data'))).toBe(false)
  })

  it('says in a line each what is wrong with the directories, and puts no secret into them', async () => {
    const lax = join(sandbox.directory, 'lax')
    mkdirSync(lax)
    chmodSync(lax, 0o777)
    const [KEYS_DIR, DATA_DIR] = [join(lax, 'keys'), join(lax, 'data')]
    const { code, out, lines } = await fails({ KEYS_DIR, DATA_DIR })
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(lines).toEqual([
      expect.stringMatching(/^signetd: KEYS_DIR \S+ is below \S+, which other users can write/),
      expect.stringMatching(/^signetd: DATA_DIR \S+ is below \S+, which other users can write/),
    ])
    expect(readdirSync(lax)).toEqual([])
  })

  it('says in one line that nobody listens at DATABASE_URL, and makes no key', async () => {
    const DATABASE_URL = `postgres://signet:hidden@127.0.0.1:${await freePort()}/signet`
    const { code, lines } = await fails({ DATABASE_URL, REFRESH_TOKEN_PEPPER: PEPPER })
    expect(code).toBe(2)
    expect(lines).toEqual([
      expect.stringMatching(/^signetd: DATABASE_URL: the database (?:does not answer|cannot be reached)/),
    ])
    expect(lines.join()).not.toContain('hidden')
    expect(readdirSync(sandbox.directory)).toEqual([])
  })
})

describe.skipIf(!hasPostgres)('a start on Postgres', () => {
  it('names signetd migrate on a database without the schema, and makes no key', async () => {
    const { url, drop } = await createEmptyDatabase()
    const refused = await fails({ DATABASE_URL: url, REFRESH_TOKEN_PEPPER: PEPPER })
    await drop()
    expect(refused).toEqual({
      code: 2,
      out: '',
      lines: [expect.stringMatching(/^signetd: the database lacks 0000_core.*: run signetd migrate$/)],
    })
    expect(readdirSync(sandbox.directory)).toEqual([])
  })

  it('names signetd migrate on a schema of a newer version', async () => {
    const { url, drop } = await createDatabase()
    const sql = postgres(url, { max: 1 })
    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('newer', 9999999999999)`
    await sql.end()
    const { code, lines } = await fails({ DATABASE_URL: url, REFRESH_TOKEN_PEPPER: PEPPER })
    await drop()
    expect({ code, lines }).toEqual({
      code: 2,
      lines: [expect.stringMatching(/newer version of Signet.*signetd migrate/)],
    })
  })

  it.each([
    [
      'the password is wrong',
      (url: URL) => Object.assign(url, { password: 'wrong' }),
      /password authentication failed/,
    ],
    [
      'there is no such database',
      (url: URL) => Object.assign(url, { pathname: '/not_there' }),
      /does not exist/,
    ],
  ])('says in one line that %s', async (_, change, expected) => {
    const { url, drop } = await createDatabase()
    const refused = await fails({ DATABASE_URL: change(new URL(url)).href, REFRESH_TOKEN_PEPPER: PEPPER })
    await drop()
    expect(refused).toEqual({ code: 2, out: '', lines: [expect.stringMatching(expected)] })
    expect(refused.lines[0]).toMatch(/^signetd: DATABASE_URL/)
  })
})
