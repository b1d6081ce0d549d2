import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKeys } from '../../../src/signing/open-keys.ts'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  refreshTokens,
  signIn,
  signUp,
  trySignIn,
} from '../../support/accounts/account-api.ts'
import { type Asking, newEmail } from '../../support/ask.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, ISSUER, openDeployment } from '../../support/deployment.ts'
import { createLog } from '../../support/effects.ts'
import { type Listening, listenWithLimits } from '../../support/listen.ts'

const SECRET = 'a-secret-of-a-confidential-client-0123456789'

describe.skipIf(!hasPostgres || !hasRedis)('the account API with tokens', () => {
  let deployment: Deployment
  let server: Listening
  let ahead_milliseconds = 0
  beforeAll(async () => {
    const clients = [
      {
        client_id: 'service',
        client_secret: SECRET,
        grant_types: ['client_credentials'],
        audience: [ISSUER],
      },
    ]
    deployment = await openDeployment(clients)
    server = await listenWithLimits(deployment, { clock: () => new Date(Date.now() + ahead_milliseconds) })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })

  const signed = async (typ: 'at+jwt' | 'JWT', change: (claims: Record<string, unknown>) => object) => {
    const { access_token } = await signUp(server, newEmail())
    const { log } = createLog()
    const keys = await openKeys({ directory: deployment.keys_dir, clock: () => new Date(), log })
    if ('faults' in keys) throw new Error(keys.faults.join())
    const token = await keys.sign(typ, { ...change(claimsOf(access_token)) })
    await keys.close()
    return token
  }

  describe('GET /auth/me', () => {
    it('answers with the user and nothing else', async () => {
      const { access_token, user } = await signUp(server, newEmail())
      const { status, headers, body } = await server.ask('/auth/me', { token: access_token })
      expect({ status, body }).toEqual({ status: 200, body: user })
      expect(headers.get('cache-control')).toBe('no-store')
    })

    it('challenges a request without a token, with no error code (RFC 6750 §3.1)', async () => {
      const { status, headers, body } = await server.ask('/auth/me')
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_MISSING' })
      expect(headers.get('www-authenticate')).toBe('Bearer realm="signet"')
    })

    it('answers AUTH_TOKEN_EXPIRED from the second of exp, and not before', async () => {
      const { access_token } = await signUp(server, newEmail())
      const exp = Number(claimsOf(access_token)['exp']) * 1000
      ahead_milliseconds = exp - Date.now() - 2000
      const before = await server.ask('/auth/me', { token: access_token })
      ahead_milliseconds = exp - Date.now()
      const after = await server.ask('/auth/me', { token: access_token })
      ahead_milliseconds = 0
      expect(before.status).toBe(200)
      expect({ status: after.status, code: after.body.code }).toEqual({
        status: 401,
        code: 'AUTH_TOKEN_EXPIRED',
      })
      expect(after.headers.get('www-authenticate')).toBe('Bearer realm="signet", error="invalid_token"')
    })

    const serviceToken = async () => {
      const Authorization = `Basic ${Buffer.from(`service:${SECRET}`).toString('base64')}`
      const form = { grant_type: 'client_credentials' }
      return (await server.ask('/token', { form, headers: { Authorization } })).body.access_token
    }
    const tampered = async (part: number, change: (text: string) => string) => {
      const parts = (await signUp(server, newEmail())).access_token.split('.')
      return parts.map((text, index) => (index === part ? change(text) : text)).join('.')
    }
    const unsigned = (text: string) => Buffer.from(text).toString('base64url')

    it.each([
      ['nothing', async () => ''],
      ['a word', async () => 'token'],
      ['two parts', async () => 'a.b'],
      ['four parts', async () => `${(await signUp(server, newEmail())).access_token}.x`],
      ['a refresh token', async () => (await signUp(server, newEmail())).refresh_token],
      [
        'another payload',
        () => tampered(1, text => unsigned(JSON.stringify({ ...claimsOf(`.${text}`), roles: ['admin'] }))),
      ],
      ['alg none', () => tampered(0, () => unsigned('{"alg":"none","typ":"at+jwt"}'))],
      ['alg HS256', () => tampered(0, () => unsigned('{"alg":"HS256","typ":"at+jwt"}'))],
      ['no signature', () => tampered(2, () => '')],
      ['the typ of an ID token', () => signed('JWT', claims => claims)],
      [
        'a foreign issuer',
        () => signed('at+jwt', claims => ({ ...claims, iss: 'https://elsewhere.example' })),
      ],
      ['a foreign audience', () => signed('at+jwt', claims => ({ ...claims, aud: 'https://api.example' }))],
      [
        'an audience that begins like ours',
        () => signed('at+jwt', claims => ({ ...claims, aud: `${server.issuer}.example` })),
      ],
      ['a client that is not first-party', serviceToken],
      ['a client that is gone', () => signed('at+jwt', claims => ({ ...claims, client_id: 'gone' }))],
      ['no sign-in', () => signed('at+jwt', ({ sid: _, ...claims }) => claims)],
      [
        'a sign-in that never was',
        () => signed('at+jwt', claims => ({ ...claims, sid: '00000000-0000-7000-8000-000000000000' })),
      ],
      ['no jti', () => signed('at+jwt', ({ jti: _, ...claims }) => claims)],
      ['exp in words', () => signed('at+jwt', claims => ({ ...claims, exp: 'never' }))],
    ])('answers AUTH_TOKEN_INVALID to %s (RFC 9068 §4)', async (_, make) => {
      const { status, headers, body } = await server.ask('/auth/me', { token: await make() })
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID' })
      expect(headers.get('www-authenticate')).toBe('Bearer realm="signet", error="invalid_token"')
    })

    it.each(['Basic YTpi', 'Bearer', 'Token x', 'Bearer a b', 'Bearer ä', `Bearer ${'a'.repeat(8000)}`])(
      'answers AUTH_TOKEN_INVALID to the header %j',
      async Authorization => {
        const { status, body } = await server.ask('/auth/me', { headers: { Authorization } })
        expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID' })
      },
    )

    it('accepts the scheme in any case (RFC 9110 §11.1)', async () => {
      const { access_token } = await signUp(server, newEmail())
      const Authorization = `bearer ${access_token}`
      expect((await server.ask('/auth/me', { headers: { Authorization } })).status).toBe(200)
    })

    it('accepts no token from the query (RFC 6750 §2.1)', async () => {
      const { access_token } = await signUp(server, newEmail())
      const { body } = await server.ask(`/auth/me?access_token=${access_token}`)
      expect(body.code).toBe('AUTH_TOKEN_MISSING')
    })

    it('refuses access and refresh tokens of a disabled account at once', async () => {
      const person = await signUp(server, newEmail())
      const { sql } = deployment.database
      await sql`update users set disabled_at = now() where id = ${person.user.id}`
      expect(await lives(server, person)).toEqual(DEAD)
    })
  })

  describe('POST /auth/refresh', () => {
    it('answers with the next pair once; a spent token ends its sign-in and no other', async () => {
      const person = await signUp(server, newEmail())
      const other = await signIn(server, person.user.email)
      const bystander = await signUp(server, newEmail())
      const next = await refreshTokens(server, person)
      expect(next.status).toBe(200)
      expect(next.body.refresh_token).not.toBe(person.refresh_token)
      const stolen = await refreshTokens(server, person)
      expect({ status: stolen.status, code: stolen.body.code }).toEqual({
        status: 401,
        code: 'AUTH_TOKEN_INVALID',
      })
      expect(await lives(server, next.body)).toEqual(DEAD)
      expect((await server.ask('/auth/me', { token: person.access_token })).body.code).toBe(
        'AUTH_TOKEN_INVALID',
      )
      expect(await lives(server, other)).toEqual(ALIVE)
      expect(await lives(server, bystander)).toEqual(ALIVE)
    })

    it('returns the same successor to a retry with the same Idempotency-Key', async () => {
      const { refresh_token } = await signUp(server, newEmail())
      const attempt = () =>
        server.ask('/auth/refresh', { body: { refresh_token }, headers: { 'Idempotency-Key': 'attempt-1' } })
      const [first, second] = [await attempt(), await attempt()]
      expect([first.status, second.status]).toEqual([200, 200])
      expect(second.body.refresh_token).toBe(first.body.refresh_token)
      expect((await refreshTokens(server, first.body)).status).toBe(200)
    })

    it('ignores an empty Idempotency-Key', async () => {
      const { refresh_token } = await signUp(server, newEmail())
      const attempt = () =>
        server.ask('/auth/refresh', { body: { refresh_token }, headers: { 'Idempotency-Key': '' } })
      expect([(await attempt()).status, (await attempt()).status]).toEqual([200, 401])
    })

    it('answers AUTH_TOKEN_EXPIRED after the idle time and after the lifetime of the sign-in', async () => {
      for (const column of ['idle_expires_at', 'expires_at']) {
        const person = await signUp(server, newEmail())
        const { sql } = deployment.database
        await sql`update refresh_families set ${sql(column)} = now() where user_id = ${person.user.id}`
        const { status, body } = await refreshTokens(server, person)
        expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_EXPIRED' })
      }
    })

    it.each([{}, { refresh_token: '' }, { refresh_token: 1 }, { refresh_token: null }])(
      'answers 422 to %j',
      async json => {
        const { status, body } = await server.ask('/auth/refresh', { body: json })
        expect(status).toBe(422)
        expect(body.errors).toEqual([{ pointer: '#/refresh_token', detail: expect.any(String) }])
      },
    )

    it('refuses garbage and a token that differs in one character, and ends nothing', async () => {
      const person = await signUp(server, newEmail())
      const token = person.refresh_token
      const flipped = token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41)
      for (const wrong of ['x', flipped, `${token} `, `${token}=`, token.toUpperCase(), person.access_token])
        expect((await refreshTokens(server, { refresh_token: wrong })).body.code).toBe('AUTH_TOKEN_INVALID')
      expect(await lives(server, person)).toEqual(ALIVE)
    })
  })

  describe('POST /auth/logout', () => {
    const logout = (asking: Asking) => server.ask('/auth/logout', { method: 'POST', ...asking })

    it('ends the sign-in of the access token at once, and no other', async () => {
      const person = await signUp(server, newEmail())
      const other = await signIn(server, person.user.email)
      const { status, text } = await logout({ token: person.access_token })
      expect({ status, text }).toEqual({ status: 204, text: '' })
      expect(await lives(server, person)).toEqual(DEAD)
      expect((await server.ask('/auth/me', { token: person.access_token })).body.code).toBe(
        'AUTH_TOKEN_INVALID',
      )
      expect(await lives(server, other)).toEqual(ALIVE)
    })

    it('ends the sign-in of the refresh token, and answers a repetition alike', async () => {
      const person = await signUp(server, newEmail())
      const other = await signIn(server, person.user.email)
      const byRefreshToken = () => logout({ body: { refresh_token: person.refresh_token } })
      expect([(await byRefreshToken()).status, (await byRefreshToken()).status]).toEqual([204, 204])
      expect(await lives(server, person)).toEqual(DEAD)
      expect(await lives(server, other)).toEqual(ALIVE)
    })

    it('ends all sign-ins of the account with everywhere, and none of another account', async () => {
      const person = await signUp(server, newEmail())
      const others = [await signIn(server, person.user.email), await signIn(server, person.user.email)]
      const bystander = await signUp(server, newEmail())
      const { status } = await logout({ token: person.access_token, body: { everywhere: true } })
      expect(status).toBe(204)
      for (const one of [person, ...others]) expect(await lives(server, one)).toEqual(DEAD)
      expect(await lives(server, bystander)).toEqual(ALIVE)
      expect(await lives(server, await signIn(server, person.user.email))).toEqual(ALIVE)
    })

    it('accepts a current refresh token for everywhere', async () => {
      const person = await signUp(server, newEmail())
      const other = await signIn(server, person.user.email)
      const json = { refresh_token: person.refresh_token, everywhere: true }
      expect((await logout({ body: json })).status).toBe(204)
      expect(await lives(server, other)).toEqual(DEAD)
    })

    it('refuses a spent refresh token for everywhere, so that an old token cannot sign its owner out of all devices', async () => {
      const person = await signUp(server, newEmail())
      const other = await signIn(server, person.user.email)
      const next = (await refreshTokens(server, person)).body
      const { status, body } = await logout({
        body: { refresh_token: person.refresh_token, everywhere: true },
      })
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID' })
      expect(await lives(server, next)).toEqual(DEAD)
      expect(await lives(server, other)).toEqual(ALIVE)
    })

    it('ends the one sign-in of a spent refresh token', async () => {
      const person = await signUp(server, newEmail())
      const other = await signIn(server, person.user.email)
      const next = (await refreshTokens(server, person)).body
      expect((await logout({ body: { refresh_token: person.refresh_token } })).status).toBe(204)
      expect(await lives(server, next)).toEqual(DEAD)
      expect(await lives(server, other)).toEqual(ALIVE)
    })

    it('uses the refresh token or the cookie when the access token has expired', async () => {
      const [person, browser] = [await signUp(server, newEmail()), await signUp(server, newEmail())]
      const Cookie = `signet-refresh=${browser.refresh_token}`
      ahead_milliseconds = 901_000
      const alone = await logout({ token: person.access_token })
      const { refresh_token } = person
      const byToken = await logout({ token: person.access_token, body: { refresh_token } })
      const byCookie = await logout({ token: browser.access_token, headers: { Cookie, Origin: ISSUER } })
      ahead_milliseconds = 0
      expect([alone.status, alone.body.code]).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
      expect([byToken.status, byCookie.status]).toEqual([204, 204])
      for (const each of [person, browser]) expect(await lives(server, each)).toEqual(DEAD)
    })

    it('uses the refresh token or the cookie when the access token is for another audience', async () => {
      const [person, browser, other] = [
        await signUp(server, newEmail()),
        await signUp(server, newEmail()),
        await signUp(server, newEmail()),
      ]
      const Cookie = `signet-refresh=${browser.refresh_token}`
      const token = await signed('at+jwt', claims => ({ ...claims, aud: 'https://api.example' }))
      const alone = await logout({ token })
      const { refresh_token } = person
      const byToken = await logout({ token, body: { refresh_token } })
      const byCookie = await logout({ token, headers: { Cookie, Origin: ISSUER } })
      expect([alone.status, alone.body.code]).toEqual([401, 'AUTH_TOKEN_INVALID'])
      expect([byToken.status, byCookie.status]).toEqual([204, 204])
      for (const each of [person, browser]) expect(await lives(server, each)).toEqual(DEAD)
      expect(await lives(server, other)).toEqual(ALIVE)
    })

    it('challenges a request without a token, and ends nothing for an invalid one', async () => {
      const person = await signUp(server, newEmail())
      expect((await logout({})).body.code).toBe('AUTH_TOKEN_MISSING')
      expect((await logout({ body: { everywhere: true } })).body.code).toBe('AUTH_TOKEN_MISSING')
      expect((await logout({ body: { refresh_token: 'x' } })).body.code).toBe('AUTH_TOKEN_INVALID')
      const withABadBearer = await logout({ token: 'x', body: { refresh_token: person.refresh_token } })
      expect(withABadBearer.body.code).toBe('AUTH_TOKEN_INVALID')
      expect(await lives(server, person)).toEqual(ALIVE)
    })

    it.each([
      [{ everywhere: 'true' }, '#/everywhere'],
      [{ everywhere: 1 }, '#/everywhere'],
      [{ refresh_token: [] }, '#/refresh_token'],
    ])('answers 422 to %j, and ends nothing', async (json, pointer) => {
      const person = await signUp(server, newEmail())
      const { status, body } = await logout({ token: person.access_token, body: json })
      expect({ status, pointer: body.errors[0]?.pointer }).toEqual({ status: 422, pointer })
      expect(await lives(server, person)).toEqual(ALIVE)
    })

    it('leaves no sign-in of the former credential epoch alive when ten sign-ins race it', async () => {
      const person = await signUp(server, newEmail())
      const racing = Array.from({ length: 10 }, () => trySignIn(server, person.user.email))
      const end = logout({ token: person.access_token, body: { everywhere: true } })
      const pairs = await Promise.all(racing)
      expect((await end).status).toBe(204)
      const epoch = Number(
        (await deployment.database.sql`select credential_epoch from users where id = ${person.user.id}`)[0]?.[
          'credential_epoch'
        ],
      )
      const alive = await deployment.database.sql`
        select 1 from refresh_families
        where user_id = ${person.user.id} and revoked_at is null and credential_epoch <> ${epoch}`
      expect([...alive]).toEqual([])
      for (const { body: pair } of pairs.filter(({ status }) => status === 200)) {
        const [access, refreshed] = await lives(server, pair)
        expect(access).toBe(refreshed)
      }
    })
  })
})
