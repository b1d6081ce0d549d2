import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import {
  type Cursor,
  createCursors,
  digestOfUnnumbered,
  NOTHING_UNNUMBERED,
} from '../../../src/domain/revocations/feed-cursor.ts'

const [first, second] = [1, 2].map(byte => createPepper(Buffer.alloc(32, byte)))
if (first === undefined || second === undefined) throw new Error('two peppers')
const cursors = createCursors([first])

const cursor = (more: Partial<Cursor> = {}): Cursor => ({
  position: { number: 7, tag: randomUUID() },
  unnumbered: NOTHING_UNNUMBERED,
  part: 1,
  parts: 1,
  ...more,
})

describe('a cursor', () => {
  it.each([
    cursor(),
    cursor({ position: { number: 0, tag: randomUUID() } }),
    cursor({ position: { number: 2 ** 53 - 1, tag: randomUUID() } }),
    cursor({ unnumbered: '0123456789abcdef' }),
    cursor({ part: 0, parts: 2 }),
    cursor({ part: 3, parts: 4096 }),
  ])('is read as it was written: %j', one => {
    expect(cursors.parse(cursors.format(one))).toEqual(one)
  })

  it('is read by an instance with a newer pepper, and by one that still issues with the older', () => {
    const old = cursor()
    const rotated = createCursors([second, first])
    expect(rotated.parse(cursors.format(old))).toEqual(old)
    expect(createCursors([first, second]).parse(rotated.format(old))).toEqual(old)
    expect(cursors.parse(rotated.format(old))).toBeNull()
  })

  it('is refused after a change of any character', () => {
    const text = cursors.format(cursor())
    for (let place = 0; place < text.length; place += 1) {
      const other = text[place] === 'A' ? 'B' : 'A'
      expect(cursors.parse(text.slice(0, place) + other + text.slice(place + 1))).toBeNull()
    }
    expect(cursors.parse(text)).not.toBeNull()
  })

  it.each([
    ['empty', ''],
    ['short', 'x'],
    ['of a former version', '1x2y3z.a.1-6'],
    ['of the right length', 'A'.repeat(72)],
    ['not base64url', '!'.repeat(72)],
    ['two cursors', `${cursors.format(cursor())}${cursors.format(cursor())}`],
    ['padded', `${cursors.format(cursor()).slice(0, -1)}=`],
    ['huge', `a1.a.${'1-'.repeat(700_000)}1`],
  ])('is refused when the text is %s', (_, text) => {
    expect(cursors.parse(text)).toBeNull()
  })
})

describe('the digest of entries without a number', () => {
  const entry = (value: string, issued_until: number | null = null) => ({
    kind: 'jti' as const,
    value,
    expires_at: 1,
    issued_until,
  })
  it('is the same in any order and differs for other entries', () => {
    const [a, b] = [entry('a'), entry('b')]
    expect(digestOfUnnumbered([])).toBe(NOTHING_UNNUMBERED)
    expect(digestOfUnnumbered([a, b])).toBe(digestOfUnnumbered([b, a]))
    const all = [[], [a], [b], [a, b], [entry('a', 1)], [entry('a', 2)]].map(digestOfUnnumbered)
    expect(new Set(all).size).toBe(all.length)
  })
})
