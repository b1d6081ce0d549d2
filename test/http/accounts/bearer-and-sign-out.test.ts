import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openKeys } from '../../../src/signing/open-keys.ts'
import { claimsOf } from '../../support/accounts/account-api.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { type Deployment, ISSUER, openDeployment } from '../../support/deployment.ts'
import { createLog } from '../../support/effects.ts'
import { type Listening, listenForAccounts } from '../../support/listen.ts'

const SECRET = 'a-secret-of-a-confidential-client-0123456789'

describe.skipIf(!hasPostgres || !hasRedis)('the account API, signed in', () => {
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
    server = await listenForAccounts(deployment, { clock: () => new Date(Date.now() + ahead_milliseconds) })
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })

  const signUp = async () => {
    const email = newEmail()
    const { body } = await server.call('/auth/register', { json: { email, password: PASSWORD } })
    return { email, ...body }
  }
  const signInAgain = async ({ email }: { email: string }) =>
    (await server.call('/auth/login', { json: { email, password: PASSWORD } })).body
  const me = (bearer: string) => server.call('/auth/me', { bearer })
  const refresh = (refresh_token: string) => server.call('/auth/refresh', { json: { refresh_token } })
  const isAlive = async ({
    access_token,
    refresh_token,
  }: {
    access_token: string
    refresh_token: string
  }) => {
    const [shown, refreshed] = [await me(access_token), await refresh(refresh_token)]
    return { access: shown.status === 200, refresh: refreshed.status === 200 }
  }
  const ALIVE = { access: true, refresh: true }
  const DEAD = { access: false, refresh: false }

  const signed = async (typ: 'at+jwt' | 'JWT', change: (claims: Record<string, unknown>) => object) => {
    const { access_token } = await signUp()
    const { log } = createLog()
    const keys = await openKeys({ directory: deployment.keys_dir, clock: () => new Date(), log })
    if ('faults' in keys) throw new Error(keys.faults.join())
    const token = await keys.sign(typ, { ...change(claimsOf(access_token)) })
    await keys.close()
    return token
  }

  describe('GET /auth/me', () => {
    it('shows the user and nothing else', async () => {
      const { access_token, user } = await signUp()
      const { status, headers, body } = await me(access_token)
      expect({ status, body }).toEqual({ status: 200, body: user })
      expect(headers.get('cache-control')).toBe('no-store')
    })

    it('asks for a token when there is none, without saying what would be wrong with it (RFC 6750 §3.1)', async () => {
      const { status, headers, body } = await server.call('/auth/me')
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_MISSING' })
      expect(headers.get('www-authenticate')).toBe('Bearer realm="signet"')
    })

    it('says AUTH_TOKEN_EXPIRED at the very second of exp, and not before', async () => {
      const { access_token } = await signUp()
      const exp = Number(claimsOf(access_token)['exp']) * 1000
      ahead_milliseconds = exp - Date.now() - 2000
      const before = await me(access_token)
      ahead_milliseconds = exp - Date.now()
      const after = await me(access_token)
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
      return (await server.call('/token', { form, headers: { Authorization } })).body.access_token
    }
    const tampered = async (part: number, change: (text: string) => string) => {
      const parts = (await signUp()).access_token.split('.')
      return parts.map((text, index) => (index === part ? change(text) : text)).join('.')
    }
    const unsigned = (text: string) => Buffer.from(text).toString('base64url')

    it.each([
      ['nothing', async () => ''],
      ['a word', async () => 'token'],
      ['two parts', async () => 'a.b'],
      ['four parts', async () => `${(await signUp()).access_token}.x`],
      ['a refresh token', async () => (await signUp()).refresh_token],
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
    ])('says AUTH_TOKEN_INVALID to %s (RFC 9068 §4)', async (_, make) => {
      const { status, headers, body } = await me(await make())
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID' })
      expect(headers.get('www-authenticate')).toBe('Bearer realm="signet", error="invalid_token"')
    })

    it.each(['Basic YTpi', 'Bearer', 'Token x', 'Bearer a b', 'Bearer ä', `Bearer ${'a'.repeat(8000)}`])(
      'says AUTH_TOKEN_INVALID to the header %j',
      async Authorization => {
        const { status, body } = await server.call('/auth/me', { headers: { Authorization } })
        expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID' })
      },
    )

    it('takes the scheme in any case (RFC 9110 §11.1)', async () => {
      const { access_token } = await signUp()
      const Authorization = `bearer ${access_token}`
      expect((await server.call('/auth/me', { headers: { Authorization } })).status).toBe(200)
    })

    it('takes no token from the query (RFC 6750 §2.1)', async () => {
      const { access_token } = await signUp()
      const { body } = await server.call(`/auth/me?access_token=${access_token}`)
      expect(body.code).toBe('AUTH_TOKEN_MISSING')
    })

    it('refuses the tokens of a disabled account at once, and its refresh', async () => {
      const person = await signUp()
      const { sql } = deployment.database
      await sql`update users set disabled_at = now() where id = ${person.user.id}`
      expect(await isAlive(person)).toEqual(DEAD)
    })
  })

  describe('POST /auth/refresh', () => {
    it('gives the next pair, once; a spent token ends the sign-in and the other ones live', async () => {
      const person = await signUp()
      const other = await signInAgain(person)
      const bystander = await signUp()
      const next = await refresh(person.refresh_token)
      expect(next.status).toBe(200)
      expect(next.body.refresh_token).not.toBe(person.refresh_token)
      const stolen = await refresh(person.refresh_token)
      expect({ status: stolen.status, code: stolen.body.code }).toEqual({
        status: 401,
        code: 'AUTH_TOKEN_INVALID',
      })
      expect(await isAlive(next.body)).toEqual(DEAD)
      expect((await me(person.access_token)).body.code).toBe('AUTH_TOKEN_INVALID')
      expect(await isAlive(other)).toEqual(ALIVE)
      expect(await isAlive(bystander)).toEqual(ALIVE)
    })

    it('answers a retry with the same Idempotency-Key with the same successor', async () => {
      const { refresh_token } = await signUp()
      const attempt = () =>
        server.call('/auth/refresh', { json: { refresh_token }, headers: { 'Idempotency-Key': 'attempt-1' } })
      const [first, second] = [await attempt(), await attempt()]
      expect([first.status, second.status]).toEqual([200, 200])
      expect(second.body.refresh_token).toBe(first.body.refresh_token)
      expect((await refresh(first.body.refresh_token)).status).toBe(200)
    })

    it('counts an empty Idempotency-Key as none', async () => {
      const { refresh_token } = await signUp()
      const attempt = () =>
        server.call('/auth/refresh', { json: { refresh_token }, headers: { 'Idempotency-Key': '' } })
      expect([(await attempt()).status, (await attempt()).status]).toEqual([200, 401])
    })

    it('says AUTH_TOKEN_EXPIRED when the sign-in has idled out or is over', async () => {
      for (const column of ['idle_expires_at', 'expires_at']) {
        const person = await signUp()
        const { sql } = deployment.database
        await sql`update refresh_families set ${sql(column)} = now() where user_id = ${person.user.id}`
        const { status, body } = await refresh(person.refresh_token)
        expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_EXPIRED' })
      }
    })

    it.each([{}, { refresh_token: '' }, { refresh_token: 1 }, { refresh_token: null }])(
      'answers 422 to %j',
      async json => {
        const { status, body } = await server.call('/auth/refresh', { json })
        expect(status).toBe(422)
        expect(body.errors).toEqual([{ pointer: '#/refresh_token', detail: expect.any(String) }])
      },
    )

    it('refuses garbage without a look at the database, and a token that differs in one bit', async () => {
      const person = await signUp()
      const token = person.refresh_token
      const flipped = token.slice(0, 40) + (token[40] === 'A' ? 'B' : 'A') + token.slice(41)
      for (const wrong of ['x', flipped, `${token} `, `${token}=`, token.toUpperCase(), person.access_token])
        expect((await refresh(wrong)).body.code).toBe('AUTH_TOKEN_INVALID')
      expect(await isAlive(person)).toEqual(ALIVE)
    })
  })

  describe('POST /auth/logout', () => {
    const logout = (request: object) => server.call('/auth/logout', { method: 'POST', ...request })

    it('by bearer token ends this sign-in at once, and no other', async () => {
      const person = await signUp()
      const other = await signInAgain(person)
      const { status, text } = await logout({ bearer: person.access_token })
      expect({ status, text }).toEqual({ status: 204, text: '' })
      expect(await isAlive(person)).toEqual(DEAD)
      expect((await me(person.access_token)).body.code).toBe('AUTH_TOKEN_INVALID')
      expect(await isAlive(other)).toEqual(ALIVE)
    })

    it('by refresh token does the same, twice as well as once', async () => {
      const person = await signUp()
      const other = await signInAgain(person)
      const byRefreshToken = () => logout({ json: { refresh_token: person.refresh_token } })
      expect([(await byRefreshToken()).status, (await byRefreshToken()).status]).toEqual([204, 204])
      expect(await isAlive(person)).toEqual(DEAD)
      expect(await isAlive(other)).toEqual(ALIVE)
    })

    it('everywhere ends all sign-ins of this person, and nobody else’s', async () => {
      const person = await signUp()
      const others = [await signInAgain(person), await signInAgain(person)]
      const bystander = await signUp()
      const { status } = await logout({ bearer: person.access_token, json: { everywhere: true } })
      expect(status).toBe(204)
      for (const one of [person, ...others]) expect(await isAlive(one)).toEqual(DEAD)
      expect(await isAlive(bystander)).toEqual(ALIVE)
      expect(await isAlive(await signInAgain(person))).toEqual(ALIVE)
    })

    it('everywhere takes a living refresh token', async () => {
      const person = await signUp()
      const other = await signInAgain(person)
      const json = { refresh_token: person.refresh_token, everywhere: true }
      expect((await logout({ json })).status).toBe(204)
      expect(await isAlive(other)).toEqual(DEAD)
    })

    it('everywhere takes no spent one: an old token out of a log signs nobody out of all devices', async () => {
      const person = await signUp()
      const other = await signInAgain(person)
      await refresh(person.refresh_token)
      const { status, body } = await logout({
        json: { refresh_token: person.refresh_token, everywhere: true },
      })
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'AUTH_TOKEN_INVALID' })
      expect(await isAlive(other)).toEqual(ALIVE)
    })

    it('with a spent refresh token ends that sign-in alone', async () => {
      const person = await signUp()
      const other = await signInAgain(person)
      const next = (await refresh(person.refresh_token)).body
      expect((await logout({ json: { refresh_token: person.refresh_token } })).status).toBe(204)
      expect(await isAlive(next)).toEqual(DEAD)
      expect(await isAlive(other)).toEqual(ALIVE)
    })

    it('goes by the refresh token or the cookie where the access token has expired', async () => {
      const [person, browser] = [await signUp(), await signUp()]
      const Cookie = `signet-refresh=${browser.refresh_token}`
      ahead_milliseconds = 901_000
      const alone = await logout({ bearer: person.access_token })
      const { refresh_token } = person
      const byToken = await logout({ bearer: person.access_token, json: { refresh_token } })
      const byCookie = await logout({ bearer: browser.access_token, headers: { Cookie, Origin: ISSUER } })
      ahead_milliseconds = 0
      expect([alone.status, alone.body.code]).toEqual([401, 'AUTH_TOKEN_EXPIRED'])
      expect([byToken.status, byCookie.status]).toEqual([204, 204])
      for (const each of [person, browser]) expect(await isAlive(each)).toEqual(DEAD)
    })

    it('goes by the refresh token or the cookie where the access token is for a service of the application', async () => {
      const [person, browser, other] = [await signUp(), await signUp(), await signUp()]
      const Cookie = `signet-refresh=${browser.refresh_token}`
      const bearer = await signed('at+jwt', claims => ({ ...claims, aud: 'https://api.example' }))
      const alone = await logout({ bearer })
      const { refresh_token } = person
      const byToken = await logout({ bearer, json: { refresh_token } })
      const byCookie = await logout({ bearer, headers: { Cookie, Origin: ISSUER } })
      expect([alone.status, alone.body.code]).toEqual([401, 'AUTH_TOKEN_INVALID'])
      expect([byToken.status, byCookie.status]).toEqual([204, 204])
      for (const each of [person, browser]) expect(await isAlive(each)).toEqual(DEAD)
      expect(await isAlive(other)).toEqual(ALIVE)
    })

    it('asks for a token when there is none, and refuses a bad one without touching the good ones', async () => {
      const person = await signUp()
      expect((await logout({})).body.code).toBe('AUTH_TOKEN_MISSING')
      expect((await logout({ json: { everywhere: true } })).body.code).toBe('AUTH_TOKEN_MISSING')
      expect((await logout({ json: { refresh_token: 'x' } })).body.code).toBe('AUTH_TOKEN_INVALID')
      const withABadBearer = await logout({ bearer: 'x', json: { refresh_token: person.refresh_token } })
      expect(withABadBearer.body.code).toBe('AUTH_TOKEN_INVALID')
      expect(await isAlive(person)).toEqual(ALIVE)
    })

    it.each([
      [{ everywhere: 'true' }, '#/everywhere'],
      [{ everywhere: 1 }, '#/everywhere'],
      [{ refresh_token: [] }, '#/refresh_token'],
    ])('answers 422 to %j, and ends nothing', async (json, pointer) => {
      const person = await signUp()
      const { status, body } = await logout({ bearer: person.access_token, json })
      expect({ status, pointer: body.errors[0]?.pointer }).toEqual({ status: 422, pointer })
      expect(await isAlive(person)).toEqual(ALIVE)
    })

    it('racing ten sign-ins leaves nothing alive of the epoch before', async () => {
      const person = await signUp()
      const racing = Array.from({ length: 10 }, () => signInAgain(person))
      const end = logout({ bearer: person.access_token, json: { everywhere: true } })
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
      for (const pair of pairs.filter(one => one.access_token !== undefined)) {
        const { access, refresh: refreshed } = await isAlive(pair)
        expect(access).toBe(refreshed)
      }
    })
  })
})
