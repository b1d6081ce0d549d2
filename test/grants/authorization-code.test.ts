import { createLocalJWKSet, decodeJwt, type JSONWebKeySet, jwtVerify } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { issueCode, VERIFIER, WEB } from '../support/authorization/exchange.ts'
import { API, CLIENT_CREDENTIALS, CLIENTS, OTHER_API, SERVICE } from '../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../support/deployment.ts'
import { rowOf, seedFamily } from '../support/families.ts'
import { INVALID_GRANT, isActive, refresh } from '../support/refresh.ts'

const CALLBACK = 'https://web.example/callback'
const OTHER = { ...WEB, client_id: 'other-web' }
const LISTED = { ...WEB, client_id: 'listed', status_list: true }
const NO_CODE = { ...WEB, client_id: 'no-code', grant_types: ['refresh_token'] }
const REGISTERED = [...CLIENTS, WEB, OTHER, LISTED, NO_CODE]

describe.each(deployments)('RFC 6749 §4.1.3 – the authorization code grant on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open(REGISTERED)
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const issue = (more: Parameters<typeof issueCode>[1] = {}) => issueCode(deployment, more)
  type Form = Readonly<Record<string, string>>
  const redeem = (form: Form, key?: string, to = signet) =>
    to.token(form, key === undefined ? {} : { 'idempotency-key': key })
  const refused = async (form: Form, key?: string) => {
    const { status, body } = await redeem(form, key)
    expect(body).not.toHaveProperty('access_token')
    return [status, body.error]
  }
  const redeemed = async (form: Form, key?: string) => {
    const { status, body } = await redeem(form, key)
    expect([status, body.error]).toEqual([200, undefined])
    return body
  }
  const isLiving = async (body: { access_token: string }) => isActive(signet, body.access_token)
  const linesOf = (sid: unknown) =>
    signet.lines.filter(line => line['event'] === 'authorization_code_alert' && line['sid'] === sid)
  const keys = async () =>
    createLocalJWKSet((await signet.fetch('/.well-known/jwks.json')).body as unknown as JSONWebKeySet)

  describe('the answer', () => {
    it('holds an access token of the sign-in, bound to its browser session (RFC 9068 §2.2)', async () => {
      const { user_id, session, form } = await issue()
      const body = await redeemed(form)
      expect(decodeJwt(body.access_token)).toMatchObject({
        iss: ISSUER,
        sub: user_id,
        client_id: 'web',
        aud: [API, OTHER_API],
        scope: 'openid email read',
        auth_time: Math.floor(session.auth_time.getTime() / 1000),
        amr: session.amr,
      })
      expect([body.token_type, body['scope']]).toEqual(['Bearer', 'openid email read'])
      expect(await isLiving(body)).toBe(true)
    })

    it('holds an ID token for the application (OpenID Connect Core §3.1.3.3)', async () => {
      const { user_id, session, form } = await issue({ nonce: 'n-1' })
      const body = await redeemed(form)
      const options = { algorithms: ['RS256'], typ: 'JWT', issuer: ISSUER, audience: 'web' }
      const { payload } = await jwtVerify(String(body['id_token']), await keys(), options)
      const { sid, iat, exp } = decodeJwt(body.access_token)
      expect(payload).toEqual({
        iss: ISSUER,
        sub: user_id,
        aud: 'web',
        iat,
        exp,
        auth_time: Math.floor(session.auth_time.getTime() / 1000),
        nonce: 'n-1',
        at_hash: expect.stringMatching(/^[\w-]{22}$/),
        acr: expect.any(String),
        amr: session.amr,
        sid,
        email: session.account.email,
        email_verified: false,
      })
    })

    it('holds an ID token that opens nothing, and no ID token without the scope openid', async () => {
      const body = await redeemed((await issue()).form)
      const headers = { authorization: `Bearer ${String(body['id_token'])}` }
      expect((await signet.fetch('/userinfo', { headers })).status).toBe(401)
      const { form } = await issue({ scope: 'read', nonce: 'n' })
      expect(await redeemed(form)).not.toHaveProperty('id_token')
    })

    it('holds a refresh token that goes on with the sign-in', async () => {
      const body = await redeemed((await issue()).form)
      expect(body['refresh_token_expires_in']).toBe(604_800)
      const next = await refresh(signet, body.refresh_token, { client_id: 'web' })
      expect(next.status).toBe(200)
      expect(decodeJwt(next.body.access_token)['sid']).toBe(decodeJwt(body.access_token)['sid'])
    })

    it('holds no refresh token where none was granted, and the sign-in ends with its access token', async () => {
      const { form } = await issue({ isRefreshable: false })
      const body = await redeemed(form)
      expect(body).not.toHaveProperty('refresh_token')
      expect(body).not.toHaveProperty('refresh_token_expires_in')
      const { sid, exp } = decodeJwt(body.access_token)
      const { expires_at } = await rowOf(deployment, String(sid))
      expect(Math.abs(expires_at.getTime() / 1000 - (exp ?? 0))).toBeLessThanOrEqual(1)
    })

    it('is narrowed to the resources that the redemption names (RFC 8707 §2.2)', async () => {
      const { form } = await issue()
      const { access_token } = await redeemed({ ...form, resource: OTHER_API })
      expect(decodeJwt(access_token).aud).toBe(OTHER_API)
    })

    it('is refreshed with an ID token of the same sign-in, without a nonce (OpenID Connect Core §12.2)', async () => {
      const body = await redeemed((await issue()).form)
      const next = await refresh(signet, body.refresh_token, { client_id: 'web' })
      const [first, second] = [body, next.body].map(each => decodeJwt(String(each['id_token'])))
      const { iss, sub, aud, auth_time, sid, email } = first ?? {}
      expect(second).toMatchObject({ iss, sub, aud, auth_time, sid, email })
      expect(second).not.toHaveProperty('nonce')
      const form = { scope: 'read' }
      const narrowed = await refresh(signet, next.body.refresh_token, { client_id: 'web', form })
      expect([narrowed.status, 'id_token' in narrowed.body]).toEqual([200, false])
    })
  })

  describe('what the code is bound to', () => {
    it.each([
      ['another verifier', { code_verifier: 'w'.repeat(43) }, 'invalid_grant'],
      ['no verifier (RFC 7636 §4.6)', { code_verifier: '' }, 'invalid_grant'],
      ['what cannot be a verifier (RFC 7636 §4.1)', { code_verifier: 'short' }, 'invalid_grant'],
      ['its challenge for a verifier', { code_verifier: `${VERIFIER}=` }, 'invalid_grant'],
      ['another redirect URI', { redirect_uri: `${CALLBACK}/` }, 'invalid_grant'],
      ['no redirect URI', { redirect_uri: '' }, 'invalid_grant'],
      ['another client', { client_id: 'other-web' }, 'invalid_grant'],
      ['a resource that was not granted', { resource: OTHER_API }, 'invalid_target'],
      ['a resource that is not the client’s', { resource: 'https://third.example' }, 'invalid_target'],
      ['a resource that is none', { resource: 'x' }, 'invalid_target'],
    ])('refuses %s, and spends nothing', async (_, wrong, error) => {
      const { form } = await issue({ audience: [API] })
      expect(await refused({ ...form, ...wrong })).toEqual([400, error])
      expect(await isLiving(await redeemed(form))).toBe(true)
    })

    it('refuses all of it in the same words', async () => {
      const { form } = await issue()
      const bodies = await Promise.all(
        [
          { ...form, code_verifier: 'w'.repeat(43) },
          { ...form, code_verifier: 'short' },
          { ...form, redirect_uri: 'https://web.example/' },
          { ...form, client_id: 'other-web' },
          { ...form, code: `signet_ac_${'A'.repeat(64)}` },
          { ...form, code: 'x' },
        ].map(async each => (await redeem(each)).text),
      )
      expect(new Set(bodies).size).toBe(1)
    })

    it('refuses a verifier for a code without a challenge (RFC 9700 §4.8.2)', async () => {
      const { form } = await issue({ code_challenge: null })
      expect(await refused(form)).toEqual(INVALID_GRANT)
      expect(await isLiving(await redeemed({ ...form, code_verifier: '' }))).toBe(true)
    })

    it('refuses a redirect URI for a code whose request had none', async () => {
      const { form } = await issue({ redirect_uri: null })
      expect(await refused(form)).toEqual(INVALID_GRANT)
      await redeemed({ ...form, redirect_uri: '' })
    })

    it('ends the code at the tenth failure', async () => {
      const { form } = await issue()
      const wrong = { ...form, code_verifier: 'w'.repeat(43) }
      for (let failure = 0; failure < 9; failure++) expect(await refused(wrong)).toEqual(INVALID_GRANT)
      const other = await issue()
      for (let failure = 0; failure < 10; failure++)
        expect(await refused({ ...other.form, code_verifier: 'w'.repeat(43) })).toEqual(INVALID_GRANT)
      await redeemed(form)
      expect(await refused(other.form)).toEqual(INVALID_GRANT)
    })

    it('wants a code, and a client that is registered for the grant (§5.2)', async () => {
      const { form } = await issue()
      expect(await refused({ ...form, code: '' })).toEqual([400, 'invalid_request'])
      expect(await refused({ ...form, client_id: 'no-code' })).toEqual([400, 'unauthorized_client'])
      await redeemed(form)
    })
  })

  describe('a replay (RFC 9700 §4.5)', () => {
    it('with all that was right ends what the code bought, and nothing else', async () => {
      const [one, other] = [await issue(), await issue()]
      const [bought, bystander] = [await redeemed(one.form), await redeemed(other.form)]
      const beside = await seedFamily(deployment, { user_id: one.user_id })
      const { sid } = decodeJwt(bought.access_token)
      expect(await refused(one.form)).toEqual(INVALID_GRANT)
      expect(await isLiving(bought)).toBe(false)
      expect((await refresh(signet, bought.refresh_token, { client_id: 'web' })).status).toBe(400)
      expect(linesOf(sid)).toHaveLength(1)
      expect(await isLiving(bystander)).toBe(true)
      expect((await refresh(signet, beside.refresh_token)).status).toBe(200)
    })

    it('ends what has been refreshed since, too', async () => {
      const { form } = await issue()
      const bought = await redeemed(form)
      const next = (await refresh(signet, bought.refresh_token, { client_id: 'web' })).body
      expect(await refused(form)).toEqual(INVALID_GRANT)
      expect([await isLiving(bought), await isLiving(next)]).toEqual([false, false])
      expect((await refresh(signet, next.refresh_token, { client_id: 'web' })).status).toBe(400)
    })

    it.each([
      ['another verifier', { code_verifier: 'w'.repeat(43) }],
      ['no verifier', { code_verifier: '' }],
      ['another redirect URI', { redirect_uri: 'https://web.example/' }],
      ['another client', { client_id: 'other-web' }],
    ])('with %s ends nothing', async (_, wrong) => {
      const { form } = await issue()
      const bought = await redeemed(form)
      for (let turn = 0; turn < 11; turn++)
        expect(await refused({ ...form, ...wrong })).toEqual(INVALID_GRANT)
      expect(await isLiving(bought)).toBe(true)
      expect(linesOf(decodeJwt(bought.access_token)['sid'])).toEqual([])
    })
  })

  describe('a retry', () => {
    it('with the same Idempotency-Key is answered with the same refresh token', async () => {
      const { form } = await issue()
      const first = await redeemed(form, 'attempt-1')
      const again = await redeemed(form, 'attempt-1')
      expect(again.refresh_token).toBe(first.refresh_token)
      expect(decodeJwt(again.access_token)['sid']).toBe(decodeJwt(first.access_token)['sid'])
      expect(decodeJwt(String(again['id_token']))['nonce']).toBe(
        decodeJwt(String(first['id_token']))['nonce'],
      )
      expect([await isLiving(first), await isLiving(again)]).toEqual([true, true])
      expect((await refresh(signet, first.refresh_token, { client_id: 'web' })).status).toBe(200)
    })

    it.each([
      ['another key', { key: 'attempt-2' }],
      ['no key', { key: undefined }],
      ['another resource', { key: 'attempt-1', resource: API }],
    ])('with %s is a replay', async (_, { key, ...more }: { key: string | undefined; resource?: string }) => {
      const { form } = await issue()
      const first = await redeemed(form, 'attempt-1')
      expect(await refused({ ...form, ...more }, key)).toEqual(INVALID_GRANT)
      expect(await isLiving(first)).toBe(false)
    })

    it('without a verifier is none: it ends nothing, and the owner’s retry goes on', async () => {
      const { form } = await issue()
      const first = await redeemed(form, 'attempt-1')
      expect(await refused({ ...form, code_verifier: '' }, 'attempt-1')).toEqual(INVALID_GRANT)
      expect((await redeemed(form, 'attempt-1')).refresh_token).toBe(first.refresh_token)
    })
  })

  describe('between code and token', () => {
    type Issued = Awaited<ReturnType<typeof issueCode>>
    it.each<readonly [string, (issued: Issued) => Promise<unknown>]>([
      ['the minute passes', issued => issued.age(60)],
      [
        'the account is disabled',
        issued => issued.run`update users set disabled_at = now() where id = ${issued.user_id}`,
      ],
      [
        'the password is changed',
        issued =>
          issued.run`update users set credential_epoch = credential_epoch + 1 where id = ${issued.user_id}`,
      ],
      ['the account is deleted', issued => issued.run`delete from users where id = ${issued.user_id}`],
      ['the person signs out', issued => issued.signOut()],
      ['the consent is withdrawn', issued => issued.withdraw()],
    ])('%s: the code buys nothing', async (_, happens) => {
      const [issued, other] = [await issue({ hasConsent: true }), await issue({ hasConsent: true })]
      await happens(issued)
      expect(await refused(issued.form)).toEqual(INVALID_GRANT)
      await redeemed(other.form)
    })

    it('the registration is narrowed: the token says what is left', async () => {
      const { form } = await issue()
      deployment.register([{ ...WEB, scope: 'read', audience: [OTHER_API] }])
      const narrowed = await deployment.start()
      deployment.register(REGISTERED)
      const { body } = await redeem(form, undefined, narrowed)
      expect([body['scope'], decodeJwt(body.access_token).aud, 'id_token' in body]).toEqual([
        'read',
        OTHER_API,
        false,
      ])
    })
  })

  describe('a client with a place in the status lists', () => {
    const placesOf = async (client_id: string) => {
      const [row] = await deployment.database.sql<{ places: number }[]>`
        select count(*)::int as places from status_entries where client_id = ${client_id}`
      return row?.places
    }

    it('gets one for its token, and none for codes that are made up or wrong', async () => {
      const { form } = await issue({ client_id: 'listed' })
      expect(await refused({ ...form, code: `signet_ac_${'A'.repeat(64)}` })).toEqual(INVALID_GRANT)
      expect(await placesOf('listed')).toBe(0)
      const body = await redeemed(form, 'k')
      expect(decodeJwt(body.access_token)).toHaveProperty('status.status_list.idx')
      expect(decodeJwt((await redeemed(form, 'k')).access_token)).toHaveProperty('status.status_list.idx')
      expect(await refused(form)).toEqual(INVALID_GRANT)
      expect(await placesOf('listed')).toBe(2)
    })
  })

  describe('fifty redemptions at once over two instances', () => {
    const race = async (form: Form, key?: string) => {
      const instances = [signet, await deployment.start()]
      const asked = Array.from({ length: 50 }, (_, index) => redeem(form, key, instances[index % 2]))
      const answers = await Promise.all(asked)
      return answers.map(({ body }) => body)
    }

    it('succeed once, and what was bought is ended', async () => {
      const bodies = await race((await issue()).form)
      const bought = bodies.filter(body => 'access_token' in body)
      expect(bought).toHaveLength(1)
      expect(new Set(bodies.map(body => body.error))).toEqual(new Set([undefined, 'invalid_grant']))
      expect(await Promise.all(bought.map(isLiving))).toEqual([false])
    })

    it('with one Idempotency-Key get one answer, and one sign-in lives', async () => {
      const { user_id, form } = await issue()
      const bodies = await race(form, 'attempt-1')
      expect(new Set(bodies.map(body => body.refresh_token)).size).toBe(1)
      expect(await Promise.all(bodies.map(isLiving))).toEqual(Array.from({ length: 50 }, () => true))
      const families = await deployment.database
        .sql`select id from refresh_families where user_id = ${user_id}`
      expect(families).toHaveLength(1)
    })
  })

  it('leaves the client_credentials grant as it is', async () => {
    expect((await signet.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
  })
})
