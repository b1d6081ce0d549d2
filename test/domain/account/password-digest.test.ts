import { describe, expect, it } from 'vitest'
import {
  faultOfDigest,
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
    [
      '$scrypt$ln=18,r=8,p=16$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
      'sixteen lanes of 256 MiB',
    ],
    [`pbkdf2:sha1:714286$salt$${'00'.repeat(128)}`, 'five million rounds in seven blocks'],
    ['$pbkdf2-sha256$1212$0ZrzXitFSGltTQnBWOsdYw$Yw', 'a key of one byte'],
    [
      '$argon2id$v=19$m=64,t=1,p=1$c29tZXNh_HQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
      'a character that is not base64, which its verifier throws at',
    ],
    [
      '$scrypt$ln=16,r=1,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
      'an N that RFC 7914 does not allow for this r, which OpenSSL throws at',
    ],
    ['scrypt:1073741824:8:1$salt$00000000000000000000000000000000', 'a tebibyte, in the form of Werkzeug'],
    ['scrypt:32767:8:1$salt$00000000000000000000000000000000', 'an N that is no power of two'],
    ['pbkdf2:sha256:9999999$salt$00000000000000000000000000000000', 'minutes, in the form of Werkzeug'],
    ['pbkdf2:sha256:1e3$salt$00000000000000000000000000000000', 'a count that is no number'],
    ['scrypt$1073741824$salt$8$1$AAAAAAAAAAAAAAAAAAAAAA==', 'a tebibyte, in the form of Django'],
    ['$P$TIQRaTwmfeRo7ud9Fh4E2PdI0S3r.L0', 'phpass of 2 ^ 31 rounds'],
    ['$wp$2y$31$UYX7t1loy6XOzB1r18Es7unV3e7LX36W1TYM2HR8GBK8butAL1tCe', 'years of work, of WordPress'],
    [
      '$fbscrypt$v=1,n=30,r=8,p=1,sk=AAAAAAAAAAAAAAAAAAAAAA==$AA==$AAAAAAAAAAAAAAAAAAAAAA==',
      'a tebibyte, of Firebase',
    ],
    ['$fbscrypt$v=1,n=14,r=8,p=1,sk=AAAA$AA==$AAAA', 'a key of three bytes, of Firebase'],
    [
      'AQAAAAEAmJZ/AAAAEAABAgMEBQYHCAkKCwwNDg+yWU7rLgUwPZb1Itsmra7cbxw2EFpwpVFIEtP+JIuUEw==',
      'ten million rounds, of ASP.NET',
    ],
    ['AQAAAAIAAAAyAAAAEOMwvh3+FZxqkdMBz2ekgGhwQ4A=', 'a key that was cut off, of ASP.NET'],
    ['AAABAgMEBQYHCAkKCwwNDg+ukCEMDf0yyQ29NYubggE=', 'the same of its version 2'],
  ])('%s is refused: %s', digest => {
    expect(parsePasswordDigest(digest)).toBeNull()
  })

  it.each([
    ['5f4dcc3b5aa765d61d8327deb882cf99', 'is of no kind that Signet verifies'],
    [
      '$scrypt$ln=30,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4',
      'must be scrypt of 256 MiB and 1 GiB · lanes at most, and complete',
    ],
    ['pepper:$2a$31$x', 'must be bcrypt of a cost from 4 to 15, and complete'],
  ])('%s has the reason: %s', (digest, reason) => {
    expect(faultOfDigest(digest)).toBe(reason)
  })

  it.each([
    '$scrypt$ln=18,r=8,p=4$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
    `pbkdf2:sha1:714285$salt$${'00'.repeat(128)}`,
    `pbkdf2:sha512:5000000$salt$${'00'.repeat(64)}`,
  ])('%s is within the bounds', digest => {
    expect(parsePasswordDigest(digest)).not.toBeNull()
  })

  it('of the present cost or more stays, one of a lower cost is due for renewal', () => {
    const digest = `$2b$11$${'.'.repeat(53)}` as PasswordDigest
    expect([10, 11, 12].map(cost => isRenewalDue(digest, cost))).toEqual([false, false, true])
  })
})
