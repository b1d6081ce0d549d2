import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ANNOUNCE_SECONDS, RETAIN_SECONDS } from '../../src/domain/keys/key-ring.ts'
import type { Outcome } from '../../src/signing/change-keys.ts'
import { listKeys } from '../../src/signing/list-keys.ts'
import {
  retireKey,
  revokeEveryKey,
  revokeKey,
  rotateKeys,
  rotateWhenDue,
} from '../../src/signing/rotation.ts'
import { createClock } from '../support/effects.ts'
import { kidOf, makeDirectory, open, putKey, T0 } from './support.ts'

const SIGNS_AFTER = ANNOUNCE_SECONDS + 2

const setUp = async () => {
  const { clock, advance } = createClock(T0)
  const place = { directory: makeDirectory(), clock }
  const keys = await open(place.directory, { clock })
  const first = kidOf(await keys.sign('at+jwt', {}))
  if (typeof first !== 'string') throw new Error('no kid')
  advance(60)
  return { place, keys, first, advance }
}

const keysOf = (outcome: Outcome) => {
  if (!('keys' in outcome)) throw new Error(JSON.stringify(outcome))
  return outcome.keys
}
const statesOf = (outcome: Outcome) => keysOf(outcome).map(({ state }) => state)
const refusalOf = (outcome: Outcome) => ('refusal' in outcome ? outcome.refusal : null)
const pems = (directory: string) => readdirSync(directory).filter(name => name.endsWith('.pem'))

describe('signetd keys rotate', () => {
  it('announces a key that a running server publishes at once and signs with when its time has come', async () => {
    const { place, keys, first, advance } = await setUp()
    expect(statesOf(await rotateKeys(place, { now: false }))).toEqual(['signing', 'announced'])
    await keys.reload()
    expect(keys.published()).toHaveLength(2)
    advance(SIGNS_AFTER - 1)
    expect(kidOf(await keys.sign('at+jwt', {}))).toBe(first)
    advance(1)
    const jws = await keys.sign('at+jwt', {})
    expect(kidOf(jws)).not.toBe(first)
    expect(keys.verify('at+jwt', jws)).toEqual({})
  })

  it('verifies with a retired key until its last token has expired, and not afterwards', async () => {
    const { place, keys, advance } = await setUp()
    const old = await keys.sign('at+jwt', {})
    await rotateKeys(place, { now: false })
    await keys.reload()
    advance(SIGNS_AFTER + RETAIN_SECONDS - 1)
    expect(keys.verify('at+jwt', old)).toEqual({})
    expect(keys.published()).toHaveLength(2)
    advance(1)
    expect(keys.verify('at+jwt', old)).toBeNull()
    expect(keys.published()).toHaveLength(1)
  })

  it('refuses while a key is announced, and names that key', async () => {
    const { place } = await setUp()
    const announced = keysOf(await rotateKeys(place, { now: false }))[1]?.kid
    for (const now of [false, true]) {
      expect(refusalOf(await rotateKeys(place, { now }))).toContain(`${announced} is announced already`)
    }
    expect(pems(place.directory)).toHaveLength(2)
  })

  it('deletes a dropped key', async () => {
    const { place, first, advance } = await setUp()
    await rotateKeys(place, { now: false })
    advance(SIGNS_AFTER + RETAIN_SECONDS)
    const keys = keysOf(await rotateKeys(place, { now: false }))
    expect(keys.map(({ state }) => state)).toEqual(['signing', 'announced'])
    expect(keys.map(({ kid }) => kid)).not.toContain(first)
  })

  it('never deletes a key file of the operator, not even a dropped one', async () => {
    const { clock, advance } = createClock(T0)
    const place = { directory: makeDirectory(), clock }
    putKey(place.directory, 'own.pem')
    await rotateKeys(place, { now: false })
    advance(SIGNS_AFTER + RETAIN_SECONDS)
    await rotateKeys(place, { now: false })
    expect(pems(place.directory)).toContain('own.pem')
    expect(statesOf(await listKeys(place))).toEqual(['dropped', 'signing', 'announced'])
  })

  it('makes the new key sign at once with --now, even twice in one second', async () => {
    const { place, keys, first, advance } = await setUp()
    expect(statesOf(await rotateKeys(place, { now: true }))).toEqual(['retired', 'signing'])
    await keys.reload()
    expect(kidOf(await keys.sign('at+jwt', {}))).not.toBe(first)
    await rotateKeys(place, { now: true })
    advance(1)
    expect(statesOf(await listKeys(place))).toEqual(['retired', 'retired', 'signing'])
  })

  it('creates the key with mode 0600, and leaves no other file behind', async () => {
    const { place } = await setUp()
    const { uid } = statSync(place.directory)
    await rotateKeys(place, { now: false })
    expect(readdirSync(place.directory)).toEqual(pems(place.directory))
    const stats = statSync(join(place.directory, pems(place.directory).toSorted()[1] ?? ''))
    expect([stats.mode & 0o777, stats.uid]).toEqual([0o600, uid])
  })

  it('lets the group read the key when the group may enter the directory, for a server with another uid', async () => {
    const { place } = await setUp()
    const { gid } = statSync(place.directory)
    chmodSync(place.directory, 0o750)
    await rotateKeys(place, { now: false })
    const stats = statSync(join(place.directory, pems(place.directory).toSorted()[1] ?? ''))
    expect([stats.mode & 0o777, stats.gid]).toEqual([0o640, gid])
  })

  it('announces one key when several commands run at once', async () => {
    const { place } = await setUp()
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => rotateKeys(place, { now: false })))
    expect(outcomes.filter(outcome => 'keys' in outcome)).toHaveLength(1)
    expect(outcomes.filter(outcome => 'refusal' in outcome)).toHaveLength(3)
    expect(pems(place.directory)).toHaveLength(2)
  })
})

