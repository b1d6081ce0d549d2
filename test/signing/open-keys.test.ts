import { execFile } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { listKeys } from '../../src/signing/list-keys.ts'
import { openKeys } from '../../src/signing/open-keys.ts'
import { createRing } from '../../src/signing/ring.ts'
import { revokeKey, rotateKeys, rotateWhenDue } from '../../src/signing/rotation.ts'
import { createClock, createLog, errorsIn } from '../support/effects.ts'
import { createPair, createPem, faultsOf, kidOf, makeDirectory, open, putKey, T0 } from './support.ts'

const pems = (directory: string) => readdirSync(directory).filter(name => name.endsWith('.pem'))
const place = (directory: string) => ({ directory, clock: () => T0 })

describe('the first start', () => {
  it('creates one key that signs at once, in a file of mode 0600 that is named after its schedule', async () => {
    const directory = makeDirectory()
    const keys = await open(directory)
    const kid = keys.published()[0]?.kid
    expect(kidOf(await keys.sign('at+jwt', {}))).toBe(kid)
    expect(pems(directory)).toEqual([`20261121T070000Z.${kid}.pem`])
    expect(statSync(join(directory, `20261121T070000Z.${kid}.pem`)).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(directory, pems(directory)[0] ?? ''), 'utf8')).toContain('BEGIN PRIVATE KEY')
  })

  it('creates a missing directory, for its owner alone', async () => {
    const directory = join(makeDirectory(), 'deep', 'keys')
    await open(directory)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  it('restricts a directory that is open to others and holds no key yet', async () => {
    const directory = makeDirectory()
    writeFileSync(join(directory, 'README.md'), '')
    chmodSync(directory, 0o755)
    await open(directory)
    expect(statSync(directory).mode & 0o777).toBe(0o700)
  })

  it('creates one key when replicas start at once in one process', async () => {
    const directory = makeDirectory()
    const rings = await Promise.all([1, 2, 3, 4].map(() => open(directory)))
    expect(pems(directory)).toHaveLength(1)
    expect(new Set(rings.flatMap(keys => keys.published().map(({ kid }) => kid))).size).toBe(1)
  })

  it('creates one key, and rotates once, when replicas start at once in separate processes', async () => {
    const directory = makeDirectory()
    const run = async (...options: string[]) => {
      const script = join(import.meta.dirname, 'open-in-process.ts')
      return (await promisify(execFile)(process.execPath, ['--import', 'tsx', script, directory, ...options]))
        .stdout
    }
    const first = await Promise.all([run(), run(), run()])
    expect(new Set(first).size).toBe(1)
    expect(pems(directory)).toHaveLength(1)
    await Promise.all([run('1'), run('1'), run('1')])
    expect(pems(directory)).toHaveLength(2)
  }, 60_000)

  it('deletes the file of a process that died while it wrote a key', async () => {
    const directory = makeDirectory()
    writeFileSync(join(directory, '.new-half'), 'half a key')
    await open(directory)
    expect(readdirSync(directory)).toEqual(pems(directory))
  })
})

describe('the published keys', () => {
  it('have public members only', async () => {
    const directory = makeDirectory()
    putKey(directory, 'own.pem')
    await rotateKeys(place(directory), { now: false })
    const keys = await open(directory)
    expect(keys.published()).toHaveLength(2)
    for (const jwk of keys.published()) {
      expect(Object.keys(jwk).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use'])
      expect(jwk).toMatchObject({ kty: 'RSA', use: 'sig', alg: 'RS256', e: 'AQAB' })
      expect(Buffer.from(jwk.n, 'base64url')).toHaveLength(256)
    }
  })

  it('and the schedule contain no private number when they are printed as JSON', async () => {
    const directory = makeDirectory()
    const { privateKey } = createPair()
    putKey(directory, 'own.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
    const keys = await open(directory)
    const printed = JSON.stringify([
      keys,
      keys.schedule(),
      keys.published(),
      await listKeys(place(directory)),
    ])
    const { d = '', p = '', q = '' } = privateKey.export({ format: 'jwk' })
    for (const secret of [d, p, q, 'PRIVATE KEY']) expect(printed).not.toContain(secret)
  })
})

describe('an operator’s own keys', () => {
  it('sign under their thumbprint, regardless of the file name', async () => {
    const directory = makeDirectory()
    putKey(directory, 'b.pem')
    const keys = await open(directory)
    expect(kidOf(await keys.sign('JWT', {}))).toBe(keys.published()[0]?.kid)
  })

  it('are refused when two keys have no date, with the advice to add one', async () => {
    const directory = makeDirectory()
    putKey(directory, 'b.pem')
    putKey(directory, 'a.pem')
    expect(await faultsOf(directory)).toEqual([
      expect.stringMatching(
        /^KEYS_DIR: b\.pem does not say from when it signs, beside a\.pem; .*Signs-From: .*signetd keys new$/,
      ),
    ])
  })

  it('have the RFC 7638 thumbprint that jose computes', async () => {
    const { calculateJwkThumbprint } = await import('jose')
    const [jwk] = (await open(makeDirectory())).published()
    expect(jwk?.kid).toBe(await calculateJwkThumbprint({ ...jwk }, 'sha256'))
  })
})

describe('the start refuses, with one line each,', () => {
  const refused = async (file: string, pem: string | Buffer) => {
    const directory = makeDirectory()
    putKey(directory, file, pem)
    const before = readdirSync(directory)
    const faults = await faultsOf(directory)
    expect(faults).toHaveLength(1)
    expect(faults[0]).not.toContain('\n')
    expect(faults[0]).toContain(join(directory, file))
    expect(readdirSync(directory)).toEqual(before)
    return faults[0]
  }

  it('a key below 2048 bits', async () => {
    const { privateKey } = createPair(2047)
    expect(await refused('k.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))).toContain('2047 bits')
  })

  it('a key of another type', async () => {
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey
    for (const key of [ec, pss]) {
      expect(await refused('k.pem', key.export({ type: 'pkcs8', format: 'pem' }))).toContain(
        'RS256 takes RSA',
      )
    }
  })

  it('a file other than an unencrypted PKCS#8 key', async () => {
    const { privateKey, publicKey } = createPair()
    for (const pem of [
      privateKey.export({ type: 'pkcs1', format: 'pem' }),
      privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
      publicKey.export({ type: 'spki', format: 'pem' }),
      '',
    ]) {
      expect(await refused('k.pem', pem)).toContain('openssl pkcs8')
    }
  })

  it('a truncated key and a damaged key', async () => {
    const pem = createPem().toString()
    expect(await refused('k.pem', pem.slice(0, 400))).toContain('not a readable private key')
    const [one, other] = [createPair(), createPair()].map(pair => pair.privateKey.export({ format: 'jwk' }))
    const mixed = createPrivateKey({ key: { ...one, n: other?.n ?? '' }, format: 'jwk' })
    const damaged = mixed.export({ type: 'pkcs8', format: 'pem' })
    expect(await refused('k.pem', damaged)).toContain('holds a damaged key')
  })

  it('a file that is too large and a dangling symbolic link', async () => {
    expect(await refused('k.pem', Buffer.alloc(32_769))).toContain('32768')
    const directory = makeDirectory()
    symlinkSync('nowhere', join(directory, 'k.pem'))
    expect(await faultsOf(directory)).toHaveLength(1)
  })

  it('a file name whose kid or date disagrees with the key', async () => {
    const kid = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
    expect(await refused(`20261121T070000Z.${kid}.pem`, createPem())).toContain('disagrees')
    const directory = makeDirectory()
    const own = (await open(directory)).published()[0]?.kid
    renameSync(join(directory, pems(directory)[0] ?? ''), join(directory, `20261399T000000Z.${own}.pem`))
    expect((await faultsOf(directory))[0]).toContain(`the thumbprint is ${own}`)
  })

  it('one key under two names', async () => {
    const directory = makeDirectory()
    putKey(directory, 'a.pem')
    copyFileSync(join(directory, 'a.pem'), join(directory, 'b.pem'))
    expect(await faultsOf(directory)).toEqual(['KEYS_DIR: a.pem and b.pem hold one key: remove one of them'])
  })

  it('several faults, all of them at once', async () => {
    const directory = makeDirectory()
    putKey(directory, 'a.pem', 'x')
    putKey(directory, 'b.pem', 'y')
    expect(await faultsOf(directory)).toHaveLength(2)
  })

  it('a key file that others can read or write, but not one that the group can read', async () => {
    for (const [mode, faults] of [
      [0o604, 1],
      [0o602, 1],
      [0o640, 0],
      [0o440, 0],
    ] as const) {
      const directory = makeDirectory()
      putKey(directory, 'k.pem')
      chmodSync(join(directory, 'k.pem'), mode)
      const found = await faultsOf(directory)
      expect(found).toHaveLength(faults)
      if (faults > 0) expect(found[0]).toContain(`run: chmod o-rwx ${join(directory, 'k.pem')}`)
    }
  })

  it('a directory with keys that others can enter, but not one that the group can enter', async () => {
    for (const [mode, faults] of [
      [0o704, 1],
      [0o701, 1],
      [0o702, 1],
      [0o770, 0],
    ] as const) {
      const directory = makeDirectory()
      putKey(directory, 'k.pem')
      chmodSync(directory, mode)
      const found = await faultsOf(directory)
      expect(found).toHaveLength(faults)
      if (faults > 0) expect(found[0]).toContain(`run: chmod o-rwx ${directory}`)
      expect(statSync(directory).mode & 0o777).toBe(mode)
    }
  })

  it('a path that is not a directory', async () => {
    const path = join(makeDirectory(), 'file')
    writeFileSync(path, '')
    const faults = await faultsOf(path)
    expect(faults).toHaveLength(1)
    expect(faults[0]).toMatch(/^KEYS_DIR: E\w+: /)
  })
})

describe('a read-only directory', () => {
  /** As Kubernetes mounts a secret: open to all, the files behind two links. Without write bits, which root heeds here too. */
  const mountSecret = (mode = 0o440) => {
    const directory = makeDirectory()
    mkdirSync(join(directory, '..2026_11_21'))
    putKey(join(directory, '..2026_11_21'), 'signing.pem')
    chmodSync(join(directory, '..2026_11_21', 'signing.pem'), mode)
    symlinkSync('..2026_11_21', join(directory, '..data'))
    symlinkSync('..data/signing.pem', join(directory, 'signing.pem'))
    chmodSync(directory, 0o1555)
    onTestFinished(() => chmodSync(directory, 0o700))
    return directory
  }

  it('serves its keys through symbolic links, and is reported as read-only', async () => {
    const keys = await open(mountSecret())
    expect(keys.isReadOnly).toBe(true)
    expect(keys.verify('JWT', await keys.sign('JWT', { a: 1 }))).toEqual({ a: 1 })
    expect((await open(makeDirectory())).isReadOnly).toBe(false)
  })

  it('is refused when others can read the key file', async () => {
    expect((await faultsOf(mountSecret(0o444)))[0]).toContain('defaultMode 0440')
  })

  it('is never written to, because the operator rotates its keys', async () => {
    const directory = mountSecret()
    const before = readdirSync(directory)
    const [{ kid } = { kid: '' }] = (await open(directory)).published()
    for (const outcome of [
      await rotateKeys(place(directory), { now: true }),
      await revokeKey(place(directory), { kid, now: true }),
    ]) {
      expect(outcome).toHaveProperty('faults', [expect.stringContaining('read-only')])
    }
    expect(await rotateWhenDue(place(directory), { every_seconds: 1 })).toEqual({ changed: false })
    expect(readdirSync(directory)).toEqual(before)
  })

  it('is refused without a key, with the command that creates one', async () => {
    const directory = makeDirectory()
    chmodSync(directory, 0o500)
    expect(await faultsOf(directory)).toEqual([expect.stringContaining('openssl genpkey')])
  })
})

describe('a running server', () => {
  it('notices a rotation and a revocation by itself, within its poll interval', async () => {
    const directory = makeDirectory()
    const keys = await openKeys({ ...place(directory), log: createLog().log, poll_milliseconds: 5 })
    if ('faults' in keys) throw new Error(keys.faults.join('\n'))
    onTestFinished(() => keys.close())
    const [first] = keys.published()
    await rotateKeys(place(directory), { now: false })
    await vi.waitFor(() => expect(keys.published()).toHaveLength(2), { timeout: 10_000 })
    await revokeKey(place(directory), { kid: first?.kid ?? '', now: true })
    await vi.waitFor(() => expect(keys.published().map(({ kid }) => kid)).not.toContain(first?.kid), {
      timeout: 10_000,
    })
    expect(keys.published()).toHaveLength(1)
  })

  it('ignores a broken new key, logs that once, and uses the key after its repair', async () => {
    const directory = makeDirectory()
    const { log, lines } = createLog()
    const keys = await open(directory, { log })
    putKey(directory, 'zz.pem', 'broken')
    await keys.reload()
    await keys.reload()
    expect(keys.published()).toHaveLength(1)
    expect(errorsIn(lines)).toMatchObject([{ faults: [expect.stringContaining('zz.pem')] }])
    putKey(directory, 'zz.pem', `Signs-From: 2026-12-01T00:00:00Z\n${String(createPem())}`)
    await keys.reload()
    expect(keys.published()).toHaveLength(2)
    expect(errorsIn(lines)).toHaveLength(1)
  })

  it('honours a revocation beside a broken file', async () => {
    const directory = makeDirectory()
    const keys = await open(directory)
    await rotateKeys(place(directory), { now: true })
    await keys.reload()
    const [gone, stays] = keys.published()
    putKey(directory, 'broken.pem', 'broken')
    rmSync(join(directory, pems(directory).find(name => name.includes(gone?.kid ?? '')) ?? ''))
    await keys.reload()
    expect(keys.published()).toEqual([stays])
  })

  it('keeps a key whose file was overwritten with something else', async () => {
    const directory = makeDirectory()
    const { log, lines } = createLog()
    const keys = await open(directory, { log })
    const jws = await keys.sign('JWT', {})
    writeFileSync(join(directory, pems(directory)[0] ?? ''), 'oops')
    await keys.reload()
    expect(keys.verify('JWT', jws)).toEqual({})
    expect(errorsIn(lines)).toHaveLength(1)
  })

  it('keeps its keys when the directory is emptied, opened to others or deleted, and logs that', async () => {
    for (const harm of [
      (directory: string) => rmSync(join(directory, pems(directory)[0] ?? '')),
      (directory: string) => {
        chmodSync(directory, 0o755)
        putKey(directory, 'planted.pem')
      },
      (directory: string) => rmSync(directory, { recursive: true }),
    ]) {
      const directory = makeDirectory()
      const { log, lines } = createLog()
      const keys = await open(directory, { log })
      const published = keys.published()
      harm(directory)
      await keys.reload()
      await keys.reload()
      expect(keys.published()).toBe(published)
      expect(errorsIn(lines)).toHaveLength(1)
      expect(kidOf(await keys.sign('JWT', {}))).toBe(published[0]?.kid)
    }
  })

  it('follows a mounted secret that is replaced under the same name', async () => {
    const directory = makeDirectory()
    putKey(directory, 'signing.pem')
    const keys = await open(directory)
    const [before] = keys.published()
    putKey(directory, 'signing.next')
    utimesSync(join(directory, 'signing.next'), T0, T0)
    renameSync(join(directory, 'signing.next'), join(directory, 'signing.pem'))
    await keys.reload()
    expect(keys.published()).toHaveLength(1)
    expect(keys.published()[0]?.kid).not.toBe(before?.kid)
  })

  it('stops polling when it is closed, even in the middle of a read', async () => {
    const directory = makeDirectory()
    const keys = await openKeys({ ...place(directory), log: createLog().log, poll_milliseconds: 1 })
    if ('faults' in keys) throw new Error(keys.faults.join('\n'))
    void keys.reload()
    await keys.close()
    await rotateKeys(place(directory), { now: false })
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(keys.published()).toHaveLength(1)
  })

  it('shows its schedule without private keys', async () => {
    const [key = {}] = (await open(makeDirectory())).schedule()
    expect(Object.keys(key)).toEqual([
      'kid',
      'state',
      'announced_at',
      'signs_from',
      'retired_at',
      'drop_at',
      'file',
    ])
  })

  it('recomputes the states of the keys when the clock is set back', async () => {
    const { clock, advance } = createClock(T0)
    const directory = makeDirectory()
    const keys = await open(directory, { clock })
    await rotateKeys({ directory, clock }, { now: false })
    await keys.reload()
    const first = kidOf(await keys.sign('JWT', {}))
    advance(3600)
    expect(kidOf(await keys.sign('JWT', {}))).not.toBe(first)
    advance(-3600)
    expect(kidOf(await keys.sign('JWT', {}))).toBe(first)
    expect(keys.schedule().map(({ state }) => state)).toEqual(['signing', 'announced'])
  })

  it('has no signing key while the ring is empty', () => {
    expect(createRing(() => T0).view().signing).toBeUndefined()
  })
})
