import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  completeUserCode,
  parseDeviceCode,
  parseUserCode,
  userCodeOf,
  writtenUserCode,
} from '../../../src/domain/authorization/device-code.ts'

describe('RFC 8628 §6.1 – user codes', () => {
  it('are eight of twenty letters, each as likely as the others', () => {
    const letters = Array.from({ length: 2_000 }, () => userCodeOf(randomBytes(32))).join('')
    const counts = new Map<string, number>()
    for (const letter of letters) counts.set(letter, (counts.get(letter) ?? 0) + 1)
    expect([...counts.keys()].toSorted().join('')).toBe('BCDFGHJKLMNPQRSTVWXZ')
    // 800 of each are expected; a deviation of 200 is more than seven times the standard one.
    for (const count of counts.values()) expect(Math.abs(count - 800)).toBeLessThan(200)
  })

  it('are written with a hyphen, and read whatever their case, spaces and hyphens', () => {
    const code = userCodeOf(randomBytes(32))
    const written = writtenUserCode(code)
    expect(written).toMatch(/^[A-Z]{4}-[A-Z]{4}$/)
    for (const typed of [
      code,
      written,
      written.toLowerCase(),
      ` ${written} `,
      code.replaceAll(/(?<=.)(?=.)/g, '-'),
      written.replace('-', '\u2011'),
    ])
      expect(parseUserCode(typed)).toBe(code)
  })

  it.each(['', 'BCDFGHJ', 'BCDFGHJKL', 'BCDFGHJA', 'BCDFGHJ1', 'BCDFGHJß', 'BCDF_GHJK'])(
    'are not %j',
    text => {
      expect(parseUserCode(text)).toBeNull()
    },
  )

  it('can be completed by their second half alone (§3.3.1)', () => {
    const known = parseUserCode('BCDF-GHJK')
    expect(completeUserCode('ghjk', known)).toBe(known)
    expect(completeUserCode('bcdf', known)).toBeNull()
    expect(completeUserCode('ghjk', null)).toBeNull()
    expect(completeUserCode('LMNP-QRST', known)).toBe('LMNPQRST')
  })
})

describe('a device code', () => {
  it.each(['', 'signet_dc_', `signet_ac_${'a'.repeat(43)}`, `signet_dc_${'a'.repeat(44)}`])(
    'is not %j',
    text => {
      expect(parseDeviceCode(text)).toBeNull()
    },
  )
})
