import { createPublicKey, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp, trySignIn, trySignUp } from '../../support/accounts/account-api.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'
import { type Listening, listenWithLimits } from '../../support/listen.ts'

describe.skipIf(!hasPostgres || !hasRedis)('POST /auth/register', () => {
  let deployment: Deployment
  let server: Listening
  beforeAll(async () => {
    deployment = await openDeployment([])
    server = await listenWithLimits(deployment)
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })

  it('answers 201 with the user and a pair of tokens, which no cache may store', async () => {
    const email = newEmail()
    const { status, headers, body } = await trySignUp(server, email)
    expect(status).toBe(201)
    expect(Object.keys(body).toSorted()).toEqual([
      'access_token',
      'expires_in',
      'refresh_token',
      'refresh_token_expires_in',
      'scope',
      'token_type',
      'user',
    ])
    expect(body).toMatchObject({ token_type: 'Bearer', expires_in: 900, refresh_token_expires_in: 604_800 })
    expect(body.user).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      email,
      email_verified: false,
      roles: ['user'],
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    })
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('signs an access token for the issuer, which the JWKS verifies', async () => {
    const { body } = await trySignUp(server, newEmail())
    const [header = '', payload = '', signature = ''] = body.access_token.split('.')
    const jwks = await fetch(`${server.origin}/.well-known/jwks.json`)
    const { keys } = (await jwks.json()) as { keys: readonly [{ kid: string }] }
    const key = createPublicKey({ key: keys[0], format: 'jwk' })
    expect(
      verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')),
    ).toBe(true)
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'RS256',
      typ: 'at+jwt',
      kid: keys[0].kid,
    })
    expect(JSON.parse(Buffer.from(payload, 'base64url').toString())).toMatchObject({
      iss: server.issuer,
      aud: server.issuer,
      sub: body.user.id,
      client_id: 'first-party',
      roles: ['user'],
      amr: ['pwd'],
      sid: expect.any(String),
    })
  })

  describe('the e-mail', () => {
    it.each([
      ['  ', 'spaces around'],
      ['\t\n', 'tabs and line ends around'],
      ['\u00a0\u3000', 'spaces of other scripts around'],
    ])('is trimmed: %j', async around => {
      const email = newEmail()
      const { status, body } = await trySignUp(server, around + email + around)
      expect({ status, email: body.user.email }).toEqual({ status: 201, email })
      expect((await trySignUp(server, email)).body.code).toBe('EMAIL_TAKEN')
    })

    it.each([
      [(email: string) => email.toUpperCase(), 'upper case'],
      [(email: string) => email.replace('@', '＠'), 'a full-width @'],
      [(email: string) => email.replace('p', 'ｐ'), 'a full-width letter'],
      [(email: string) => email.replace('s', 'ſ'), 'a long s'],
      [(email: string) => email.replace('p', 'ℙ'), 'a double-struck letter'],
    ])('is the same account in another spelling: %s', async spell => {
      const email = newEmail()
      expect((await trySignUp(server, email)).status).toBe(201)
      const { status, body } = await trySignUp(server, spell(email))
      expect({ status, code: body.code }).toEqual({ status: 409, code: 'EMAIL_TAKEN' })
      const signedIn = await trySignIn(server, spell(email))
      expect({ status: signedIn.status, email: signedIn.body.user.email }).toEqual({ status: 200, email })
    })

    it.each([
      ['pеrson@example.com', 'a Cyrillic e'],
      ['person@exаmple.com', 'a Cyrillic a in the domain'],
      ['perso\u0144@example.com', 'an accent'],
      ['İstanbul@example.com', 'a dotted capital I, whose lower case is two characters'],
      ['per\u200bson@example.com', 'a zero-width space'],
      ['per\u0000son@example.com', 'a NUL'],
      ['per\ud800son@example.com', 'half a surrogate pair'],
      ['per son@example.com', 'a space'],
      ['person@example.com\r\nBcc: x@example.com', 'a header'],
      ['person@example.com, other@example.com', 'two'],
      ['person@localhost', 'no dot in the domain'],
      ['person@-example.com', 'a hyphen first'],
      ['person@example..com', 'two dots'],
      ['@example.com', 'nobody'],
      ['person', 'no domain'],
      ['', 'nothing'],
      [`${'a'.repeat(65)}@example.com`, 'a local part of 65'],
      [
        `a@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.${'e'.repeat(60)}.${'f'.repeat(9)}`,
        '255 characters',
      ],
    ])('is refused when it is %j (%s)', async email => {
      const { status, body } = await trySignUp(server, email)
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'FIELDS_INVALID' })
      expect(body.errors).toEqual([{ pointer: '#/email', detail: expect.any(String) }])
    })

    it('may be 254 characters long, with 64 before the @', async () => {
      const domain = `${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`
      const email = `${'a'.repeat(64)}@${domain}.${'e'.repeat(254 - 66 - domain.length)}`
      expect(email).toHaveLength(254)
      expect((await trySignUp(server, email)).status).toBe(201)
    })
  })

  describe('the password', () => {
    it.each([
      ['82 ducks', 'eight characters'],
      ['pässwörd', 'eight characters, ten bytes'],
      ['🙂🙂🙂🙂🙂🙂🙂🙂', 'eight characters of four bytes'],
      ['a'.repeat(72), '72 bytes'],
      ['ä'.repeat(36), '72 bytes in two-byte characters'],
      ['a\u0308'.repeat(36), '108 bytes that are 72 after NFC'],
      [' '.repeat(8), 'spaces, which are characters too'],
    ])('may be %j (%s)', async password => {
      const email = newEmail()
      expect((await trySignUp(server, email, { password })).status).toBe(201)
      expect((await trySignIn(server, email, { password })).status).toBe(200)
    })

    it.each([
      ['1234567', 'seven characters'],
      ['🙂🙂🙂🙂🙂🙂🙂', 'seven characters that are fourteen code units'],
      ['a\u0308'.repeat(7), 'seven characters after NFC'],
      ['', 'nothing'],
      ['a'.repeat(73), '73 bytes'],
      [`${'ä'.repeat(36)}a`, '73 bytes in 37 characters'],
      ['12345678\0', 'a NUL at the end, which bcrypt would stop at'],
    ])('is refused when it is %j (%s)', async password => {
      const { status, body } = await trySignUp(server, newEmail(), { password })
      expect({ status, errors: body.errors }).toEqual({
        status: 422,
        errors: [{ pointer: '#/password', detail: expect.any(String) }],
      })
    })

    it('is the same in composed and in decomposed Unicode', async () => {
      const email = newEmail()
      await signUp(server, email, { password: 'Zu\u0308rich Nord' })
      const { status } = await trySignIn(server, email, { password: 'Z\u00fcrich Nord' })
      expect(status).toBe(200)
    })

    it('counts in its whole length: 72 bytes that differ in the last byte are two passwords', async () => {
      const email = newEmail()
      await signUp(server, email, { password: `${'a'.repeat(71)}x` })
      const { status } = await trySignIn(server, email, { password: `${'a'.repeat(71)}y` })
      expect(status).toBe(401)
    })
  })

  describe('invalid fields', () => {
    it.each([
      [{}, ['#/email', '#/password']],
      [{ email: 1, password: null }, ['#/email', '#/password']],
      [{ email: ['a@example.com'], password: { $ne: '' } }, ['#/email', '#/password']],
      [{ email: 'nobody', password: 'short' }, ['#/email', '#/password']],
      [{ email: 'a@example.com', password: PASSWORD, client_id: 1 }, ['#/client_id']],
      [{ email: 'a@example.com', password: PASSWORD, client_id: '' }, ['#/client_id']],
      [{ email: 'a@example.com', password: PASSWORD, client_id: 'unknown' }, ['#/client_id']],
    ])('are all named in one answer (RFC 9457 §3.2): %j', async (json, pointers) => {
      const { status, headers, body } = await server.ask('/auth/register', { body: json })
      expect(status).toBe(422)
      expect(headers.get('content-type')).toBe('application/problem+json')
      expect(body).toMatchObject({ type: 'about:blank', status: 422, code: 'FIELDS_INVALID' })
      expect(body.errors.map(error => error.pointer)).toEqual(pointers)
    })

    it('are not repeated: no answer and no line of the log holds a password', async () => {
      const given = 'sécret'
      const { text } = await trySignUp(server, newEmail(), { password: given })
      expect(text).not.toContain(given)
      expect(JSON.stringify(server.lines)).not.toContain(given)
    })
  })

  it('answers 409 for a taken e-mail, and leaves the account unchanged', async () => {
    const email = newEmail()
    const first = await trySignUp(server, email)
    const second = await trySignUp(server, email, { password: 'another password' })
    expect({ status: second.status, code: second.body.code }).toEqual({ status: 409, code: 'EMAIL_TAKEN' })
    expect(second.text).not.toContain('token')
    expect((await server.ask('/auth/me', { token: first.body.access_token })).body).toEqual(first.body.user)
    const withTheOther = await trySignIn(server, email, { password: 'another password' })
    expect(withTheOther.status).toBe(401)
  })

  it('creates one account when twenty registrations race for an e-mail', async () => {
    const email = newEmail()
    const answers = await Promise.all(Array.from({ length: 20 }, () => trySignUp(server, email)))
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    expect(statuses).toEqual([201, ...Array.from({ length: 19 }, () => 409)])
  })

  it('serves other requests while passwords are being hashed', async () => {
    let registered = 0
    const people = Array.from({ length: 20 }, async () => {
      const { status } = await trySignUp(server, newEmail())
      registered++
      return status
    })
    const { status } = await server.ask('/.well-known/jwks.json')
    expect({ status, everybodyWasFirst: registered === 20 }).toEqual({
      status: 200,
      everybodyWasFirst: false,
    })
    expect(new Set(await Promise.all(people))).toEqual(new Set([201]))
  })
})
