import { randomBytes, randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createIdSet, SHARDS } from '../../src/sdk/id-set.ts'

const NOW = 1_900_000_000
const bytesOf = (...uuids: readonly string[]) => Buffer.from(uuids.join('').replaceAll('-', ''), 'hex')
const uuidAt = (bytes: Uint8Array, index: number) =>
  Buffer.from(bytes.subarray(index * 16, index * 16 + 16))
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')

describe('the set of ids', () => {
  it('has what was added, once, and nothing else', () => {
    const set = createIdSet()
    const [one, other, stranger] = [randomUUID(), randomUUID(), randomUUID()]
    expect(set.has(one)).toBe(false)
    set.addAll(bytesOf(one, other, one), NOW)
    set.addAll(bytesOf(one), NOW)
    expect([one, other, stranger].map(id => set.has(id))).toEqual([true, true, false])
    expect(set.size()).toBe(2)
  })

  it.each([
    ['capitals', (id: string) => id.toUpperCase()],
    ['no dashes', (id: string) => id.replaceAll('-', '')],
    ['other dashes', (id: string) => id.replaceAll('-', '_')],
    ['a longer text', (id: string) => `${id}0`],
    ['a letter that is no digit', (id: string) => `${id.slice(0, -1)}g`],
    ['a letter beyond ASCII', (id: string) => `${id.slice(0, -1)}ÿ`],
  ])('takes no other spelling for an id: %s', (_, spell) => {
    const set = createIdSet()
    const id = 'ffffffff-abcd-4abc-abcd-abcdefabcdef'
    set.addAll(bytesOf(id), NOW)
    expect([set.has(id), set.has(spell(id))]).toEqual([true, false])
  })

  it('tells ids apart that differ in one bit', () => {
    const set = createIdSet()
    const id = randomBytes(16)
    set.addAll(id, NOW)
    for (let bit = 0; bit < 128; bit += 1) {
      const other = Buffer.from(id)
      other.writeUInt8(other.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
      expect(set.has(uuidAt(other, 0))).toBe(false)
    }
    expect(set.has(uuidAt(id, 0))).toBe(true)
  })

  it('forgets what has expired, and keeps the longer of two expiries', () => {
    const set = createIdSet()
    const [early, late, renewed] = [randomUUID(), randomUUID(), randomUUID()]
    set.addAll(bytesOf(early, renewed), NOW)
    set.addAll(bytesOf(late, renewed), NOW + 60)
    set.addAll(bytesOf(renewed), NOW)
    set.sweep(NOW - 1, SHARDS)
    expect(set.size()).toBe(3)
    set.sweep(NOW, SHARDS)
    expect([early, late, renewed].map(id => set.has(id))).toEqual([false, true, true])
    expect(set.size()).toBe(2)
  })

  it('holds a million in less than 100 MB, and lets go of them', () => {
    const before = process.memoryUsage()
    const set = createIdSet()
    let most = 0
    const sample: string[] = []
    for (let page = 0; page < 20; page += 1) {
      const bytes = randomBytes(50_000 * 16)
      set.addAll(bytes, NOW + page)
      sample.push(uuidAt(bytes, page))
      const { arrayBuffers } = process.memoryUsage()
      most = Math.max(most, arrayBuffers - before.arrayBuffers)
    }
    expect(set.size()).toBe(1_000_000)
    expect(sample.every(id => set.has(id))).toBe(true)
    // What the collector has not come to yet included.
    expect(most).toBeLessThan(100_000_000)
    set.sweep(NOW + 18, SHARDS)
    expect(set.size()).toBe(50_000)
    expect(sample.map(id => set.has(id))).toEqual(sample.map((_, page) => page === 19))
  })
})