describe('signetd keys retire', () => {
  it('refuses until verifiers have had time to fetch the successor', async () => {
    const { place, keys, first, advance } = await setUp()
    await rotateKeys(place, { now: false })
    advance(ANNOUNCE_SECONDS - 1)
    expect(refusalOf(await retireKey(place, { kid: first, now: false }))).toContain(
      'not known to all verifiers',
    )
    advance(1)
    const old = await keys.sign('at+jwt', {})
    expect(statesOf(await retireKey(place, { kid: first, now: false }))).toEqual(['retired', 'signing'])
    await keys.reload()
    expect(kidOf(await keys.sign('at+jwt', {}))).not.toBe(first)
    expect(keys.verify('at+jwt', old)).toEqual({})
  })

  it('refuses without a successor, and creates one with --now', async () => {
    const { place, first } = await setUp()
    expect(refusalOf(await retireKey(place, { kid: first, now: false }))).toContain('no key is announced')
    expect(pems(place.directory)).toHaveLength(1)
    expect(statesOf(await retireKey(place, { kid: first, now: true }))).toEqual(['retired', 'signing'])
  })

  it('makes the announced key sign with --now, regardless of its age', async () => {
    const { place, first } = await setUp()
    const announced = keysOf(await rotateKeys(place, { now: false }))[1]?.kid
    const keys = keysOf(await retireKey(place, { kid: first, now: true }))
    expect(keys.map(({ kid, state }) => [kid, state])).toEqual([
      [first, 'retired'],
      [announced, 'signing'],
    ])
  })

  it('refuses any key but the signing one', async () => {
    const { place, first } = await setUp()
    const announced = keysOf(await rotateKeys(place, { now: false }))[1]?.kid ?? ''
    expect(refusalOf(await retireKey(place, { kid: announced, now: true }))).toContain('is announced')
    await retireKey(place, { kid: first, now: true })
    expect(refusalOf(await retireKey(place, { kid: first, now: true }))).toContain('is retired')
    expect(refusalOf(await retireKey(place, { kid: 'nobody', now: true }))).toBe(
      'nobody is unknown: signetd keys list prints the keys',
    )
  })
})

describe('signetd keys revoke', () => {
  it('changes nothing without --now, and says what it would do', async () => {
    const { place, keys, first } = await setUp()
    const refusal = refusalOf(await revokeKey(place, { kid: first, now: false }))
    expect(refusal).toContain('ends every token that it signed, and a new key signs at once')
    await keys.reload()
    expect(keys.published().map(({ kid }) => kid)).toEqual([first])
  })

  it('replaces the signing key by a new one, and ends its tokens', async () => {
    const { place, keys, first } = await setUp()
    const old = await keys.sign('at+jwt', {})
    expect(statesOf(await revokeKey(place, { kid: first, now: true }))).toEqual(['signing'])
    await keys.reload()
    expect(keys.verify('at+jwt', old)).toBeNull()
    expect(keys.published().map(({ kid }) => kid)).not.toContain(first)
    const jws = await keys.sign('at+jwt', {})
    expect(keys.verify('at+jwt', jws)).toEqual({})
  })

  it('makes the announced key sign instead of an older key, whose tokens stay valid', async () => {
    const { place, keys, first, advance } = await setUp()
    const oldest = await keys.sign('at+jwt', {})
    const second = keysOf(await rotateKeys(place, { now: true }))[1]?.kid ?? ''
    advance(5)
    const third = keysOf(await rotateKeys(place, { now: false }))[2]?.kid ?? ''
    expect(refusalOf(await revokeKey(place, { kid: second, now: false }))).toContain(`${third} signs at once`)
    const left = keysOf(await revokeKey(place, { kid: second, now: true }))
    expect(left.map(({ kid, state }) => [kid, state])).toEqual([
      [first, 'retired'],
      [third, 'signing'],
    ])
    await keys.reload()
    expect(keys.verify('at+jwt', oldest)).toEqual({})
  })

  it('removes a key that does not sign, and changes nothing else', async () => {
    const { place, first } = await setUp()
    const announced = keysOf(await rotateKeys(place, { now: false }))[1]?.kid ?? ''
    const left = keysOf(await revokeKey(place, { kid: announced, now: true }))
    expect(left.map(({ kid, state }) => [kid, state])).toEqual([[first, 'signing']])
    expect(refusalOf(await revokeKey(place, { kid: announced, now: true }))).toContain(
      `${announced} is unknown`,
    )
  })
})

