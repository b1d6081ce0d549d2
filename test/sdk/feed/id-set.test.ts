import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createIdSet, SHARES } from '../../../src/sdk/feed/id-set.ts'

const NOW = 1_900_000_000
const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url')
const encoded = (...uuids: readonly string[]) =>
  encode(Buffer.from(uuids.join('').replaceAll('-', ''), 'hex'))
const uuidAt = (bytes: Uint8Array, index: number) =>
  Buffer.from(bytes.subarray(index * 16, index * 16 + 16))
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

describe('the set of ids', () => {
  it('contains each added id once, and no other id', () => {
    const set = createIdSet()
    const [one, other, stranger] = [randomUUID(), randomUUID(), randomUUID()]
    expect(set.has(one)).toBe(false)
    set.addAll(encoded(one, other, one), NOW)
    set.addAll(encoded(one), NOW)
    expect([one, other, stranger].map(id => set.has(id))).toEqual([true, true, false])
    expect(set.size()).toBe(2)
  })

  it.each([
    ['capitals', (id: string) => id.toUpperCase()],
    ['no dashes', (id: string) => id.replaceAll('-', '')],
    ['other dashes', (id: string) => id.replaceAll('-', '_')],
    ['a longer text', (id: string) => `${id}0`],
    ['a letter that is not hexadecimal', (id: string) => `${id.slice(0, -1)}g`],
    ['a letter beyond ASCII', (id: string) => `${id.slice(0, -1)}ÿ`],
  ])('does not recognize another spelling of an id: %s', (_, spell) => {
    const set = createIdSet()
    const id = 'ffffffff-abcd-4abc-abcd-abcdefabcdef'
    set.addAll(encoded(id), NOW)
    expect([set.has(id), set.has(spell(id))]).toEqual([true, false])
  })

  it('distinguishes ids that differ in one bit', () => {
    const set = createIdSet()
    const id = randomBytes(16)
    set.addAll(encode(id), NOW)
    for (let bit = 0; bit < 128; bit += 1) {
      const other = Buffer.from(id)
      other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(set.has(uuidAt(other, 0))).toBe(false)
    }
    expect(set.has(uuidAt(id, 0))).toBe(true)
  })

  it('forgets expired ids, and keeps the later of two expiries', () => {
    const set = createIdSet()
    const [early, late, renewed] = [randomUUID(), randomUUID(), randomUUID()]
    set.addAll(encoded(early, renewed), NOW)
    set.addAll(encoded(late, renewed), NOW + 60)
    set.addAll(encoded(renewed), NOW)
    set.sweep(NOW - 1, SHARES)
    expect(set.size()).toBe(3)
    set.sweep(NOW, SHARES)
    expect([early, late, renewed].map(id => set.has(id))).toEqual([false, true, true])
    expect(set.size()).toBe(2)
  })

  it('holds the same ids as a Map while it grows and shrinks', () => {
    const set = createIdSet()
    const expiries = new Map<string, number>()
    for (let round = 0; round < 12; round += 1) {
      const bytes = randomBytes(16 * (round < 6 ? 3000 : 50))
      set.addAll(encode(bytes), NOW + round)
      for (let index = 0; index < bytes.length / 16; index += 1)
        expiries.set(uuidAt(bytes, index), NOW + round)
      if (round < 3) continue
      set.sweep(NOW + round - 3, SHARES)
      for (const [id, expires_at] of expiries) if (expires_at <= NOW + round - 3) expiries.delete(id)
      expect(set.size()).toBe(expiries.size)
      expect([...expiries.keys()].every(id => set.has(id))).toBe(true)
      expect(set.has(randomUUID())).toBe(false)
    }
  })

  it('holds ids that are not random', () => {
    const set = createIdSet()
    const bytes = Buffer.alloc(16 * 3000)
    for (let index = 0; index < 3000; index += 1) bytes.writeUInt32BE(index, index * 16)
    set.addAll(encode(bytes), NOW)
    expect(set.size()).toBe(3000)
    expect(Array.from({ length: 3000 }, (_, index) => set.has(uuidAt(bytes, index))).every(Boolean)).toBe(
      true,
    )
    expect(set.has(uuidAt(Buffer.alloc(16, 1), 0))).toBe(false)
    set.sweep(NOW, SHARES)
    expect(set.size()).toBe(0)
  })

  it('keeps expiries beyond 2038', () => {
    const set = createIdSet()
    const id = randomUUID()
    set.addAll(encoded(id), 2 ** 32 - 1)
    set.sweep(2 ** 32 - 2, SHARES)
    expect(set.has(id)).toBe(true)
    set.sweep(2 ** 32 - 1, SHARES)
    expect(set.has(id)).toBe(false)
  })

  it('holds a million ids in less than 50 MB while it grows, and forgets them once they have expired', () => {
    const before = process.memoryUsage()
    const set = createIdSet()
    let most = 0
    const sample: string[] = []
    for (let page = 0; page < 20; page += 1) {
      const text = encode(randomBytes(50_000 * 16))
      set.addAll(text, NOW + page)
      sample.push(uuidAt(Buffer.from(text.slice(0, 64), 'base64url'), page % 3))
      const { arrayBuffers } = process.memoryUsage()
      // Less what the collector has not come to yet of the test's own.
      most = Math.max(most, arrayBuffers - before.arrayBuffers - 800_000 * (page + 1))
    }
    expect(set.size()).toBe(1_000_000)
    expect(sample.every(id => set.has(id))).toBe(true)
    expect(most).toBeLessThan(50_000_000)
    set.sweep(NOW + 18, SHARES)
    expect(set.size()).toBe(50_000)
    expect(sample.map(id => set.has(id))).toEqual(sample.map((_, page) => page === 19))
  })
})
