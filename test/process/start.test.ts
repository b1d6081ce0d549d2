import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { refreshTokens, signIn, signUp } from '../support/accounts/account-api.ts'
import {
  createDatabaseWithSchema,
  createDataDir,
  createEmptyDatabase,
  createPlainDatabaseWithSchema,
  fillDataDir,
  hasPostgres,
} from '../support/backends.ts'
import { PEPPER } from '../support/clients.ts'
import {
  becomesReady,
  MAIN,
  openSandbox,
  type Program,
  type Sandbox,
  stopProgram,
} from '../support/process.ts'
import { freePort } from '../support/services/services.ts'

/** Gives a command a terminal. */
const SCRIPT = '/usr/bin/script'

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

/** What the log says that a start did before it was ready. */
const phasesOf = (program: Program) =>
  program
    .log()
    .filter(line => line['event'] === 'start')
    .map(line => line['phase'])

describe('a start on the embedded default', () => {
  it('prints, for the first time, the issuer, a demo client and a command whose token can be verified', async () => {
    const program = sandbox.start()
    await becomesReady(program)
    const issuer = `http://localhost:${sandbox.port}`
    const lines = program.err().trim().split('\n')
    expect(lines).toEqual([
      `Signet is ready: ${issuer}`,
      `Listens on: 127.0.0.1, port ${sandbox.port}`,
      `API reference: ${issuer}/docs`,
      'Limit: 5 sign-ins in 60 seconds for one address; for an office behind one address raise it, such as RATE_LIMIT_LOGIN=100/60',
      expect.stringMatching(/^Demo client: demo, secret [\w-]{43}$/),
      'Get a token:',
      expect.stringMatching(/^ {2}curl -s -u demo:[\w-]{43} -d grant_type=client_credentials http/),
      expect.stringMatching(/^Try signing in: http\S+\/demo \(demo@example\.com, password [\w-]{16}\)$/),
    ])
    expect(phasesOf(program)).toEqual(['making_database', 'opening_database', 'migrating_database'])
    const ready = { event: 'ready', issuer, host: '127.0.0.1', port: sandbox.port }
    await expect.poll(program.log).toContainEqual(expect.objectContaining(ready))
    const answer = execFileSync('sh', ['-c', lines.at(-2) ?? ''], { encoding: 'utf8' })
    const { access_token } = JSON.parse(answer) as { access_token: string }
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`))
    const { payload } = await jwtVerify(access_token, keys, {
      algorithms: ['RS256'],
      typ: 'at+jwt',
      issuer,
      audience: issuer,
    })
    expect(payload).toMatchObject({ sub: 'demo', client_id: 'demo', scope: 'demo' })
    expect(program.out()).not.toContain(/secret ([\w-]{43})/.exec(lines[4] ?? '')?.[1])
    expect(program.out()).not.toContain(access_token)
    const [, email = '', password = ''] = /\((\S+), password (\S+)\)$/.exec(lines.at(-1) ?? '') ?? []
    expect((await sandbox.ask('/auth/login', { body: { email, password } })).status).toBe(200)
    expect(program.out()).not.toContain(password)
  })

  it('finds accounts, key and demo client again at the second start', async () => {
    await fillDataDir(sandbox.environment.DATA_DIR)
    const first = sandbox.start()
    await becomesReady(first)
    const jwks = (await sandbox.ask('/.well-known/jwks.json')).text
    const email = 'ada@example.com'
    const body = await signUp(sandbox, email)
    expect(await stopProgram(first)).toMatchObject({ code: 0 })
    const second = sandbox.start()
    await becomesReady(second)
    expect((await sandbox.ask('/.well-known/jwks.json')).text).toBe(jwks)
    expect(phasesOf(second)).toEqual(['opening_database', 'migrating_database'])
    expect(first.err().startsWith(second.err())).toBe(true)
    // The developer's mail with its link goes to standard error, and to no log.
    expect(first.err()).toMatch(
      /\nMail to ada@example\.com: Confirm your e-mail address\n[^]*token=signet_el_/,
    )
    expect(first.out()).not.toMatch(/signet_el_|ada@example/)
    expect((await sandbox.ask('/auth/me', { token: body.access_token })).body).toEqual(body.user)
    await signIn(sandbox, email)
    expect((await refreshTokens(sandbox, body)).status).toBe(200)
  })

  it('loses no row by kill -9', async () => {
    await fillDataDir(sandbox.environment.DATA_DIR)
    const first = sandbox.start()
    await becomesReady(first)
    const people = await Promise.all([1, 2, 3].map(number => signUp(sandbox, `p${number}@example.com`)))
    await sandbox.ask('/auth/logout', { method: 'POST', token: people[0]?.access_token ?? '' })
    await stopProgram(first, 'SIGKILL')
    await becomesReady(sandbox.start())
    const shown = await Promise.all(
      people.map(({ access_token: token }) => sandbox.ask('/auth/me', { token })),
    )
    expect(shown.map(({ status }) => status)).toEqual([401, 200, 200])
  })

  it('refuses a second process on the same DATA_DIR in one line, and keeps serving', async () => {
    await fillDataDir(sandbox.environment.DATA_DIR)
    const first = sandbox.start()
    await becomesReady(first)
    const second = await fails({ PORT: String(await freePort()) })
    expect(second).toEqual({
      code: 2,
      out: '',
      lines: [expect.stringMatching(/^signetd: DATA_DIR .* is in use by another process/)],
    })
    expect((await sandbox.ask('/readyz')).status).toBe(200)
  })
})

describe('a start at a terminal', () => {
  it('tells the person each phase in a line, instead of the log', async () => {
    const { data_dir, remove } = await createDataDir()
    const pid = join(sandbox.directory, 'pid')
    const inTerminal = `echo $$ > ${pid}; exec ${process.execPath} ${MAIN}`
    const program = sandbox.start({ DATA_DIR: data_dir }, SCRIPT, '-qfec', inTerminal, '/dev/null')
    // At the end of its terminal the server gets SIGHUP, which does not end it.
    const end = (signal: NodeJS.Signals) => process.kill(Number(readFileSync(pid, 'utf8')), signal)
    onTestFinished(() => void (program.process.exitCode === null && existsSync(pid) && end('SIGKILL')))
    await expect.poll(program.out, { timeout: 30_000 }).toContain('Signet is ready')
    end('SIGTERM')
    await program.ended
    expect(program.out().match(/^Starting: .*(?=\r$)/gm)).toEqual([
      'Starting: opening the embedded database',
      'Starting: bringing the tables of the embedded database up to date',
    ])
    expect(program.out()).not.toContain('"event":"start"')
    remove()
  }, 60_000)
})

describe('a start that is refused', () => {
  it('prints every fault at once, ends with 2 and writes nothing', async () => {
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

  it('prints every fault of CLIENTS_FILE, a line each, and writes nothing', async () => {
    const CLIENTS_FILE = join(sandbox.directory, 'clients.json')
    writeFileSync(
      CLIENTS_FILE,
      JSON.stringify([{ client_id: 'a' }, { client_id: 'b', client_secret: 'short' }]),
    )
    const { code, lines } = await fails({ CLIENTS_FILE })
    expect(code).toBe(2)
    expect(lines).toEqual([
      expect.stringMatching(/^signetd: CLIENTS_FILE .*, line 1: client "a": client_secret is required/),
      expect.stringMatching(
        /^signetd: CLIENTS_FILE .*, line 1: client "b": client_secret must be 32 characters/,
      ),
    ])
    expect(readdirSync(sandbox.directory)).toEqual(['clients.json'])
  })

  it('says in a line each that its ports are taken, and makes neither a key nor a database', async () => {
    const squatter = createServer()
    await new Promise<void>(resolve => squatter.listen(sandbox.port, '127.0.0.1', resolve))
    const INTERNAL_PORT = String(sandbox.port)
    const { code, out, lines } = await fails({ INTERNAL_PORT, INTERNAL_HOST: '0.0.0.0' })
    await new Promise(resolve => squatter.close(resolve))
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(lines).toEqual([
      expect.stringMatching(
        /^signetd: cannot listen on INTERNAL_HOST 0\.0\.0\.0, INTERNAL_PORT \d+: another process .* set INTERNAL_PORT to .* \(EADDRINUSE\)$/,
      ),
      `signetd: cannot listen on HOST 127.0.0.1, PORT ${sandbox.port}: another process listens there; end that process, or set PORT to a port that is free (EADDRINUSE)`,
    ])
    expect(readdirSync(sandbox.directory)).toEqual([])
  })

  it('says that the machine has no such address', async () => {
    const { code, lines } = await fails({ HOST: '192.0.2.1', ISSUER: 'https://id.example.com' })
    expect({ code, lines }).toEqual({ code: 2, lines: [expect.stringMatching(/no such address; set HOST/)] })
  })

  it('prints one line when the keys are readable by others, and makes no database', async () => {
    const KEYS_DIR = join(sandbox.directory, 'lax')
    mkdirSync(KEYS_DIR)
    writeFileSync(join(KEYS_DIR, 'own.pem'), 'x')
    chmodSync(KEYS_DIR, 0o755)
    const { code, lines } = await fails({ KEYS_DIR })
    expect({ code, lines }).toEqual({ code: 2, lines: [expect.stringMatching(/^signetd: KEYS_DIR/)] })
    expect(existsSync(join(sandbox.directory, 'data'))).toBe(false)
  })

  it('prints a line for each unusable directory, and writes no secret into it', async () => {
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

  it('prints one line when no server listens at DATABASE_URL, and makes no key', async () => {
    const DATABASE_URL = `postgres://signet:hidden@127.0.0.1:${await freePort()}/signet`
    const { code, lines } = await fails({ DATABASE_URL, REFRESH_TOKEN_PEPPER: PEPPER })
    expect(code).toBe(2)
    expect(lines).toEqual([
      expect.stringMatching(
        /^signetd: DATABASE_URL: the database cannot be reached \(.*\): nothing listens there; start Postgres, or/,
      ),
    ])
    expect(lines.join()).not.toContain('hidden')
    expect(readdirSync(sandbox.directory)).toEqual([])
  })
})

