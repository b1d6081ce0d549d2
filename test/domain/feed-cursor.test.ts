import { describe, expect, it } from 'vitest'
import { covers, formatCursor, parseCursor, sees, type Snapshot } from '../../src/domain/feed-cursor.ts'

const snapshot = (xmax: number, running: readonly number[] = [], server = 'a1'): Snapshot => ({
  server,
  xmax,
  running,
})
const whole = (of: Snapshot) => ({ snapshot: of, part: 1, parts: 1 })

describe('a snapshot', () => {
  it('sees what ended before it, and neither what ran nor what came later', () => {
    const seen = snapshot(10, [4, 7])
    expect([3, 4, 5, 7, 9, 10, 11].map(transaction => sees(seen, transaction))).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      false,
    ])
  })

  it.each([
    ['the same', snapshot(10, [4]), snapshot(10, [4]), true],
    ['a later one', snapshot(12, [11]), snapshot(10, [4]), true],
    ['a later one with the same still running', snapshot(12, [4]), snapshot(10, [4]), true],
    ['an earlier one', snapshot(9), snapshot(10), false],
    ['one that lacks what the other saw', snapshot(10, [4]), snapshot(10), false],
    ['one of another server', snapshot(10, [], 'b2'), snapshot(10), false],
  ])('is covered by %s: %#', (_, later, earlier, expected) => {
    expect(covers(later, earlier)).toBe(expected)
  })
})

describe('a cursor', () => {
  it.each([
    whole(snapshot(10)),
    whole(snapshot(2 ** 50, [1, 2, 2 ** 50 - 1])),
    { snapshot: snapshot(10, [4]), part: 3, parts: 8 },
    { snapshot: snapshot(10), part: 0, parts: 2 },
  ])('is read as it was written: %j', cursor => {
    expect(parseCursor(formatCursor(cursor))).toEqual(cursor)
  })

  it.each([
    '',
    'x',
    'a1.a',
    'a1.a.',
    'a1.0a.',
    'a1.a.1-6',
    'a1.a.6-6',
    'a1.a.z',
    'a1.a.0',
    'a1.a.~1.1',
    'a1.a.~2.3',
    'a1.a.~1.8192',
    'a1.a.~01.2',
    'a1.zzzzzzzzzzz.',
    'A1.a.',
    `a1.a.${'1-'.repeat(4000)}1`,
  ])('is nothing else: %s', text => {
    const read = parseCursor(text)
    // One spelling each: what is read is what would be written.
    if (text === 'a1.a.') expect(read).not.toBeNull()
    else expect(read).toBeNull()
  })
})