describe('signetd keys revoke --all', () => {
  it('changes nothing without --now, and says what it would do', async () => {
    const { place, first } = await setUp()
    expect(refusalOf(await revokeEveryKey(place, { now: false }))).toContain(
      `revoke ${first} ends every token`,
    )
    expect(pems(place.directory)).toHaveLength(1)
  })

  it('revokes the retired, the signing and the announced key, and makes a new key sign at once', async () => {
    const { place, keys, first, advance } = await setUp()
    const tokens = [await keys.sign('at+jwt', {})]
    putKey(place.directory, 'own.pem')
    await rotateKeys(place, { now: true })
    await keys.reload()
    tokens.push(await keys.sign('at+jwt', {}))
    advance(5)
    await rotateKeys(place, { now: false })
    const before = keysOf(await listKeys(place))
    expect(before.map(({ state }) => state)).toEqual(['retired', 'retired', 'signing', 'announced'])
    const left = keysOf(await revokeEveryKey(place, { now: true }))
    expect(left.map(({ state }) => state)).toEqual(['signing'])
    expect(before.map(({ kid }) => kid)).toContain(first)
    expect(before.map(({ kid }) => kid)).not.toContain(left[0]?.kid)
    await keys.reload()
    expect(keys.published().map(({ kid }) => kid)).toEqual([left[0]?.kid])
    for (const token of tokens) expect(keys.verify('at+jwt', token)).toBeNull()
    expect(keys.verify('at+jwt', await keys.sign('at+jwt', {}))).toEqual({})
  })

  it('works again immediately, and on an empty directory', async () => {
    const { place } = await setUp()
    const [one, two] = [
      await revokeEveryKey(place, { now: true }),
      await revokeEveryKey(place, { now: true }),
    ]
    expect(keysOf(one)[0]?.kid).not.toBe(keysOf(two)[0]?.kid)
    const empty = { ...place, directory: makeDirectory() }
    expect(statesOf(await revokeEveryKey(empty, { now: true }))).toEqual(['signing'])
  })
})

describe('automatic rotation', () => {
  const every_seconds = 3600

  it('announces one key when rotation is due, and not a second before', async () => {
    const { place, advance } = await setUp()
    advance(every_seconds - ANNOUNCE_SECONDS - 61)
    expect(await rotateWhenDue(place, { every_seconds })).toEqual({ changed: false })
    expect(pems(place.directory)).toHaveLength(1)
    advance(1)
    expect(await rotateWhenDue(place, { every_seconds })).toMatchObject({
      changed: true,
      before: [{ state: 'signing' }],
      after: [{ state: 'signing' }, { state: 'announced' }],
    })
    expect(await rotateWhenDue(place, { every_seconds })).toEqual({ changed: false })
    expect(statesOf(await listKeys(place))).toEqual(['signing', 'announced'])
  })

  it('is performed by only one of several replicas', async () => {
    const { place, advance } = await setUp()
    advance(every_seconds)
    const results = await Promise.all([1, 2, 3].map(() => rotateWhenDue(place, { every_seconds })))
    expect(results.filter(result => 'changed' in result && result.changed)).toHaveLength(1)
    expect(pems(place.directory)).toHaveLength(2)
  })

  it('deletes a dropped key even when no rotation is due', async () => {
    const { place, first, advance } = await setUp()
    await rotateKeys(place, { now: true })
    advance(RETAIN_SECONDS - 1)
    expect(await rotateWhenDue(place, { every_seconds: 30 * 86_400 })).toEqual({ changed: false })
    advance(1)
    expect(await rotateWhenDue(place, { every_seconds: 30 * 86_400 })).toMatchObject({ changed: true })
    const kids = keysOf(await listKeys(place)).map(({ kid }) => kid)
    expect(kids).toHaveLength(1)
    expect(kids).not.toContain(first)
  })

  it('makes the first key of an empty directory sign at once', async () => {
    const place = { directory: makeDirectory(), clock: createClock(T0).clock }
    expect(await rotateWhenDue(place, { every_seconds: 30 * 86_400 })).toMatchObject({ changed: true })
    expect(statesOf(await listKeys(place))).toEqual(['signing'])
  })
})
