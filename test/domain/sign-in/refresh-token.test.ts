import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import {
  GENERATION_MAX,
  parseRefreshToken,
  refreshTokenAt,
} from '../../../src/domain/sign-in/refresh-token.ts'

describe('any refresh token', () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
  const position = fc.record({
    family_id: fc.uuid(),
    salt: bytes(16),
    generation: fc.integer({ min: 0, max: GENERATION_MAX }),
  })
  const pepper = bytes(32).map(createPepper)

  it('encodes its position and has the prefix that scanners find', () => {
    fc.assert(
      fc.property(position, pepper, (at, pepper) => {
        const token = refreshTokenAt(at, pepper)
        expect(token).toMatch(/^signet_rt_[\w-]{94}$/)
        expect(parseRefreshToken(token, [pepper])).toEqual({
          family_id: at.family_id,
          salt: Buffer.from(at.salt),
          generation: at.generation,
          digest: expect.any(Uint8Array),
        })
      }),
    )
  })

  it('is refused after a change of any bit', () => {
    fc.assert(
      fc.property(position, pepper, fc.integer({ min: 0, max: 70 * 8 - 1 }), (at, pepper, bit) => {
        const token = Buffer.from(refreshTokenAt(at, pepper).slice('signet_rt_'.length), 'base64url')
        token.writeUInt8(token.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(parseRefreshToken(`signet_rt_${token.toString('base64url')}`, [pepper])).toBeNull()
      }),
      { numRuns: 1000 },
    )
  })

  it('has one spelling and is refused after a change of any character', () => {
    const change = fc.tuple(fc.nat({ max: 103 }), fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }))
    fc.assert(
      fc.property(position, pepper, change, (at, pepper, [place, text]) => {
        const token = refreshTokenAt(at, pepper)
        const changed = token.slice(0, place) + text + token.slice(place + 1)
        fc.pre(changed !== token)
        expect(parseRefreshToken(changed, [pepper])).toBeNull()
      }),
      { numRuns: 1000 },
    )
  })

  it('is refused under another pepper', () => {
    fc.assert(
      fc.property(position, pepper, pepper, (at, mine, other) => {
        fc.pre(!mine.key.equals(other.key))
        expect(parseRefreshToken(refreshTokenAt(at, mine), [other])).toBeNull()
      }),
    )
  })
})
