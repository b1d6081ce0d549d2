import { describe, expect, it } from 'vitest'
import { judgePassword } from '../../../src/domain/account/password.ts'

describe('NIST SP 800-63B §5.1.1.2 – a new password', () => {
  const judge = (password: string, email = 'grace.hopper@navy.example') =>
    judgePassword({ password, email, min_characters: 8, isCommon: false })

  it.each([
    ['1234567', 'must be 8 characters or more'],
    ['12345678', null],
    ['ÄÖÜäöüß', 'must be 8 characters or more'],
    ['🦜🦜🦜🦜🦜🦜🦜🦜', null],
    ['x'.repeat(72), null],
    ['x'.repeat(73), 'must be 72 bytes of UTF-8 at most'],
    ['ä'.repeat(36), null],
    ['ä'.repeat(37), 'must be 72 bytes of UTF-8 at most'],
    ['harbour\0lantern', 'must not hold a NUL character'],
    ['grace.hopper@navy.example', 'must not be made of the e-mail or the name of the product'],
    ['GRACE.HOPPER2026', 'must not be made of the e-mail or the name of the product'],
    ['grace.hopper-lantern', null],
    ['Signet2026!', 'must not be made of the e-mail or the name of the product'],
    ['signetsignet', 'must not be made of the e-mail or the name of the product'],
    ['signet of the harbour', null],
  ])('%s: %s', (password, fault) => {
    expect(judge(password)).toBe(fault)
  })

  it('may hold a short name from the e-mail by chance', () => {
    expect(judge('al-b-al-b', 'al@b.example')).toBeNull()
  })
})
