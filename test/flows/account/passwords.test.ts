import { pbkdf2Sync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { judgePassword } from '../../../src/domain/account/password.ts'
import {
  isRenewalDue,
  type PasswordDigest,
  parsePasswordDigest,
} from '../../../src/domain/account/password-digest.ts'
import { openPasswords } from '../../../src/platform/passwords.ts'
import { createAccounts } from '../../../src/store/accounts/accounts.ts'
import { login, outcome, send } from '../../support/accounts/account-api.ts'
import { hasPostgres } from '../../support/backends.ts'
import { PASSWORD } from '../../support/call.ts'
import { type Database } from '../../support/database.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'

const django = pbkdf2Sync('password', 'seasalt', 1_000, 32, 'sha256').toString('base64')

/** Digests that other programs made: OpenBSD's, the reference argon2, passlib's documentation, Django's form. */
const IMPORTED: readonly (readonly [string, string, string])[] = [
  ['bcrypt 2a', 'abc123xyz', '$2a$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW'],
  ['bcrypt 2b, cheap', 'U*U', '$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  ['bcrypt 2y', 'U*U', '$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
  [
    'argon2id',
    'password',
    '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
  ],
  [
    'scrypt',
    'password',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD+iCs5E',
  ],
  [
    'PBKDF2 of passlib',
    'password',
    '$pbkdf2-sha256$1212$4vjV83LKPjQzk31VI4E0Vw$hsYF68OiOUPdDZ1Fg.fJPeq1h/gXXY7acBp9/6c.tmQ',
  ],
  ['PBKDF2 of Django', 'password', `pbkdf2_sha256$1000$seasalt$${django}`],
]

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

describe('a digest', () => {
  it.each(IMPORTED)('of %s is understood, and renewed', (_, __, digest) => {
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

  it('of today stays; one of a lower cost does not', () => {
    const digest = `$2b$11$${'.'.repeat(53)}` as PasswordDigest
    expect([10, 11, 12].map(cost => isRenewalDue(digest, cost))).toEqual([false, false, true])
  })
})

describe('the password workers', () => {
  const passwords = openPasswords({ cost: 10, workers: 2, wait: async () => {} })
  afterAll(() => passwords.close())

  it.each(IMPORTED)('verify %s', async (_, password, digest) => {
    expect(await passwords.matches(password, digest as PasswordDigest)).toBe(true)
    expect(await passwords.matches(`${password} `, digest as PasswordDigest)).toBe(false)
  })

  it('match nothing without a digest, or with one that nobody understands', async () => {
    expect(await passwords.matches('', null)).toBe(false)
    expect(await passwords.matches('password', 'password' as PasswordDigest)).toBe(false)
  })

  it.each(['password', 'PassWord1', 'iloveyou!', 'qwerty123'])('know %s for a common one', async password => {
    expect(await passwords.isCommon(password)).toBe(true)
  })

  it('know no other for one', async () => {
    for (const password of [PASSWORD, '', 'constructor', '__proto__'])
      expect(await passwords.isCommon(password)).toBe(false)
  })
})

describe.skipIf(!hasPostgres)('passwords at the account API', () => {
  let place: Deployment
  let signet: Instance
  let database: Database
  beforeAll(async () => {
    place = await openDeployment([])
    signet = await place.start({ environment: { PASSWORD_MIN_CHARACTERS: '10', PASSWORD_COST: '11' } })
    database = place.database
  })
  afterAll(async () => {
    await signet.close()
    await place.close()
  })
  const insert = (email: string, digest: string) => database.sql`
    insert into users (id, email, password_digest, roles)
    values (gen_random_uuid(), ${email}, ${digest}, '{user}')`
  const digestOf = async (email: string) => {
    const [row] = await database.sql<{ id: string; password_digest: PasswordDigest }[]>`
      select id, password_digest from users where email = ${email}`
    if (row === undefined) throw new Error('no such account')
    return row
  }

  it.each(IMPORTED)('an imported %s signs in, and is made anew', async (name, password, digest) => {
    const email = `${name.toLowerCase().replaceAll(/\W/g, '-')}@import.example`
    await insert(email, digest)
    expect(await outcome(send(signet, 'POST', '/auth/login', { email, password: 'wrong' }))).toBe(
      '401 AUTH_CREDENTIALS_INVALID',
    )
    expect((await digestOf(email)).password_digest).toBe(digest)
    await login(signet, email, { password })
    expect((await digestOf(email)).password_digest).toMatch(/^\$2b\$11\$/)
    const { bearer } = await login(signet, email, { password })
    expect((await send(signet, 'GET', '/auth/me', undefined, bearer)).status).toBe(200)
  })

  it('are renewed only while they are what was checked', async () => {
    await insert('changed@import.example', 'another since')
    const { id } = await digestOf('changed@import.example')
    const accounts = createAccounts(database, { idle_seconds: 1, max_seconds: 1, access_token_seconds: 1 })
    await accounts.renewDigest({ id, from: 'the old one' as PasswordDigest, to: 'stale' as PasswordDigest })
    expect((await digestOf('changed@import.example')).password_digest).toBe('another since')
  })

  it.each([
    ['ninechars', 'must be 10 characters or more'],
    ['Password123', 'must not be one of the most common passwords'],
    ['newcomer-1', 'must not be made of the e-mail or the name of the product'],
  ])('%s is refused with a pointer', async (password, detail) => {
    const body = { email: 'newcomer@policy.example', password }
    const response = await send(signet, 'POST', '/auth/register', body)
    expect([response.status, await response.json()]).toMatchObject([
      422,
      { code: 'FIELDS_INVALID', errors: [{ pointer: '#/password', detail }] },
    ])
  })
})
