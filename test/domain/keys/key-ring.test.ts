import { describe, expect, it } from 'vitest'
import {
  ANNOUNCE_SECONDS,
  formatKeyName,
  isRotationDue,
  JWKS_CACHE_SECONDS,
  judgeRing,
  nextChange,
  parseKeyName,
  plusSeconds,
  RETAIN_SECONDS,
  type RingKey,
  startAnnounced,
  startAtOnce,
} from '../../../src/domain/keys/key-ring.ts'

const T0 = new Date('2026-11-21T07:00:00Z')
const at = (seconds: number) => plusSeconds(T0, seconds)
const key = (kid: string, signs_from: Date | null, announced_at = T0): RingKey => ({
  kid,
  file: `${kid}.pem`,
  signs_from,
  announced_at,
})
const states = (keys: readonly RingKey[], now: Date) =>
  judgeRing(keys, now).map(({ kid, state }) => `${kid} ${state}`)

describe('the schedule of the key ring', () => {
  const ring = [key('new', at(600)), key('old', at(0))]

  it('lets the successor sign from its second on, and not a millisecond before', () => {
    expect(states(ring, new Date(at(600).getTime() - 1))).toEqual(['old signing', 'new announced'])
    expect(states(ring, at(600))).toEqual(['old retired', 'new signing'])
  })

  it('drops a retired key when the last token that it can have signed has expired', () => {
    const drop_at = at(600 + RETAIN_SECONDS)
    expect(judgeRing(ring, T0)[0]).toMatchObject({ retired_at: at(600), drop_at })
    expect(states(ring, new Date(drop_at.getTime() - 1))).toEqual(['old retired', 'new signing'])
    expect(states(ring, drop_at)).toEqual(['old dropped', 'new signing'])
  })

  it('keeps a retired key for longer than the longest life of an access token', () => {
    expect(RETAIN_SECONDS).toBeGreaterThan(86_400)
  })

  it('lets the oldest key sign before its start, because some key has to', () => {
    expect(states(ring, at(-60))).toEqual(['old signing', 'new announced'])
  })

  it('counts an operator’s key as the oldest, and retires it when a scheduled key signs', () => {
    const keys = [key('scheduled', at(0)), key('own', null)]
    expect(states(keys, at(-1))).toEqual(['own signing', 'scheduled announced'])
    expect(states(keys, at(0))).toEqual(['own retired', 'scheduled signing'])
    expect(states(keys, at(RETAIN_SECONDS))).toEqual(['own dropped', 'scheduled signing'])
  })

  it('lets the last by name of several operator keys sign, and never drops the others, whose end is unknown', () => {
    const keys = [key('b', null), key('a', null)]
    expect(states(keys, at(10 * RETAIN_SECONDS))).toEqual(['a retired', 'b signing'])
    expect(judgeRing(keys, T0)[0]).toMatchObject({ retired_at: null, drop_at: null })
  })

  it('has exactly one key sign at any time', () => {
    const keys = [key('a', at(0)), key('b', at(0)), key('c', at(5)), key('d', null), key('e', null)]
    for (const second of [-1, 0, 4, 5, 1e6]) {
      expect(judgeRing(keys, at(second)).filter(({ state }) => state === 'signing')).toHaveLength(1)
    }
  })

  it('is empty for no keys', () => {
    expect(judgeRing([], T0)).toEqual([])
  })

  it('names the next moment at which a state changes', () => {
    expect(nextChange(judgeRing(ring, T0), T0)).toEqual(at(600))
    expect(nextChange(judgeRing(ring, at(600)), at(600))).toEqual(at(600 + RETAIN_SECONDS))
    const end = at(600 + RETAIN_SECONDS)
    expect(nextChange(judgeRing(ring, end), end)).toBeNull()
  })
})

describe('when keys take over', () => {
  it('publishes a key two JWKS cache lifetimes before it signs, at any fraction of a second', () => {
    for (const now of [T0, new Date(T0.getTime() + 999)]) {
      const published_seconds = (startAnnounced(now).getTime() - now.getTime()) / 1000
      expect(published_seconds).toBeGreaterThanOrEqual(2 * JWKS_CACHE_SECONDS + 1)
      expect(published_seconds).toBeLessThanOrEqual(2 * JWKS_CACHE_SECONDS + 2)
    }
  })

  it('starts at once within the running second, but never in the second of the key that it replaces', () => {
    const now = new Date(T0.getTime() + 500)
    expect(startAtOnce(undefined, now)).toEqual(T0)
    expect(startAtOnce(key('old', at(-1)), now)).toEqual(T0)
    expect(startAtOnce(key('own', null), now)).toEqual(T0)
    expect(startAtOnce(key('old', at(0)), now)).toEqual(at(1))
    expect(startAtOnce(key('skewed', at(3)), now)).toEqual(at(4))
  })

  it('is due so early that the successor takes over on time', () => {
    const every_seconds = 30 * 86_400
    const due = (keys: readonly RingKey[], now: Date) =>
      isRotationDue(judgeRing(keys, now), { now, every_seconds })
    const moment = at(every_seconds - ANNOUNCE_SECONDS)
    expect(due([key('a', T0)], new Date(moment.getTime() - 1))).toBe(false)
    expect(due([key('a', T0)], moment)).toBe(true)
    expect(due([key('a', T0), key('b', at(every_seconds))], moment)).toBe(false)
    expect(due([], T0)).toBe(true)
  })

  it('counts the age of an operator’s key from the time of its file', () => {
    const options = { now: at(1000), every_seconds: 1000 + ANNOUNCE_SECONDS }
    expect(isRotationDue(judgeRing([key('own', null, at(0))], at(1000)), options)).toBe(true)
    expect(isRotationDue(judgeRing([key('own', null, at(1))], at(1000)), options)).toBe(false)
  })
})

describe('the names of key files', () => {
  const kid = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'

  it('have the start, to the second, and the kid', () => {
    expect(formatKeyName({ kid, signs_from: T0 })).toBe(`20261121T070000Z.${kid}.pem`)
    expect(parseKeyName(`20261121T070000Z.${kid}.pem`)).toEqual(T0)
  })

  it('are recognised; every other name is an operator’s', () => {
    for (const name of [
      'signing.pem',
      `${kid}.pem`,
      `20261121T070000.${kid}.pem`,
      `20261121T070000Z.x.pem`,
    ]) {
      expect(parseKeyName(name)).toBeNull()
    }
  })

  it('are not recognised with an impossible date', () => {
    const name = `20261399T000000Z.${kid}.pem`
    const signs_from = parseKeyName(name)
    expect(signs_from && formatKeyName({ kid, signs_from })).not.toBe(name)
  })
})
