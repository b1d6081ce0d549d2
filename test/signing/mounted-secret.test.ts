import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { formatKeyDates, parseKeyDates } from '../../src/domain/keys/key-dates.ts'
import { ANNOUNCE_SECONDS, plusSeconds, RETAIN_SECONDS } from '../../src/domain/keys/key-ring.ts'
import { reportKeys } from '../../src/signing/list-keys.ts'
import { createClock, createLog, errorsIn } from '../support/effects.ts'
import { createPem, faultsOf, kidOf, makeDirectory, open, T0 } from './support.ts'

const DAY = 86_400
const dated = (seconds: number, pem = createPem()) =>
  formatKeyDates({ signs_from: plusSeconds(T0, seconds), announced_at: null }) + String(pem)

/** A directory as Kubernetes mounts a secret: read-only, the files behind two links that a change replaces in one step. */
const mountSecret = (files: Readonly<Record<string, string | Buffer>>) => {
  const directory = makeDirectory()
  onTestFinished(() => chmodSync(directory, 0o700))
  let version = 0
  const mount = (next: Readonly<Record<string, string | Buffer>>) => {
    chmodSync(directory, 0o700)
    const home = `..${++version}`
    mkdirSync(join(directory, home))
    for (const [name, content] of Object.entries(next)) {
      writeFileSync(join(directory, home, name), content, { mode: 0o440 })
      utimesSync(join(directory, home, name), plusSeconds(T0, version * DAY), plusSeconds(T0, version * DAY))
    }
    symlinkSync(home, join(directory, '..tmp'))
    renameSync(join(directory, '..tmp'), join(directory, '..data'))
    for (const name of readdirSync(directory).filter(file => file.endsWith('.pem')))
      rmSync(join(directory, name))
    for (const name of Object.keys(next)) symlinkSync(`..data/${name}`, join(directory, name))
    chmodSync(directory, 0o1555)
  }
  mount(files)
  return { directory, mount }
}

const start = async (files: Readonly<Record<string, string | Buffer>>) => {
  const { directory, mount } = mountSecret(files)
  const { clock, advance } = createClock(T0)
  const { log, lines } = createLog()
  const keys = await open(directory, { clock, log })
  const signer = async () => kidOf(await keys.sign('JWT', {}))
  const report = (every_seconds: number) => reportKeys(keys, { now: clock(), every_seconds })
  return { directory, mount, clock, advance, lines, keys, signer, report }
}

describe('a key in a mounted secret', () => {
  it.each([['first.pem'], ['zz-last.pem']])(
    'is announced, signs from its date on, and retires the old key, when it is named %s',
    async name => {
      const own = createPem()
      const { keys, mount, signer, advance } = await start({ 'mm.pem': own })
      const old = await signer()
      mount({ 'mm.pem': own, [name]: dated(DAY) })
      await keys.reload()
      expect(keys.published()).toHaveLength(2)
      const next = keys.published().find(({ kid }) => kid !== old)?.kid
      const token = await keys.sign('JWT', { a: 1 })
      advance(DAY - 1)
      expect(await signer()).toBe(old)
      advance(1)
      expect(await signer()).toBe(next)
      expect(keys.verify('JWT', token)).toEqual({ a: 1 })
      advance(RETAIN_SECONDS)
      expect(keys.published().map(({ kid }) => kid)).toEqual([next])
    },
  )

  it('is announced first even when its date has passed, and a re-mount does not restart that time', async () => {
    const [own, late] = [createPem(), dated(-DAY)]
    const { directory, keys, mount, signer, advance } = await start({ 'own.pem': own })
    const old = await signer()
    mount({ 'a.pem': late, 'own.pem': own })
    await keys.reload()
    expect([keys.published().length, await signer()]).toEqual([2, old])
    advance(ANNOUNCE_SECONDS)
    mount({ 'renamed.pem': late, 'own.pem': own })
    await keys.reload()
    expect(await signer()).toBe(old)
    advance(2)
    expect(await signer()).not.toBe(old)
    // A replica that starts now has no other date than that of the file.
    const replica = await open(directory)
    expect(kidOf(await replica.sign('JWT', {}))).toBe(await signer())
  })

  it('without a date is ignored and reported under any name, and the old key goes on signing', async () => {
    for (const name of ['aa.pem', 'zz.pem'])
      for (const own of [createPem(), dated(-DAY)]) {
        const { keys, mount, signer, lines } = await start({ 'mm.pem': own })
        const old = await signer()
        mount({ 'mm.pem': own, [name]: createPem() })
        await keys.reload()
        expect([keys.published().length, await signer()]).toEqual([1, old])
        expect(errorsIn(lines)).toMatchObject([
          { faults: [expect.stringContaining(`${name} does not say from when it signs`)] },
        ])
      }
  })

  it('is due for rotation by its date, not by the time of the mount', async () => {
    const file = dated(-20 * DAY)
    const { keys, mount, report } = await start({ 'k.pem': file })
    const before = report(30 * DAY)
    expect(before.due_seconds).toBe(10 * DAY - ANNOUNCE_SECONDS)
    mount({ 'k.pem': file })
    await keys.reload()
    expect(report(30 * DAY)).toEqual(before)
    expect(report(26 * DAY).needsAttention).toBe(true)
    const undated = await start({ 'k.pem': createPem() })
    expect(undated.report(30 * DAY)).toMatchObject({ due_seconds: null, age_seconds: null })
  })

  it('may take its schedule from its file name', async () => {
    const { keys, mount, signer, advance } = await start({ 'own.pem': createPem() })
    const old = await signer()
    const other = makeDirectory()
    await open(other, { clock: () => plusSeconds(T0, DAY) })
    const file = readdirSync(other).find(name => name.endsWith('.pem')) ?? ''
    mount({ [file]: readFileSync(join(other, file)) })
    await keys.reload()
    expect(keys.published()).toHaveLength(1)
    expect(await signer()).not.toBe(old)
    advance(DAY)
    expect(await signer()).toBe(keys.published()[0]?.kid)
  })

  it('is refused with a malformed date', async () => {
    const { directory } = mountSecret({ 'k.pem': `Signs-From: tomorrow\n${String(createPem())}` })
    expect(await faultsOf(directory)).toEqual([
      expect.stringMatching(/k\.pem has a line Signs-From whose value is not a time/),
    ])
  })
})

describe('the dates in a key file', () => {
  it('are read only from lines before the PEM, with LF or CRLF', () => {
    const dates = { signs_from: T0, announced_at: plusSeconds(T0, -DAY) }
    const text = formatKeyDates(dates)
    expect(parseKeyDates(`${text}-----BEGIN PRIVATE KEY-----`)).toEqual(dates)
    expect(parseKeyDates(`${text.replaceAll('\n', '\r\n')}-----BEGIN PRIVATE KEY-----`)).toEqual(dates)
    const none = { signs_from: null, announced_at: null }
    expect(parseKeyDates(`-----BEGIN PRIVATE KEY-----\n${text}`)).toEqual(none)
    for (const wrong of ['2026-02-30T00:00:00Z', '2026-11-21', '2026-11-21T07:00:00+01:00', ''])
      expect(parseKeyDates(`Signs-From: ${wrong}\n-----BEGIN PRIVATE KEY-----`)).toHaveProperty('fault')
  })
})
