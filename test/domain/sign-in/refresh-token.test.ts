import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf } from '../../../src/domain/base/digest.ts'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import {
  currentTokenOf,
  GENERATION_MAX,
  type Position,
  parseRefreshToken,
  type RefreshToken,
  refreshTokenAt,
} from '../../../src/domain/sign-in/refresh-token.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const family = fc.record({
  family_id: fc.uuid(),
  salt: bytes(16),
  generation: fc.integer({ min: 0, max: GENERATION_MAX }),
})
const pepper = bytes(32).map(createPepper)
const bytesOf = (token: RefreshToken) => Buffer.from(token.slice('signet_rt_'.length), 'base64url')
const textOf = (token: Buffer) => `signet_rt_${token.toString('base64url')}`

describe.each([
  { version: 1, owner: fc.constant(null), bytes: 70, characters: 94 },
  { version: 2, owner: fc.uuid(), bytes: 86, characters: 115 },
])('any refresh token of version $version', ({ version, owner, bytes, characters }) => {
  const position = fc.tuple(family, owner).map(([at, user_id]) => ({ ...at, user_id }))

  it('encodes its position and has the prefix that scanners find', () => {
    fc.assert(
      fc.property(position, pepper, (at, pepper) => {
        const token = refreshTokenAt(at, pepper)
        expect(token).toMatch(new RegExp(`^signet_rt_[\\w-]{${characters}}$`))
        expect(bytesOf(token).readUInt8(0)).toBe(version)
        expect(parseRefreshToken(token, [pepper])).toEqual({
          ...at,
          salt: Buffer.from(at.salt),
          digest: expect.any(Uint8Array),
        })
      }),
    )
  })

  it('is refused after a change of any bit', () => {
    fc.assert(
      fc.property(position, pepper, fc.integer({ min: 0, max: bytes * 8 - 1 }), (at, pepper, bit) => {
        const token = bytesOf(refreshTokenAt(at, pepper))
        token.writeUInt8(token.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
        expect(parseRefreshToken(textOf(token), [pepper])).toBeNull()
      }),
      { numRuns: 1000 },
    )
  })

  it('has one spelling and is refused after a change of any character', () => {
    const place = fc.nat({ max: characters + 9 })
    const change = fc.tuple(place, fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }))
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

describe('the version of a refresh token', () => {
  it('is under its MAC: neither is read as the other, with the person cut out or put in', () => {
    fc.assert(
      fc.property(family, fc.uuid(), pepper, (at, user_id, pepper) => {
        const [anonymous, owned] = [null, user_id].map(owner =>
          bytesOf(refreshTokenAt({ ...at, user_id: owner }, pepper)),
        )
        if (anonymous === undefined || owned === undefined) throw new Error('two tokens were made')
        const cut = Buffer.concat([owned.subarray(0, 18), owned.subarray(34)])
        const filled = Buffer.concat([
          anonymous.subarray(0, 18),
          owned.subarray(18, 34),
          anonymous.subarray(18),
        ])
        for (const forged of [cut, filled])
          for (const version of [1, 2]) {
            forged.writeUInt8(version, 0)
            expect(parseRefreshToken(textOf(forged), [pepper])).toBeNull()
          }
      }),
    )
  })
})

describe('the current token of a family', () => {
  const row = (at: Omit<Position, 'user_id'>, user_id: string, token: RefreshToken, pepper_id: number) => ({
    ...at,
    id: at.family_id,
    user_id,
    pepper_id,
    token_digest: digestOf(token),
  })

  it('is recomputed in the version in which it was issued, under the pepper that issued it', () => {
    fc.assert(
      fc.property(family, fc.uuid(), fc.boolean(), pepper, pepper, (at, user_id, isOwned, own, newer) => {
        fc.pre(own.id !== newer.id)
        const token = refreshTokenAt({ ...at, user_id: isOwned ? user_id : null }, own)
        expect(currentTokenOf(row(at, user_id, token, own.id), [newer, own])).toBe(token)
        expect(currentTokenOf(row(at, user_id, token, own.id), [newer])).toBeNull()
      }),
    )
  })

  it('is null where the digest of the row is that of neither version', () => {
    fc.assert(
      fc.property(family, fc.uuid(), fc.uuid(), pepper, (at, user_id, other, pepper) => {
        fc.pre(other !== user_id)
        const token = refreshTokenAt({ ...at, user_id: other }, pepper)
        expect(currentTokenOf(row(at, user_id, token, pepper.id), [pepper])).toBeNull()
      }),
    )
  })
})
