import { describe, expect, it } from 'vitest'
import {
  isRenewalDue,
  type PasswordDigest,
  parsePasswordDigest,
} from '../../../src/domain/account/password-digest.ts'
import { IMPORTED_DIGESTS } from '../../support/accounts/imported-digests.ts'

describe('a digest', () => {
  it.each(IMPORTED_DIGESTS)('of %s is understood and due for renewal', (_, __, digest) => {
    expect(parsePasswordDigest(digest)).not.toBeNull()
    expect(isRenewalDue(digest as PasswordDigest, 10)).toBe(true)
  })

  it.each([
    ['', 'nothing'],
    ['5f4dcc3b5aa765d61d8327deb882cf99', 'MD5'],
    ['$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'another bcrypt'],
    ['$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', 'years of work'],
    [
      '$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      'four gibibytes',
    ],
    [
      '$scrypt$ln=30,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
      'a terabyte',
    ],
    ['$pbkdf2-sha256$9999999$0ZrzXitFSGltTQnBWOsdYw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M', 'minutes'],
    ['$pbkdf2-sha256$1212$0ZrzXitFSGltTQnBWOsdYw$Yw', 'a key of one byte'],
    [
      '$argon2id$v=19$m=64,t=1,p=1$c29tZXNh_HQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      'a character that is not base64, which its verifier throws at',
    ],
    [
      '$scrypt$ln=16,r=1,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
      'an N that RFC 7914 does not allow for this r, which OpenSSL throws at',
    ],
  ])('%s is refused: %s', digest => {
    expect(parsePasswordDigest(digest)).toBeNull()
  })

  it('of the present cost or more stays, one of a lower cost is due for renewal', () => {
    const digest = `$2b$11$${'.'.repeat(53)}` as PasswordDigest
    expect([10, 11, 12].map(cost => isRenewalDue(digest, cost))).toEqual([false, false, true])
  })
})
