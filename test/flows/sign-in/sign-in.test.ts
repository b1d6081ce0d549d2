import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refreshTokens, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { type Answer } from '../../support/answer.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, ISSUER, openDeployment } from '../../support/deployment.ts'
import { type Listening, listenWithLimits } from '../../support/listen.ts'

const SECRET = 'a-secret-of-the-resource-server-0123456789'

describe.skipIf(!hasPostgres || !hasRedis)('POST /auth/login', () => {
  let deployment: Deployment
  let server: Listening
  const email = newEmail()
  beforeAll(async () => {
    const clients = [
      {
        client_id: 'app',
        token_endpoint_auth_method: 'none',
        first_party: true,
        grant_types: ['refresh_token'],
      },
      { client_id: 'other', token_endpoint_auth_method: 'none', grant_types: ['refresh_token'] },
      { client_id: 'resource', client_secret: SECRET, protected_resources: [ISSUER] },
    ]
    deployment = await openDeployment(clients)
    server = await listenWithLimits(deployment)
    await signUp(server, email)
  })
  afterAll(async () => {
    await server.close()
    await deployment.close()
  })

  it('answers 200 with the user and a pair of tokens', async () => {
    const { status, headers, body } = await trySignIn(server, email)
    expect(status).toBe(200)
    expect(body.user.email).toBe(email)
    expect(body).toMatchObject({ token_type: 'Bearer', access_token: expect.any(String) })
    expect(body.refresh_token).toMatch(/^signet_rt_[\w-]{94}$/)
    expect(headers.get('cache-control')).toBe('no-store')
  })

  it('takes the e-mail in any equivalent spelling', async () => {
    const { status } = await trySignIn(server, ` ${email.toUpperCase()}\n`)
    expect(status).toBe(200)
  })

  describe('refuses with the same answer', () => {
    const told = ({ status, text, headers }: Answer) => ({
      status,
      text,
      headers: Object.fromEntries(
        [...headers].filter(([name]) => !['date', 'x-request-id', 'connection', 'keep-alive'].includes(name)),
      ),
    })
    const disabled = newEmail()
    const withoutPassword = newEmail()
    beforeAll(async () => {
      for (const one of [disabled, withoutPassword]) await signUp(server, one)
      await deployment.database.sql`update users set disabled_at = now() where email = ${disabled}`
      await deployment.database.sql`update users set password_digest = null where email = ${withoutPassword}`
    })

    it.each([
      ['an unknown e-mail', () => ({ email: 'nobody@example.com', password: PASSWORD })],
      ['an e-mail that cannot be registered', () => ({ email: 'nobody', password: PASSWORD })],
      ['a look-alike e-mail', () => ({ email: email.replace('e', 'е'), password: PASSWORD })],
      ['an empty e-mail', () => ({ email: '', password: PASSWORD })],
      ['a NUL in the e-mail, which Postgres refuses', () => ({ email: `${email}\0`, password: PASSWORD })],
      ['half a surrogate pair', () => ({ email: `\ud800${email}`, password: PASSWORD })],
      ['60,000 characters of e-mail', () => ({ email: 'a'.repeat(60_000), password: PASSWORD })],
      ['an empty password', () => ({ email, password: '' })],
      ['another case of the password', () => ({ email, password: PASSWORD.toUpperCase() })],
      ['the password and a space', () => ({ email, password: `${PASSWORD} ` })],
      [
        'the password twice around a NUL, one key to bcrypt',
        () => ({ email, password: `${PASSWORD}\0${PASSWORD}` }),
      ],
      ['a password of 73 bytes', () => ({ email, password: 'a'.repeat(73) })],
      ['a password of 60,000 bytes', () => ({ email, password: 'a'.repeat(60_000) })],
      ['a disabled account', () => ({ email: disabled, password: PASSWORD })],
      ['an account without a password', () => ({ email: withoutPassword, password: PASSWORD })],
      ['SQL', () => ({ email: "' or 1=1 --", password: PASSWORD })],
    ])('%s', async (_, credentials) => {
      const wrong = told(await trySignIn(server, email, { password: 'wrong password' }))
      expect(wrong).toMatchObject({
        status: 401,
        text: '{"type":"about:blank","title":"E-mail or password is wrong.","status":401,"code":"AUTH_CREDENTIALS_INVALID"}',
      })
      expect(told(await server.ask('/auth/login', { body: credentials() }))).toEqual(wrong)
    })

    it('and gives the reason, with the request id, to the log alone', async () => {
      const { headers } = await trySignIn(server, disabled)
      expect(server.lines.at(-1)).toMatchObject({
        request_id: headers.get('x-request-id'),
        status: 401,
        reason: 'account_disabled',
      })
      expect(JSON.stringify(server.lines)).not.toContain(PASSWORD)
    })
  })

  it('does not mix up the passwords of accounts that sign in at once', async () => {
    const others = await Promise.all(
      Array.from({ length: 4 }, async (_, number) => {
        const own = newEmail()
        await signUp(server, own, { password: `${PASSWORD}${number}` })
        return own
      }),
    )
    const tries = others.flatMap((one, owner) => others.map((_, tried) => ({ one, owner, tried })))
    const answers = await Promise.all(
      tries.map(({ one, tried }) => trySignIn(server, one, { password: `${PASSWORD}${tried}` })),
    )
    expect(answers.map(({ status }) => status)).toEqual(
      tries.map(({ owner, tried }) => (owner === tried ? 200 : 401)),
    )
  })

  describe('the client', () => {
    it('is the built-in first-party client when none is named, whose tokens work at /token', async () => {
      const { body } = await trySignIn(server, email)
      const form = {
        grant_type: 'refresh_token',
        refresh_token: body.refresh_token,
        client_id: 'first-party',
      }
      const rotated = await server.ask('/token', { form })
      expect(rotated.status).toBe(200)
      expect((await server.ask('/auth/me', { token: rotated.body.access_token })).body).toEqual(body.user)
      const back = await refreshTokens(server, rotated.body)
      expect(back.status).toBe(200)
    })

    it('is the named client, which alone can refresh at /token', async () => {
      const { body } = await trySignIn(server, email, { client_id: 'app' })
      const form = { grant_type: 'refresh_token', refresh_token: body.refresh_token }
      for (const client_id of ['first-party', 'other']) {
        const stolen = await server.ask('/token', { form: { ...form, client_id } })
        expect({ status: stolen.status, error: stolen.body.error }).toEqual({
          status: 400,
          error: 'invalid_grant',
        })
      }
      expect((await server.ask('/token', { form: { ...form, client_id: 'app' } })).status).toBe(200)
    })

    it.each(['other', 'resource', 'nobody', '__proto__', 'constructor'])(
      'is refused when it is not a first-party client: %s',
      async client_id => {
        const { status, body } = await trySignIn(server, email, { client_id })
        expect({ status, errors: body.errors }).toEqual({
          status: 422,
          errors: [{ pointer: '#/client_id', detail: 'must name a first-party client' }],
        })
      },
    )
  })

  it('issues tokens that a resource server can introspect', async () => {
    const { body } = await trySignIn(server, email)
    const Authorization = `Basic ${Buffer.from(`resource:${SECRET}`).toString('base64')}`
    const introspect = (token: string) =>
      server.ask('/introspect', { form: { token }, headers: { Authorization } })
    expect((await introspect(body.access_token)).body).toMatchObject({
      active: true,
      sub: body.user.id,
      client_id: 'first-party',
    })
    expect((await server.ask('/auth/logout', { token: body.access_token, method: 'POST' })).status).toBe(204)
    expect((await introspect(body.access_token)).text).toBe('{"active":false}')
  })

  it('stores the address and the user agent of the sign-in', async () => {
    const agent = 'a'.repeat(300)
    await server.ask('/auth/login', {
      body: { email, password: PASSWORD },
      from: '192.0.2.7',
      headers: { 'User-Agent': agent },
    })
    const rows = await deployment.database
      .sql`select last_user_agent from refresh_families where last_ip = '192.0.2.7'`
    expect([...rows]).toEqual([{ last_user_agent: 'a'.repeat(256) }])
  })
})
