import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { hashSync } from 'bcryptjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { PasswordDigest } from '../../src/domain/account/password-digest.ts'
import { Unavailable } from '../../src/domain/base/unavailable.ts'
import { openPasswords } from '../../src/platform/passwords.ts'
import { IMPORT_PEPPER, IMPORTED_DIGESTS } from '../support/accounts/imported-digests.ts'
import { PASSWORD } from '../support/ask.ts'

const COST = 10

describe('password workers', () => {
  let passwords: ReturnType<typeof openPasswords>
  beforeEach(() => {
    passwords = openPasswords({ cost: COST, workers: 2, import_pepper: IMPORT_PEPPER })
  })
  afterEach(() => passwords.close())

  it('make bcrypt digests of the configured cost, each with a salt of its own', async () => {
    const [one, other] = await Promise.all([passwords.hash('password'), passwords.hash('password')])
    expect(one).toMatch(/^\$2[aby]\$10\$[./A-Za-z0-9]{53}$/)
    expect(one).not.toBe(other)
    expect(await passwords.matches('password', one)).toBe(true)
    expect(await passwords.matches('Password', one)).toBe(false)
  })

  it('verify the digests of an earlier cost', async () => {
    const digest = hashSync('password', 4) as PasswordDigest
    expect(await passwords.matches('password', digest)).toBe(true)
  })

  it.each(IMPORTED_DIGESTS)('verify %s', async (_, password, digest) => {
    expect(await passwords.matches(password, digest as PasswordDigest)).toBe(true)
    expect(await passwords.matches(`${password}x`, digest as PasswordDigest)).toBe(false)
  })

  it('match no password without a digest or with a digest of an unknown format', async () => {
    for (const password of ['', 'password', '\0']) expect(await passwords.matches(password, null)).toBe(false)
    expect(await passwords.matches('password', 'password' as PasswordDigest)).toBe(false)
  })

  it.each(['password', 'PassWord1', 'iloveyou!', 'qwerty123'])(
    'recognize %s as a common password',
    async password => {
      expect(await passwords.isCommon(password)).toBe(true)
    },
  )

  it('recognize no uncommon password as common', async () => {
    for (const password of [PASSWORD, '', 'constructor', '__proto__'])
      expect(await passwords.isCommon(password)).toBe(false)
  })

  it('leave the event loop free while they compute fifty hashes', async () => {
    const finished: string[] = []
    const hashes = Array.from({ length: 50 }, async () => {
      finished.push(await passwords.hash('password'))
    })
    const seen = new Set<number>()
    while (finished.length < 50) {
      seen.add(finished.length)
      await new Promise(resolve => setImmediate(resolve))
    }
    await Promise.all(hashes)
    // On the event loop itself, a turn would see all of them done, or none.
    expect(seen.size).toBeGreaterThan(10)
  })

  it.runIf(existsSync('/proc/self/task'))(
    'start only for work, and at most the configured number',
    async () => {
      const threads = () => readdirSync('/proc/self/task').length
      const three = openPasswords({ cost: 4, workers: 3 })
      try {
        await passwords.hash('what else starts threads has started them now')
        const before = threads()
        await three.hash('one')
        expect(threads()).toBe(before + 1)
        await Promise.all(Array.from({ length: 100 }, () => three.hash('many')))
        expect(threads()).toBeLessThanOrEqual(before + 3)
      } finally {
        await three.close()
      }
    },
  )

  it('reject with Unavailable and a time to retry while the queue is full, and serve the calls that wait', async () => {
    const asked = await Promise.allSettled(
      Array.from({ length: 300 }, () => passwords.matches('x', hashSync('x', 4) as PasswordDigest)),
    )
    const refused = asked.flatMap(answer => (answer.status === 'rejected' ? [answer.reason] : []))
    expect(refused.length).toBeGreaterThan(0)
    for (const reason of refused) {
      expect(reason).toBeInstanceOf(Unavailable)
      expect(reason).toMatchObject({ what: 'password_workers', retry_after_seconds: 5 })
    }
    const served = asked.flatMap(answer => (answer.status === 'fulfilled' ? [answer.value] : []))
    expect(served.length).toBeGreaterThanOrEqual(256)
    expect(new Set(served)).toEqual(new Set([true]))
    expect(await passwords.matches('x', hashSync('x', 4) as PasswordDigest)).toBe(true)
  })

  it('reject with Unavailable while no thread can start, and serve again once one can', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'signet-worker-'))
    const module = join(directory, 'worker.mjs')
    const moved = openPasswords({
      cost: 4,
      workers: 1,
      module: pathToFileURL(module),
      answer_seconds: 1,
    })
    try {
      const refused = await moved.hash('secret').catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(Unavailable)
      expect(refused).toMatchObject({ what: 'password_workers', cause: { code: 'ERR_MODULE_NOT_FOUND' } })
      writeFileSync(module, 'export const hash = async () => "hashed"')
      expect(await moved.hash('secret')).toBe('hashed')
    } finally {
      await moved.close()
      rmSync(directory, { recursive: true, force: true })
    }
  })

  it.each([
    ['a cheap digest of another kind', `$pbkdf2-sha256$i=1$c29tZXNhbHQ$${'a'.repeat(43)}`],
    ['an expensive digest of another kind', `$pbkdf2-sha512$i=300000$c29tZXNhbHQ$${'a'.repeat(86)}`],
    ['a bcrypt digest of a higher cost', hashSync('x', 12)],
    ['a bcrypt digest of a lower cost', hashSync('x', 4)],
  ])('make every refusal take the same time after they have seen %s', async (_, digest) => {
    const waits: number[] = []
    const withFloor = openPasswords({
      cost: COST,
      workers: 2,
      wait: async milliseconds => void waits.push(milliseconds),
    })
    try {
      const refused = async (each: string | null) => {
        const before = waits.length
        const started = performance.now()
        expect(await withFloor.matches('guess', each as PasswordDigest | null)).toBe(false)
        return { held: waits.slice(before), milliseconds: performance.now() - started }
      }
      // No verification is delayed while every digest seen so far is of the configured cost.
      expect((await refused(null)).held).toEqual([])
      expect((await refused(hashSync('x', COST))).held).toEqual([])
      const foreign = await refused(digest)
      expect(foreign.held).toEqual([expect.any(Number)])
      const floor = 2 ** Math.floor(Math.log2(foreign.milliseconds + (foreign.held[0] ?? 0)))
      for (const each of [null, hashSync('x', COST), hashSync('x', 4), digest]) {
        const { held, milliseconds } = await refused(each)
        expect(milliseconds + (held[0] ?? 0)).toBeGreaterThanOrEqual(floor)
      }
      // Who knows the password is not held.
      const known = hashSync('known', COST) as PasswordDigest
      const before = waits.length
      expect(await withFloor.matches('known', known)).toBe(true)
      expect(waits).toHaveLength(before)
    } finally {
      await withFloor.close()
    }
  })
})
