import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { Portion } from '../../../src/domain/revocations/portion.ts'
import type { NumberedRevocation } from '../../../src/domain/revocations/revocation.ts'
import { createRevocationLog } from '../../../src/domain/revocations/revocation-log.ts'

const NOW = 1_900_000_000
const token = (number: number, expires_at = NOW + 900, value: string = randomUUID()): NumberedRevocation => ({
  kind: 'jti',
  value,
  expires_at,
  issued_until: null,
  number,
})
const person = (number: number, issued_until: number, value = 'ada'): NumberedRevocation => ({
  ...token(number),
  kind: 'sub',
  value,
  issued_until,
})
const idsOf = ({ ids }: Portion) =>
  Object.values(ids).flatMap(text => Buffer.from(text, 'base64url').toString('hex').match(/.{32}/g) ?? [])
const bare = ({ value }: NumberedRevocation) => value.replaceAll('-', '')
const everything = 0

describe('the log of revocations', () => {
  it('returns the entries that were numbered after a number', () => {
    const log = createRevocationLog()
    const [first, second, third] = [token(5), token(6), token(6)] as const
    log.add([first, second, third])
    expect(idsOf(log.since(5, [], 10) ?? nothing)).toEqual([bare(second), bare(third)])
    expect(log.since(6, [], 10)).toEqual(nothing)
    expect(log.since(everything, [], 2)).toBeNull()
    expect(log.since(everything, [], 3)).not.toBeNull()
    expect([4, 5, 6].map(log.countAfter)).toEqual([3, 2, 0])
  })

  it('adds unnumbered entries to the numbered ones', () => {
    const log = createRevocationLog()
    const [numbered, late, custom, ended] = [
      token(5),
      token(0),
      token(0, NOW, 'custom'),
      person(0, NOW, 'bob'),
    ] as const
    log.add([numbered])
    const portion = log.since(4, [late, custom, ended], 1) ?? nothing
    expect(idsOf(portion)).toEqual([bare(numbered), bare(late)])
    expect(portion.named.map(([, value]) => value)).toEqual(['custom', 'bob'])
    expect(idsOf(log.since(5, [late], 1) ?? nothing)).toEqual([bare(late)])
  })

  it('keeps only the newest entry of a person', () => {
    const log = createRevocationLog()
    log.add([person(5, NOW), person(6, NOW + 10), person(6, NOW, 'bob')])
    expect(log.size()).toBe(2)
    expect(log.since(5, [], 10)?.named).toEqual([
      ['sub', 'ada', NOW + 900, NOW + 10],
      ['sub', 'bob', NOW + 900, NOW],
    ])
  })

  it('sends an id that is no UUID by name', () => {
    const log = createRevocationLog()
    log.add([token(5, NOW, 'custom')])
    expect(log.since(everything, [], 1)?.named).toEqual([['jti', 'custom', NOW, null]])
  })

  it('never forgets early, because an expiry is rounded up', () => {
    const log = createRevocationLog()
    log.add([token(1, NOW + 1), token(1, NOW + 60)])
    for (const expiry of Object.keys(log.since(everything, [], 2)?.ids ?? {}))
      expect(Number(expiry)).toBeGreaterThanOrEqual(NOW + 1)
    log.sweep(NOW + 1)
    expect(log.size()).toBe(2)
    log.sweep(NOW + 121)
    expect(log.size()).toBe(0)
  })

  it('forgets expired entries and keeps the others', () => {
    const log = createRevocationLog()
    const kept = Array.from({ length: 3000 }, () => token(2, NOW + 900))
    log.add(kept.flatMap(entry => [token(1, NOW), entry]))
    log.sweep(NOW + 60)
    expect(idsOf(log.since(1, [], 3000) ?? nothing)).toEqual(kept.map(bare))
  })

  it('divides into parts that together are the whole', () => {
    const log = createRevocationLog()
    const all = Array.from({ length: 2000 }, () => token(1))
    log.add([...all, person(1, NOW)])
    const parts = [0, 1, 2, 3].map(part => log.part(part, 4))
    expect(parts.flatMap(idsOf).toSorted()).toEqual(all.map(bare).toSorted())
    expect(parts.map(({ named }) => named.length)).toEqual([1, 0, 0, 0])
    expect(Math.min(...parts.map(part => idsOf(part).length))).toBeGreaterThan(400)
  })

  it('adds entries that came since the first part to the last one', () => {
    const log = createRevocationLog()
    const all = Array.from({ length: 2000 }, () => token(1))
    log.add([...all, person(1, NOW)])
    const first = log.part(0, 2)
    const [late, pending] = [token(2, NOW + 900, `${randomUUID().slice(0, -1)}0`), token(0)]
    log.add([late, person(2, NOW, 'bob')])
    const last = log.lastPart(2, { number: 1, unnumbered: [pending] })
    const expected = [...all, late, pending].map(bare)
    expect([...idsOf(first), ...idsOf(last)].toSorted()).toEqual(expected.toSorted())
    expect([first, last].flatMap(({ named }) => named.map(([, value]) => value))).toEqual(['ada', 'bob'])
  })

  it('takes less than 3 MB on the wire for 100 thousand entries', () => {
    const log = createRevocationLog()
    log.add(Array.from({ length: 100_000 }, (_, index) => token(index, NOW + (index % 900))))
    const bytes = [0, 1]
      .map(part => Buffer.from(JSON.stringify(log.part(part, 2))).toString('base64url').length)
      .reduce((sum, length) => sum + length)
    expect(bytes).toBeLessThan(3_000_000)
    expect(bytes).toBeGreaterThan(2_000_000)
  })
})

const nothing: Portion = { ids: {}, named: [] }
