import { assert, json, oneof, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAccountLine, presentAccountLine } from '../../../src/domain/account/account-line.ts'
import { EMPTY_PROFILE } from '../../../src/domain/account/profile.ts'

const STANDARD = { id: '01900000-0000-7000-8000-000000000001', created_at: '2026-01-02T03:04:05.000Z' }
const parse = (line: unknown) =>
  parseAccountLine(typeof line === 'string' ? line : JSON.stringify(line), STANDARD)
const email = 'ada@example.com'
const BCRYPT = `$2b$10$${'a'.repeat(53)}`

const codes = (line: unknown) => {
  const reading = parse(line)
  return 'faults' in reading ? reading.faults.map(({ code, field }) => `${code} ${field}`) : []
}

describe('a line of an import', () => {
  it('needs only an e-mail', () => {
    expect(parse({ email: ' Ａda@Example.COM ' })).toEqual({
      account: {
        ...EMPTY_PROFILE,
        ...STANDARD,
        email,
        password_digest: null,
        roles: ['user'],
        email_verified: false,
        disabled: false,
        external_id: null,
      },
    })
  })

  it('accepts every field', () => {
    const line = {
      id: '01900000-0000-7000-8000-0000000000FF',
      email,
      password_digest: BCRYPT,
      roles: ['admin', 'admin', 'a:b/c.d_e-f'],
      email_verified: true,
      disabled: true,
      created_at: '2020-02-29T23:59:59.123456Z',
      external_id: 'auth0|Ada',
      name: 'Ada Lovelace',
      given_name: 'Ada',
      family_name: 'Lovelace',
      preferred_username: 'ada',
      picture: 'https://img.example/a.png',
      locale: 'en-GB',
      zoneinfo: 'Europe/London',
    }
    expect(parse(line)).toEqual({
      account: { ...line, id: line.id.toLowerCase(), roles: ['admin', 'a:b/c.d_e-f'] },
    })
  })

  it.each([
    BCRYPT.replace('$2b', '$2a'),
    BCRYPT.replace('$2b', '$2y'),
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY',
    '$scrypt$ln=14,r=8,p=1$c29tZXNhbHQ$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY',
    '$pbkdf2-sha256$i=27500$c29tZXNhbHQ$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY',
    'pbkdf2_sha256$600000$salt$YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY=',
    null,
  ])('accepts the digest %s', password_digest => {
    expect(codes({ email, password_digest })).toEqual([])
  })

  it.each([
    ['', ['json_invalid null']],
    ['{', ['json_invalid null']],
    ['[]', ['json_invalid null']],
    ['null', ['json_invalid null']],
    ['"a@b.example"', ['json_invalid null']],
    [{}, ['field_missing email']],
    [{ email: null }, ['field_invalid email']],
    [{ email: ['a@b.example'] }, ['field_invalid email']],
    [{ email: 'ada@exаmple.com' }, ['field_invalid email']],
    [{ email: 'ada@example.com\u0000' }, ['field_invalid email']],
    [{ email, password: 'secret' }, ['field_unknown password']],
    [
      { email, credential_epoch: 7, disabled_at: null },
      ['field_unknown credential_epoch', 'field_unknown disabled_at'],
    ],
    [`{"email":"${email}","__proto__":{"roles":["admin"]}}`, ['field_unknown __proto__']],
    [
      `{"email":"${email}","constructor":1,"toString":1}`,
      ['field_unknown constructor', 'field_unknown toString'],
    ],
    [{ email, ['x'.repeat(99)]: 1 }, ['field_unknown null']],
    [{ email, '\u009b31m': 1 }, ['field_unknown null']],
    [{ email, password_digest: '5f4dcc3b5aa765d61d8327deb882cf99' }, ['field_invalid password_digest']],
    [{ email, password_digest: `$2b$16$${'a'.repeat(53)}` }, ['field_invalid password_digest']],
    [
      { email, password_digest: `$scrypt$ln=4,r=8,p=1$${'a'.repeat(1100)}$${'a'.repeat(43)}` },
      ['field_invalid password_digest'],
    ],
    [{ email, roles: 'admin' }, ['field_invalid roles']],
    [{ email, roles: [7] }, ['field_invalid roles']],
    [{ email, roles: [''] }, ['field_invalid roles']],
    [{ email, roles: ['a b'] }, ['field_invalid roles']],
    [{ email, roles: ['a,b'] }, ['field_invalid roles']],
    [{ email, roles: ['rôle'] }, ['field_invalid roles']],
    [{ email, roles: ['a\n'] }, ['field_invalid roles']],
    [{ email, roles: ['a'.repeat(65)] }, ['field_invalid roles']],
    [{ email, roles: Array.from({ length: 33 }, (_, at) => `r${at}`) }, ['field_invalid roles']],
    [{ email, email_verified: 'true' }, ['field_invalid email_verified']],
    [{ email, disabled: 1 }, ['field_invalid disabled']],
    [{ email, created_at: 1577836800 }, ['field_invalid created_at']],
    [{ email, created_at: '2020-01-01' }, ['field_invalid created_at']],
    [{ email, created_at: '2020-01-01T00:00:00+20:00' }, ['field_invalid created_at']],
    [{ email, created_at: '2021-02-29T00:00:00Z' }, ['field_invalid created_at']],
    [{ email, created_at: '2020-13-01T00:00:00Z' }, ['field_invalid created_at']],
    [{ email, created_at: '1969-12-31T23:59:59Z' }, ['field_invalid created_at']],
    [{ email, id: '00000000-0000-0000-0000-000000000000' }, ['field_invalid id']],
    [{ email, id: 'auth0|5f7c8ec7c33c6c004bbafe82' }, ['field_invalid id']],
    [{ email: 'x', roles: 1, id: 2 }, ['field_invalid email', 'field_invalid roles', 'field_invalid id']],
  ])('refuses %j', (line, expected) => {
    expect(codes(line)).toEqual(expected)
  })

  it('never throws, for any text', () => {
    assert(
      property(oneof(string(), json()), text => {
        parse(text)
      }),
    )
  })

  it('is exported as it was imported, with the digest only on request', () => {
    const line = {
      id: STANDARD.id,
      email,
      password_digest: BCRYPT,
      roles: [],
      email_verified: true,
      disabled: false,
    }
    const reading = parse(line)
    if ('faults' in reading) throw new Error('refused')
    const whole = presentAccountLine(reading.account, { withDigest: true })
    expect(parse(whole)).toEqual(reading)
    const bare = presentAccountLine(reading.account, { withDigest: false })
    expect(JSON.stringify(bare)).not.toContain('digest')
    expect(codes(bare)).toEqual([])
  })
})
