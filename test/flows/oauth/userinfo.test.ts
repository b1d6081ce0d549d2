import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signUp } from '../../support/accounts/account-api.ts'
import { API, basic, CLIENT_CREDENTIALS, SECRETS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'

const APP = {
  client_id: 'web',
  token_endpoint_auth_method: 'none',
  first_party: true,
  grant_types: ['refresh_token'],
  scope: 'openid profile email orders',
  audience: [API],
}
const MACHINE = {
  client_id: 'machine',
  client_secret: SECRETS.service,
  grant_types: ['client_credentials'],
  scope: 'openid orders',
  audience: [API],
}

/** Registered for no audience: its tokens are for DEFAULT_AUDIENCE, the issuer. */
const READER = { ...APP, client_id: 'reader', audience: [] }
const REGISTERED = [APP, { ...APP, client_id: 'plain', scope: 'orders' }, MACHINE]

describe.each(deployments)('OpenID Connect Core §5.3 – /userinfo on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([...REGISTERED, READER])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  let people = 0
  const person = async (more: object = {}) => {
    const email = `person-${++people}@people.example`
    return { email, tokens: await signUp(signet, email, { client_id: 'web', ...more }) }
  }
  const refreshed = async (refresh_token: string, scope: string) => {
    const form = { grant_type: 'refresh_token', refresh_token, client_id: 'web', scope }
    return (await signet.token(form)).body.access_token
  }
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
  const ask = (headers: Readonly<Record<string, string>>, to = signet) => to.fetch('/userinfo', { headers })
  const challengeOf = async (asked: ReturnType<Instance['fetch']>) => {
    const { status, body, headers } = await asked
    return [status, body.error, headers.get('www-authenticate')]
  }
  const REFUSED = [401, 'invalid_token', 'Bearer realm="signet", error="invalid_token"']

  it('tells the claims that the token’s scope asks for (§5.4), by GET and by POST (§5.3.1)', async () => {
    const { email, tokens } = await person()
    const { body, headers } = await ask(bearer(tokens.access_token))
    expect(body).toEqual({
      sub: tokens.user.id,
      email,
      email_verified: false,
      updated_at: expect.any(Number),
    })
    expect([headers.get('cache-control'), headers.get('access-control-allow-origin')]).toEqual([
      'no-store',
      '*',
    ])
    const init = { method: 'POST', headers: bearer(tokens.access_token) }
    expect((await signet.fetch('/userinfo', init)).body).toEqual(body)
    expect((await signet.post('/userinfo', { access_token: tokens.access_token })).body).toEqual(body)
    expect((await signet.post('/userinfo', {}, bearer(tokens.access_token))).body).toEqual(body)
  })

  it('tells no more than the scope of this token (§5.4)', async () => {
    const { tokens } = await person()
    const token = await refreshed(tokens.refresh_token, 'openid orders')
    expect((await ask(bearer(token))).body).toEqual({ sub: tokens.user.id })
  })

  it('reads a token of any audience: it only reads', async () => {
    const { tokens } = await person({ resource: ISSUER })
    expect((await ask(bearer(tokens.access_token))).status).toBe(200)
  })

  it('reads a token for the issuer of a client that is not first-party, which the account API refuses', async () => {
    const other = await person({ resource: ISSUER })
    const { tokens } = await person({ client_id: 'reader', resource: ISSUER })
    const token = tokens.access_token
    deployment.register([...REGISTERED, { ...READER, first_party: false }])
    await signet.reload()
    expect((await ask(bearer(token))).body['sub']).toBe(tokens.user.id)
    expect((await signet.ask('/auth/me', { token })).status).toBe(401)
    expect((await signet.ask('/auth/me', { token: other.tokens.access_token })).status).toBe(200)
  })

  it('asks for a token where none is shown, and never reads the query (RFC 6750 §2.3, §3)', async () => {
    const { tokens } = await person()
    const nothing = [
      401,
      'invalid_token',
      'Bearer realm="signet", DPoP algs="ES256 EdDSA Ed25519 RS256 PS256"',
    ]
    expect(await challengeOf(ask({}))).toEqual(nothing)
    expect(await challengeOf(signet.post('/userinfo', {}))).toEqual(nothing)
    expect(await challengeOf(signet.fetch(`/userinfo?access_token=${tokens.access_token}`))).toEqual(nothing)
    const inQuery = signet.post(`/userinfo?access_token=${tokens.access_token}`, { x: 'y' })
    expect((await inQuery).body.error).toBe('invalid_request')
    expect((await ask(bearer(tokens.access_token))).status).toBe(200)
  })

  it('refuses a token that is shown in two ways (RFC 6750 §2)', async () => {
    const { access_token } = (await person()).tokens
    const both = await signet.post('/userinfo', { access_token }, bearer(access_token))
    expect([both.status, both.body.error]).toEqual([400, 'invalid_request'])
  })

  it('refuses what is no access token of ours, all in one way (RFC 6750 §3.1)', async () => {
    const { tokens } = await person()
    const [header = '', claims = ''] = tokens.access_token.split('.')
    const forged = `${header}.${claims}.${Buffer.alloc(256).toString('base64url')}`
    const none = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${claims}.`
    for (const token of ['x', 'a.b.c', forged, none, tokens.refresh_token]) {
      expect(await challengeOf(ask(bearer(token)))).toEqual(REFUSED)
      expect(await challengeOf(signet.post('/userinfo', { access_token: token }))).toEqual(REFUSED)
    }
    for (const authorization of ['Bearer', 'Basic YTpi', `Bearer ${tokens.access_token} x`, 'Bearer a,b'])
      expect(await challengeOf(ask({ authorization }))).toEqual(REFUSED)
    expect((await ask({ authorization: `bearer ${tokens.access_token}` })).status).toBe(200)
  })

  it('refuses a token without the scope openid, and one of a client that acts for itself', async () => {
    const challenge = 'Bearer realm="signet", error="insufficient_scope", scope="openid"'
    const without = await person({ client_id: 'plain' })
    const asked = ask(bearer(without.tokens.access_token))
    expect(await challengeOf(asked)).toEqual([403, 'insufficient_scope', challenge])
    const own = await signet.token(CLIENT_CREDENTIALS, basic('machine', SECRETS.service))
    const byClient = ask(bearer(own.body.access_token))
    expect(await challengeOf(byClient)).toEqual([403, 'insufficient_scope', challenge])
  })

  it('refuses a token whose sign-in or account was ended, and no other', async () => {
    const [one, other] = [await person(), await person()]
    const headers = bearer(one.tokens.access_token)
    await signet.post('/revoke', { token: one.tokens.refresh_token, client_id: 'web' })
    expect(await challengeOf(ask(headers))).toEqual(REFUSED)
    const gone = await person()
    await deployment.database.sql`update users set disabled_at = now() where id = ${gone.tokens.user.id}`
    expect(await challengeOf(ask(bearer(gone.tokens.access_token)))).toEqual(REFUSED)
    expect((await ask(bearer(other.tokens.access_token))).status).toBe(200)
  })

  it('refuses a token that was revoked alone, and not that of the same sign-in beside it', async () => {
    const { tokens } = await person()
    const second = await refreshed(tokens.refresh_token, 'openid')
    await signet.post('/revoke', { token: tokens.access_token, client_id: 'web' })
    expect(await challengeOf(ask(bearer(tokens.access_token)))).toEqual(REFUSED)
    expect((await ask(bearer(second))).status).toBe(200)
  })

  it('refuses an expired token', async () => {
    const { tokens } = await person()
    const clock = () => new Date(Date.now() + 3_600_000)
    const later = await deployment.start({ clock })
    expect(await challengeOf(ask(bearer(tokens.access_token), later))).toEqual(REFUSED)
  })

  it('tells what the client’s registration, as it is now, still allows', async () => {
    const { tokens } = await person()
    deployment.register([{ ...APP, scope: 'openid' }])
    const narrowed = await deployment.start()
    expect((await ask(bearer(tokens.access_token), narrowed)).body).toEqual({ sub: tokens.user.id })
    deployment.register([MACHINE])
    const without = await deployment.start()
    expect(await challengeOf(ask(bearer(tokens.access_token), without))).toEqual(REFUSED)
  })
})
