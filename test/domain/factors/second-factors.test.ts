import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createPepper } from '../../../src/domain/base/pepper.ts'
import { base32Of } from '../../../src/domain/factors/base32.ts'
import { digestOfRecoveryCode, recoveryCodeOf } from '../../../src/domain/factors/recovery-code.ts'
import { type SealedSecret, seal, unseal } from '../../../src/domain/factors/sealed-secret.ts'
import { findTotpStep, totpAt } from '../../../src/domain/factors/totp.ts'
import { ACR, acrOf, amrWith, parseAcrValues, rolesAt } from '../../../src/domain/oauth/acr.ts'

describe('RFC 6238, appendix B', () => {
  const secret = Buffer.from('12345678901234567890')
  it.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %i is %s', (seconds, code) => {
    const step = Math.floor(seconds / 30)
    expect(totpAt(secret, step)).toBe(code)
    expect(findTotpStep(code, secret, new Date(seconds * 1000))).toBe(step)
    expect(findTotpStep(code, secret, new Date((seconds + 30) * 1000))).toBe(step)
    expect(findTotpStep(code, secret, new Date((seconds + 60) * 1000))).toBe(null)
  })
})

describe('RFC 4648 §10', () => {
  it.each([
    ['fooba', 'MZXW6YTB'],
    ['', ''],
  ])('base32 of %j is %j', (text, encoded) => {
    expect(base32Of(Buffer.from(text))).toBe(encoded)
  })
})

describe('NIST SP 800-38D – a sealed secret', () => {
  const secret = randomBytes(20)
  const nonce = randomBytes(12)
  const [pepper, other] = [createPepper(Buffer.alloc(32, 1)), createPepper(Buffer.alloc(32, 2))]
  const sealed = seal(secret, { owner: 'ada', nonce }, pepper)

  it('opens for its owner with its pepper', () => {
    expect(unseal(sealed, 'ada', [other, pepper])).toEqual(secret)
    expect(Buffer.from(sealed).includes(secret)).toBe(false)
  })
  it('does not open for another owner or under another pepper', () => {
    expect(unseal(sealed, 'eve', [pepper])).toBe(null)
    expect(unseal(sealed, 'ada', [other])).toBe(null)
  })
  it('does not open after a change of any bit', () => {
    for (let index = 0; index < sealed.length; index += 1) {
      const bent = Uint8Array.from(sealed)
      bent[index] = (bent[index] ?? 0) ^ 1
      expect(unseal(bent as SealedSecret, 'ada', [pepper])).toBe(null)
    }
    for (const length of [0, 1, 14, 29, sealed.length - 1])
      expect(unseal(sealed.slice(0, length) as SealedSecret, 'ada', [pepper])).toBe(null)
  })
})

describe('a recovery code', () => {
  it('has one digest for every way to type it', () => {
    const code = recoveryCodeOf(randomBytes(25))
    const digest = digestOfRecoveryCode(code)
    expect(digest).not.toBe(null)
    expect(digestOfRecoveryCode(` ${code.toUpperCase().replaceAll('-', '')} `)).toEqual(digest)
  })
  it.each(['', 'aaaaa', 'a'.repeat(24), 'a'.repeat(26), `${'a'.repeat(24)}1`, `${'a'.repeat(24)}é`])(
    'is not %j',
    text => {
      expect(digestOfRecoveryCode(text)).toBe(null)
    },
  )
})

describe('the authentication class', () => {
  it('follows from the methods', () => {
    expect(acrOf(['pwd'])).toBe(ACR.pwd)
    expect(acrOf(['pwd', 'otp', 'mfa'])).toBe(ACR.mfa)
    expect(acrOf(['hwk', 'mfa'])).toBe(ACR.mfa)
    expect(acrOf(['otp'])).toBe(ACR.pwd)
  })
  it('is that of one factor where another issuer vouches for the person, for which RFC 8176 has no method', () => {
    expect(acrOf([])).toBe(ACR.pwd)
  })
  it('collects methods, each once, with "mfa" at the end (RFC 8176 §2)', () => {
    expect(amrWith(['pwd'], 'otp')).toEqual(['pwd', 'otp', 'mfa'])
    expect(amrWith(['pwd', 'otp', 'mfa'], 'otp')).toEqual(['pwd', 'otp', 'mfa'])
    expect(amrWith(['pwd', 'otp', 'mfa'], 'hwk')).toEqual(['pwd', 'otp', 'hwk', 'mfa'])
  })
  it('leaves out roles below the class that they require', () => {
    expect(rolesAt(ACR.pwd, ['user', 'admin'], ['admin'])).toEqual(['user'])
    expect(rolesAt(undefined, ['user', 'admin'], ['admin'])).toEqual(['user'])
    expect(rolesAt('urn:example:gold', ['admin'], ['admin'])).toEqual([])
    expect(rolesAt(ACR.mfa, ['user', 'admin'], ['admin'])).toEqual(['user', 'admin'])
  })
  it('is requested by name (RFC 9470 §4)', () => {
    expect(parseAcrValues(`urn:example:gold ${ACR.mfa}`)).toEqual([ACR.mfa])
    expect(parseAcrValues('mfa')).toBe(null)
    expect(parseAcrValues('')).toBe(null)
  })
})
