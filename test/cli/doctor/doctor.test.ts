import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { runProgram } from '../../../src/cli/program.ts'
import { holdDirectory } from '../../../src/store/embedded/directory-lock.ts'
import {
  createDatabaseWithSchema,
  createEmptyDatabase,
  createRedis,
  hasPostgres,
  hasRedis,
} from '../../support/backends.ts'
import { becomesReady, openSandbox } from '../../support/process.ts'
import { openMailbox } from '../../support/services/mailbox.ts'
import { openOwnRedis, PARTIAL_STATES } from '../../support/services/own-redis.ts'
import { freePort } from '../../support/services/services.ts'

const PEPPER = Buffer.alloc(32, 7).toString('base64url')

let directory: string
let lines: string[]
let port: number
beforeEach(async () => {
  port = await freePort()
  directory = mkdtempSync(join(tmpdir(), 'signet-doctor-'))
  lines = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const doctor = (environment: Record<string, string>, ...words: string[]) => {
  const io = { environment, out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) }
  return runProgram(['doctor', ...words], io, async () => {})
}
const places = () => ({
  PORT: String(port),
  INTERNAL_PORT: 'off',
  KEYS_DIR: join(directory, 'keys'),
  DATA_DIR: join(directory, 'data'),
})
/** The exit code, and the line of one check. */
const check = async (name: string, environment: Record<string, string>) => {
  lines = []
  const code = await doctor({ ...places(), ...environment })
  return [code, lines.find(line => line.slice(7).split(':')[0] === name)]
}
/** A server on loopback that says one thing on each connection and ends it. */
const openSpeaker = async (says: string) => {
  const server = createServer(socket => socket.on('error', () => {}).end(says))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a server without a port')
  return { port: address.port, close: () => void server.close() }
}

describe('signetd doctor', () => {
  it('finds no fault before the first start, and makes nothing', async () => {
    expect(await doctor(places())).toBe(0)
    expect(lines.every(line => line.startsWith('ok '))).toBe(true)
    expect(readdirSync(directory)).toEqual([])
  })

  it('names every fault of the configuration', async () => {
    expect(await doctor({ ...places(), PORT: 'x', LOG_LEVEL: 'loud' })).toBe(1)
    expect(lines).toHaveLength(2)
  })

  it('finds faults of clients, scopes, database, Redis and mail, as JSON with --json', async () => {
    const file = join(directory, 'clients.json')
    writeFileSync(file, '[{ "client_id": "a", "client_secret": "short" }]')
    const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' }
    const mail = { SMTP_URL: 'smtp://user:hidden@127.0.0.1:1', MAIL_FROM: 'a@b.example' }
    const SCOPES_FILE = join(directory, 'none.json')
    const files = { CLIENTS_FILE: file, SCOPES_FILE, UPSTREAMS_FILE: join(directory, 'none.json') }
    const environment = { ...places(), ...away, ...mail, ...files, REFRESH_TOKEN_PEPPER: PEPPER }
    expect(await doctor(environment, '--json')).toBe(1)
    const { findings } = JSON.parse(lines.join('\n'))
    const faulty = findings.filter((finding: { fault: string | null }) => finding.fault !== null)
    expect(faulty.map((finding: { check: string }) => finding.check).toSorted()).toEqual([
      'clients',
      'database',
      'mail',
      'redis',
      'scopes',
      'upstreams',
    ])
  })

  it('reads the file of the providers, without which the server does not start', async () => {
    const UPSTREAMS_FILE = join(directory, 'upstreams.json')
    const entry = { id: 'home', issuer: 'https://home.example', client_id: 'partner', label: 'Home' }
    writeFileSync(UPSTREAMS_FILE, JSON.stringify([entry]))
    expect(await check('upstreams', { UPSTREAMS_FILE })).toEqual([0, 'ok     upstreams'])
    writeFileSync(UPSTREAMS_FILE, JSON.stringify([{ ...entry, client_secret_file: 'none' }]))
    expect(await check('upstreams', { UPSTREAMS_FILE })).toEqual([
      1,
      expect.stringMatching(/^fault {2}upstreams: UPSTREAMS_FILE .*provider "home": client_secret_file /),
    ])
  })

  it('says that clients which register themselves get no tokens without an audience', async () => {
    const REGISTRATION = 'open'
    const REGISTRATION_AUDIENCES = 'https://tools.example.com/mcp'
    expect(await check('registration', {})).toEqual([0, undefined])
    expect(await check('registration', { REGISTRATION })).toEqual([
      0,
      expect.stringMatching(/^warn {3}registration: .* get no tokens: set REGISTRATION_AUDIENCES /),
    ])
    const answer = await check('registration', { REGISTRATION, REGISTRATION_AUDIENCES })
    expect(answer).toEqual([0, 'ok     registration'])
  })

  it('looks at the logo of the pages, without which the server does not start', async () => {
    const file = join(directory, 'logo.svg')
    writeFileSync(file, '<svg></svg>')
    expect(await doctor({ ...places(), BRAND_LOGO_FILE: file })).toBe(0)
    writeFileSync(file, 'no image')
    expect(await doctor({ ...places(), BRAND_LOGO_FILE: file })).toBe(1)
    expect(lines).toContainEqual(expect.stringMatching(/^fault  logo: BRAND_LOGO_FILE must be an SVG/))
  })

  it('says where mail goes, and whether the mail server takes it', async () => {
    expect(await doctor(places())).toBe(0)
    expect(lines.findLast(line => / mail\b/.test(line))).toBe(
      'ok     mail: mails are printed on standard error, for SMTP_URL is unset; set SMTP_URL and MAIL_FROM to send them',
    )
    const mailbox = await openMailbox()
    const mail = { SMTP_URL: mailbox.url, MAIL_FROM: 'a@b.example' }
    expect(await doctor({ ...places(), ...mail })).toBe(0)
    expect(lines.findLast(line => / mail\b/.test(line))).toBe('ok     mail')
    const wrong = { ...mail, SMTP_URL: mailbox.url.replace('//', '//user:hidden@') }
    expect(await doctor({ ...places(), ...wrong })).toBe(1)
    expect(lines.findLast(line => / mail\b/.test(line))).toMatch(/^fault  mail: SMTP_URL: .* correct them \(/)
    expect(lines.join()).not.toContain('hidden')
    await mailbox.close()
  })

  it('says from which proxies the address of a client is believed, and what to look at', async () => {
    const proxies = () => lines.find(line => / proxies\b/.test(line))
    const run = async (environment: Record<string, string>) => {
      lines = []
      return doctor({ ...places(), ...environment })
    }
    expect(await run({})).toBe(0)
    expect(proxies()).toBe('ok     proxies')
    expect(await run({ ISSUER: 'https://localhost:1' })).toBe(0)
    expect(proxies()).toMatch(
      /^warn {3}proxies: TRUSTED_PROXIES is unset, .* count and are logged as one address/,
    )
    expect(await run({ TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::/32' })).toBe(0)
    expect(proxies()).toMatch(
      /^ok {5}proxies: x-forwarded-for is believed from 10\.0\.0\.0\/8, 2001:db8::\/32: .* remove forwarded$/,
    )
    expect(await run({ TRUSTED_PROXIES: '10.0.0.1', TRUSTED_PROXY_HEADER: 'Forwarded' })).toBe(0)
    expect(proxies()).toMatch(/proxies: forwarded is believed from .* remove x-forwarded-for$/)
    for (const everyone of ['0.0.0.0/0', '10.0.0.1, ::/0']) {
      expect(await run({ TRUSTED_PROXIES: everyone })).toBe(1)
      expect(proxies()).toMatch(/^fault {2}proxies: TRUSTED_PROXIES holds every address/)
    }
  })

  it.runIf(hasPostgres).each([
    ['behind', 1],
    ['ahead', -1],
  ])('names a clock of Postgres that is an hour %s, and none within the tolerance', async (_, sign) => {
    onTestFinished(() => void vi.useRealTimers())
    const { url, drop } = await createDatabaseWithSchema()
    const database = { DATABASE_URL: url, REFRESH_TOKEN_PEPPER: PEPPER }
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + sign * 3_600_000 })
    const [code, line] = await check('database', database)
    expect([code, line]).toEqual([
      1,
      expect.stringMatching(/^fault {2}database: the clock of Postgres differs by -?3[56]\d\d s/),
    ])
    vi.useRealTimers()
    expect(await check('database', database)).toEqual([0, expect.stringMatching(/^ok /)])
    await drop()
  })

  it.runIf(hasPostgres && hasRedis)(
    'accepts a database with the schema, and refuses one without',
    async () => {
      const redis = await createRedis()
      const [full, empty] = [await createDatabaseWithSchema(), await createEmptyDatabase()]
      const ready = { ...places(), REDIS_URL: redis.url, REFRESH_TOKEN_PEPPER: PEPPER }
      expect(await doctor({ ...ready, DATABASE_URL: full.url })).toBe(0)
      expect(lines.join('\n')).toMatch(
        /^ok {5}database: max_connections leaves \d+, enough for \d+ instances of 14$/m,
      )
      expect(await doctor({ ...ready, DATABASE_URL: empty.url })).toBe(1)
      expect(lines.join('\n')).toContain('run signetd migrate')
      expect(lines.join('\n')).toContain(
        'mail: no mail is sent, and no account can get a new password, for SMTP_URL is unset',
      )
      await full.drop()
      await empty.drop()
    },
  )

  it.runIf(hasRedis)('says what a Redis that answers lacks', async () => {
    const own = await openOwnRedis('--databases', '16')
    const examine = async (url: string) => {
      lines = []
      const code = await doctor({ ...places(), REDIS_URL: url })
      return [code, lines.find(line => line.includes('redis'))]
    }
    expect(await examine(own.url)).toEqual([0, 'ok     redis'])
    expect(await examine(`${own.url}/16`)).toEqual([1, expect.stringContaining('out of range')])
    await own.admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await examine(own.url)).toEqual([
      1,
      expect.stringMatching(/maxmemory-policy is allkeys-lru, .*; set maxmemory-policy noeviction/),
    ])
    await own.admin.config('SET', 'maxmemory-policy', 'noeviction')
    for (const { begin, end } of Object.values(PARTIAL_STATES)) {
      await begin(own)
      expect(await examine(own.url)).toEqual([
        1,
        expect.stringMatching(/^fault {2}redis: REDIS_URL: redis .*; \w+/),
      ])
      await end(own)
    }
    expect(await examine(own.url)).toEqual([0, 'ok     redis'])
    await own.close()
  })

  it.each([
    ['redis://127.0.0.1:1', /redis does not answer: nothing listens there; start Redis, or correct the host/],
    ['redis://nowhere.invalid', /no address is known for the name of the host; correct the name/],
  ])('says why Redis cannot be reached at %s, and what to do', async (REDIS_URL, line) => {
    expect(await check('redis', { REDIS_URL })).toEqual([1, expect.stringMatching(line)])
  })

  it.runIf(hasRedis)('says that Redis refuses or asks for a password, and what to do', async () => {
    const own = await openOwnRedis()
    const { host } = new URL(own.url)
    await own.admin.config('SET', 'requirepass', 'secret')
    expect(await check('redis', { REDIS_URL: `redis://${host}` })).toEqual([
      1,
      'fault  redis: REDIS_URL: redis asks for a password; add it, as in redis://:password@host',
    ])
    expect(await check('redis', { REDIS_URL: `redis://:hidden@${host}` })).toEqual([
      1,
      'fault  redis: REDIS_URL: redis refuses the user or the password; correct them',
    ])
    await own.close()
  })

  it.each([
    [
      'postgres://a:hidden@127.0.0.1:1/x',
      /ECONNREFUSED.*\): nothing listens there; start Postgres, or correct/,
    ],
    ['postgres://a:hidden@nowhere.invalid/x', /\): no address is known for the name of the host; correct/],
    ['postgres:///x?host=/nowhere', /\): there is no such Unix socket; start Postgres, or correct/],
  ])('says why the database cannot be reached at %s, and what to do', async (DATABASE_URL, line) => {
    expect(await check('database', { DATABASE_URL, REFRESH_TOKEN_PEPPER: PEPPER })).toEqual([
      1,
      expect.stringMatching(line),
    ])
    expect(lines.join()).not.toContain('hidden')
    // Once, at the check of the database.
    expect(lines.filter(each => line.test(each))).toHaveLength(1)
    expect(lines).toContain(
      'ok     clients: the clients of the database are not checked: see the check of the database',
    )
  })

  it('says why mail cannot be sent, and what to do', async () => {
    const mail = (SMTP_URL: string) => check('mail', { SMTP_URL, MAIL_FROM: 'a@b.example' })
    expect(await mail('smtp://127.0.0.1:1')).toEqual([
      1,
      expect.stringContaining('nothing listens there; start'),
    ])
    expect(await mail('smtps://nowhere.invalid')).toEqual([1, expect.stringContaining('correct the name')])
    const speaker = await openSpeaker('HTTP/1.1 400 Bad Request\r\n\r\n')
    expect(await mail(`smtp://127.0.0.1:${speaker.port}`)).toEqual([
      1,
      expect.stringContaining('not speak SMTP'),
    ])
    expect(await mail(`smtps://127.0.0.1:${speaker.port}`)).toEqual([
      1,
      expect.stringContaining('begins without TLS there; write smtp://'),
    ])
    speaker.close()
    const mailbox = await openMailbox({
      authOptional: false,
      onAuth: (_auth, _session, callback) => callback(new Error('no')),
    })
    expect(await mail(mailbox.url.replace('//', '//user:hidden@'))).toEqual([
      1,
      expect.stringContaining('refuses the user or the password; correct them'),
    ])
    await mailbox.close()
  })

  it('finds what a start would refuse: a port that is taken, and an address of another machine', async () => {
    const speaker = await openSpeaker('HTTP/1.1 400 Bad Request\r\n\r\n')
    const taken = String(speaker.port)
    expect(await check('addresses', { PORT: taken })).toEqual([
      1,
      expect.stringMatching(
        /^fault {2}addresses: cannot listen on HOST 127\.0\.0\.1, PORT .*; end that process/,
      ),
    ])
    expect(await check('addresses', { INTERNAL_PORT: taken })).toEqual([
      1,
      expect.stringMatching(/INTERNAL_PORT .* set INTERNAL_PORT to a port that is free/),
    ])
    speaker.close()
    expect(await check('addresses', { HOST: '192.0.2.1', ISSUER: 'https://localhost:1' })).toEqual([
      1,
      expect.stringContaining('this machine has no such address; set HOST to'),
    ])
  })

  it.runIf(hasPostgres)('takes the port of a running server of the issuer for its own', async () => {
    const [sandbox, { url, drop }] = await Promise.all([openSandbox(), createDatabaseWithSchema()])
    onTestFinished(async () => {
      await sandbox.close()
      await drop()
    })
    const environment = { ...sandbox.environment, DATABASE_URL: url, REFRESH_TOKEN_PEPPER: PEPPER }
    await becomesReady(sandbox.start(environment))
    expect(await check('addresses', environment)).toEqual([
      0,
      `ok     addresses: a server of this issuer listens on port ${sandbox.port} already`,
    ])
    expect(await check('addresses', { ...environment, ISSUER: 'http://localhost:1' })).toEqual([
      1,
      expect.stringContaining('another process listens there'),
    ])
  })

  it('finds a DATA_DIR that another process holds', async () => {
    const DATA_DIR = join(directory, 'data')
    mkdirSync(DATA_DIR, { mode: 0o700 })
    const lock = await holdDirectory(DATA_DIR)
    expect(await check('data', { DATA_DIR })).toEqual([
      1,
      expect.stringMatching(/^fault {2}data: DATA_DIR \S+ is in use by another process: stop it first/),
    ])
    await lock.release()
    expect(await check('data', { DATA_DIR })).toEqual([0, 'ok     data'])
  })

  it('says how an office behind one address gets more sign-ins', async () => {
    expect(await check('limits', {})).toEqual([
      0,
      'ok     limits: 5 sign-ins in 60 seconds for one address; for an office behind one address raise it, such as RATE_LIMIT_LOGIN=100/60',
    ])
    expect(await check('limits', { RATE_LIMIT_LOGIN: '99/60' })).toEqual([
      0,
      expect.stringContaining('99 sign-ins in 60 seconds for one address; for an office'),
    ])
    expect(await check('limits', { RATE_LIMIT_LOGIN: '100/60' })).toEqual([
      0,
      'ok     limits: 100 sign-ins in 60 seconds for one address',
    ])
    expect(await check('limits', { RATE_LIMIT_LOGIN: 'off' })).toEqual([
      0,
      expect.stringMatching(/not limited by address, .*; set it to count\/seconds/),
    ])
  })

  it('has a line about the documents of clients, and fetches those that are named', async () => {
    const on = { CLIENT_ID_DOCUMENTS: 'on', REGISTRATION_AUDIENCES: 'https://api.example' }
    const lineOf = async (environment: Record<string, string>, ...words: string[]) => {
      lines = []
      const code = await doctor({ ...places(), ...environment }, ...words)
      return [code, lines.find(line => line.includes('client documents'))]
    }
    const document = ['--document', `https://127.0.0.1:${port}/client.json`]
    expect(await lineOf({})).toEqual([0, undefined])
    expect(await lineOf(on)).toEqual([0, expect.stringMatching(/^ok {5}client documents: none was fetched/)])
    expect(await lineOf({}, ...document)).toEqual([1, expect.stringContaining('CLIENT_ID_DOCUMENTS is off')])
    expect(await lineOf({ CLIENT_ID_DOCUMENTS: 'on' })).toEqual([
      1,
      expect.stringContaining('set REGISTRATION_AUDIENCES'),
    ])
    expect(await lineOf(on, ...document)).toEqual([
      1,
      expect.stringContaining('/client.json: address_refused'),
    ])
    expect(await lineOf(on, '--document', 'http://agent.example/client.json')).toEqual([
      1,
      expect.stringContaining('is no address of a document'),
    ])
  })
})