describe.skipIf(!hasPostgres)('a start on Postgres', () => {
  it('warns that all clients count as one address where a proxy must be in front and none is named', async () => {
    const { url, drop } = await createDatabaseWithSchema()
    const ISSUER = 'https://id.example.com'
    const program = sandbox.start({ DATABASE_URL: url, REFRESH_TOKEN_PEPPER: PEPPER, ISSUER })
    await becomesReady(program)
    const warned = { event: 'trusted_proxies_unset', msg: expect.stringContaining('set TRUSTED_PROXIES to') }
    await expect.poll(program.log).toContainEqual(expect.objectContaining(warned))
    expect(await stopProgram(program)).toMatchObject({ code: 0 })
    await drop()
  })

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

  it('names signetd migrate when the schema is of a newer version', async () => {
    const { url, drop } = await createDatabaseWithSchema()
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
  ])('prints one line when %s', async (_, change, expected) => {
    // A cluster may trust each connection, whatever its password.
    const { url, drop } = await createPlainDatabaseWithSchema()
    const refused = await fails({ DATABASE_URL: change(new URL(url)).href, REFRESH_TOKEN_PEPPER: PEPPER })
    await drop()
    expect(refused).toEqual({ code: 2, out: '', lines: [expect.stringMatching(expected)] })
    expect(refused.lines[0]).toMatch(/^signetd: DATABASE_URL/)
  })
})
