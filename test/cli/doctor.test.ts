import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runProgram } from '../../src/cli/program.ts'
import {
  createDatabase,
  createEmptyDatabase,
  createRedis,
  hasPostgres,
  hasRedis,
} from '../support/backends.ts'
import { openMailbox } from '../support/services/mailbox.ts'
import { openOwnRedis, PARTIAL_STATES } from '../support/services/own-redis.ts'

const PEPPER = Buffer.alloc(32, 7).toString('base64url')

let directory: string
let lines: string[]
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-doctor-'))
  lines = []
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const doctor = (environment: Record<string, string>, ...words: string[]) => {
  const io = { environment, out: (line: string) => lines.push(line), err: (line: string) => lines.push(line) }
  return runProgram(['doctor', ...words], io, async () => {})
}
const places = () => ({ KEYS_DIR: join(directory, 'keys'), DATA_DIR: join(directory, 'data') })

describe('signetd doctor', () => {
  it('finds nothing wrong before the first start, and makes nothing', async () => {
    expect(await doctor(places())).toBe(0)
    expect(lines.every(line => line.startsWith('ok '))).toBe(true)
    expect(readdirSync(directory)).toEqual([])
  })

  it('names every fault of the configuration', async () => {
    expect(await doctor({ ...places(), PORT: 'x', LOG_LEVEL: 'loud' })).toBe(1)
    expect(lines).toHaveLength(2)
  })

  it('looks at the clients and at what does not answer, as JSON too', async () => {
    const file = join(directory, 'clients.json')
    writeFileSync(file, '[{ "client_id": "a", "client_secret": "short" }]')
    const away = { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none', REDIS_URL: 'redis://127.0.0.1:1' }
    const mail = { SMTP_URL: 'smtp://user:hidden@127.0.0.1:1', MAIL_FROM: 'a@b.example' }
    const environment = { ...places(), ...away, ...mail, CLIENTS_FILE: file, REFRESH_TOKEN_PEPPER: PEPPER }
    expect(await doctor(environment, '--json')).toBe(1)
    const { findings } = JSON.parse(lines.join('\n'))
    const faulty = findings.filter((finding: { fault: string | null }) => finding.fault !== null)
    expect(faulty.map((finding: { check: string }) => finding.check).toSorted()).toEqual([
      'clients',
      'database',
      'mail',
      'redis',
    ])
  })

  it('looks at the logo of the pages, without which the server does not start', async () => {
    const file = join(directory, 'logo.svg')
    writeFileSync(file, '<svg></svg>')
    expect(await doctor({ ...places(), BRAND_LOGO_FILE: file })).toBe(0)
    writeFileSync(file, 'no image')
    expect(await doctor({ ...places(), BRAND_LOGO_FILE: file })).toBe(1)
    expect(lines).toContainEqual(expect.stringMatching(/^fault  logo: BRAND_LOGO_FILE must be an SVG/))
  })

  it('tells where mail goes, and whether its server takes it', async () => {
    expect(await doctor(places())).toBe(0)
    expect(lines.at(-1)).toBe('ok     mail: printed on standard error, for there is no SMTP_URL')
    const mailbox = await openMailbox()
    const mail = { SMTP_URL: mailbox.url, MAIL_FROM: 'a@b.example' }
    expect(await doctor({ ...places(), ...mail })).toBe(0)
    expect(lines.at(-1)).toBe('ok     mail')
    const wrong = { ...mail, SMTP_URL: mailbox.url.replace('//', '//user:hidden@') }
    expect(await doctor({ ...places(), ...wrong })).toBe(1)
    expect(lines.at(-1)).toMatch(/^fault  mail: SMTP_URL: /)
    expect(lines.join()).not.toContain('hidden')
    await mailbox.close()
  })

  it('tells whose word on the address of a client is taken, and what to look at', async () => {
    const proxies = () => lines.find(line => / proxies\b/.test(line))
    const run = async (environment: Record<string, string>) => {
      lines = []
      return doctor({ ...places(), ...environment })
    }
    expect(await run({})).toBe(0)
    expect(proxies()).toBe('ok     proxies')
    expect(await run({ ISSUER: 'https://id.example' })).toBe(0)
    expect(proxies()).toMatch(/^ok {5}proxies: TRUSTED_PROXIES is unset: every client behind the proxy/)
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

  it.runIf(hasPostgres && hasRedis)('tells a database that is ready from one that is not', async () => {
    const redis = await createRedis()
    const [full, empty] = [await createDatabase(), await createEmptyDatabase()]
    const ready = { ...places(), REDIS_URL: redis.url, REFRESH_TOKEN_PEPPER: PEPPER }
    expect(await doctor({ ...ready, DATABASE_URL: full.url })).toBe(0)
    expect(await doctor({ ...ready, DATABASE_URL: empty.url })).toBe(1)
    expect(lines.join('\n')).toContain('run signetd migrate')
    expect(lines.join('\n')).toContain('mail: off, for there is no SMTP_URL')
    await full.drop()
    await empty.drop()
  })

  it.runIf(hasRedis)('says what a Redis that answers does not do', async () => {
    const own = await openOwnRedis('--databases', '16')
    const examine = async (url: string) => {
      lines = []
      const code = await doctor({ ...places(), REDIS_URL: url })
      return [code, lines.find(line => line.includes('redis'))]
    }
    expect(await examine(own.url)).toEqual([0, 'ok     redis'])
    expect(await examine(`${own.url}/16`)).toEqual([1, expect.stringContaining('out of range')])
    await own.admin.config('SET', 'maxmemory-policy', 'allkeys-lru')
    expect(await examine(own.url)).toEqual([1, expect.stringContaining('maxmemory-policy is allkeys-lru')])
    await own.admin.config('SET', 'maxmemory-policy', 'noeviction')
    for (const { begin, end } of Object.values(PARTIAL_STATES)) {
      await begin(own)
      expect(await examine(own.url)).toEqual([1, expect.stringMatching(/^fault {2}redis: REDIS_URL: redis /)])
      await end(own)
    }
    expect(await examine(own.url)).toEqual([0, 'ok     redis'])
    await own.close()
  })
})
