import { randomUUID } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { JWT_BEARER_GRANT } from '../../../src/domain/exchange/issuer-assertion.ts'
import { SESSION_TOKEN_TYPE } from '../../../src/domain/exchange/session-exchange.ts'
import { TOKEN_EXCHANGE_GRANT, TOKEN_TYPES } from '../../../src/domain/exchange/token-exchange.ts'
import { createVerifier } from '../../../src/sdk/verify-node.ts'
import {
  claimsOf,
  outcomeOf,
  refreshTokens,
  signIn,
  signUp,
  trySignIn,
  trySignUp,
} from '../../support/accounts/account-api.ts'
import { giveExternalId } from '../../support/accounts/account-lines.ts'
import { MFA, PWD, second, stepUp, withTotp } from '../../support/accounts/factors.ts'
import { newEmail } from '../../support/ask.ts'
import { askForCodes, decideOn, meetPerson, TV } from '../../support/authorization/devices.ts'
import { WEB } from '../../support/authorization/exchange.ts'
import { createIdentityProvider, writeIssuers } from '../../support/authorization/issuers.ts'
import { askApp } from '../../support/bindings.ts'
import { API, basic, CLIENTS, INTROSPECTOR, OTHER_API, SECRETS } from '../../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { answerOf, CODE_CHALLENGE, CODE_VERIFIER, createPerson, queryOf } from '../../support/pages/person.ts'
import { refresh } from '../../support/refresh.ts'
import { type HookReceiver, openHookReceiver, replying } from '../../support/services/hook-receiver.ts'

const SHOP = {
  client_id: 'shop',
  client_secret: SECRETS.service,
  grant_types: [TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT, 'refresh_token'],
  session_exchange: true,
  scope: 'openid read',
  audience: [API],
}
const GATEWAY = {
  client_id: 'gateway',
  client_secret: SECRETS.service,
  grant_types: [TOKEN_EXCHANGE_GRANT],
  protected_resources: [API],
  token_exchange: [{ audience: OTHER_API, scope: 'read' }],
}
const REGISTERED = [...CLIENTS, { ...WEB, first_party: true }, { ...TV, first_party: true }, SHOP, GATEWAY]

const [REDIRECT_URI = ''] = WEB.redirect_uris
const AUTHORIZATION = {
  response_type: 'code',
  client_id: 'web',
  redirect_uri: REDIRECT_URI,
  scope: 'openid offline_access read',
  code_challenge: CODE_CHALLENGE,
  code_challenge_method: 'S256',
}
const REDEMPTION = {
  grant_type: 'authorization_code',
  client_id: 'web',
  redirect_uri: REDIRECT_URI,
  code_verifier: CODE_VERIFIER,
}

type Fields = Readonly<Record<string, string>>

const TENANT = { tenant: 'acme', 'https://shop.example/plan': { seats: 5, tags: ['a', null, true, 1.5] } }
const adding = (claims: unknown) => replying(JSON.stringify({ claims }))
const away: RequestListener = request => request.destroy()

describe('CLAIMS_HOOK_URL', () => {
  const time = createClock()
  let hook: HookReceiver
  let sessions: HookReceiver
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  let without: Instance
  let corp: Awaited<ReturnType<typeof createIdentityProvider>>
  beforeAll(async () => {
    hook = await openHookReceiver()
    sessions = await openHookReceiver()
    corp = await createIdentityProvider('https://corp.example')
    deployment = await openDeployment(REGISTERED)
    signet = await deployment.start({
      environment: { ...settings(), INTERNAL_PORT: '9090' },
      clock: time.clock,
    })
    other = await deployment.start({ environment: settings() })
    without = await deployment.start({ environment: { ...settings(), CLAIMS_HOOK_ON_FAILURE: 'without' } })
  })
  afterAll(async () => {
    await deployment.close()
    await hook.close()
    await sessions.close()
  })
  beforeEach(() => {
    time.reset()
    hook.answerWith(adding(TENANT))
    hook.questions()
  })

  const settings = () => ({
    CLAIMS_HOOK_URL: hook.url,
    SESSION_VERIFIER_URL: sessions.url,
    OUTBOUND_ALLOW: '127.0.0.1',
    SECOND_FACTOR_ROLES: 'admin',
    RATE_LIMIT_SECOND_FACTOR: 'off',
    ASSERTION_ISSUERS_FILE: writeIssuers([
      {
        issuer: corp.issuer,
        jwks: corp.jwks,
        clients: ['shop'],
        scope: 'read',
        subject: { by: 'external_id', prefix: '' },
      },
    ]),
  })
  const sql = () => deployment.database.sql
  /** Imported, so that no sign-up has asked for claims. */
  const meet = async () => {
    const email = newEmail()
    const { user } = await signUp(without, email)
    hook.questions()
    return { email, id: user.id }
  }
  const metricsOf = async () => {
    if (signet.internalApp === null) throw new Error('the internal listener is off')
    const text = await (await askApp(signet.internalApp, '/metrics')).text()
    return Object.fromEntries(
      [...text.matchAll(/signet_claims_hook_total\{outcome="(\w+)"\} (\d+)/g)].map(([, name, count]) => [
        name,
        Number(count),
      ]),
    )
  }

  /** The tokens of the code to which the pages lead. */
  const signInAtWeb = async (email: string, at = signet) => {
    const person = createPerson(at)
    const query = queryOf({ ...AUTHORIZATION, nonce: 'n' })
    const shown = await person.signIn(await person.arrive(query), email)
    const { code = '' } = answerOf(shown)
    return { form: { ...REDEMPTION, code } }
  }

  describe('of a sign-in at the account API', () => {
    it('is told of the sign-in, and its claims are in the access token, from refresh to refresh and on each instance', async () => {
      const { email, id } = await meet()
      const tokens = await signIn(signet, email, { client_id: 'app' })
      expect(hook.questions()).toEqual([
        {
          hook: 'claims',
          occasion: 'sign_in',
          sub: id,
          client_id: 'app',
          scope: 'read write',
          audience: [API, ISSUER, OTHER_API],
          amr: ['pwd'],
          acr: PWD,
          roles: ['user'],
        },
      ])
      expect(claimsOf(tokens.access_token)).toMatchObject({ ...TENANT, sub: id })
      hook.answerWith(away)
      const first = await refreshTokens(other, tokens)
      const next = await refresh(signet, first.body.refresh_token, { key: 'k' })
      const again = await refresh(other, first.body.refresh_token, { key: 'k' })
      for (const each of [first, next, again]) expect(claimsOf(each.body.access_token)).toMatchObject(TENANT)
      expect(hook.questions()).toEqual([])
    })

    it('is not asked for a wrong password, and a sign-in of before it was set is refreshed as ever', async () => {
      const { email } = await meet()
      const plain = await deployment.start()
      const tokens = await signIn(plain, email)
      hook.answerWith(away)
      expect(outcomeOf(await trySignIn(signet, email, { password: 'wrong password' }))).toBe(
        '401 AUTH_CREDENTIALS_INVALID',
      )
      const { status, body } = await refreshTokens(signet, tokens)
      expect([status, claimsOf(body.access_token)]).toEqual([
        200,
        expect.not.objectContaining({ tenant: 'acme' }),
      ])
      expect(hook.questions()).toEqual([])
    })

    it('is asked after both factors, with the roles of that class, and anew for a step-up', async () => {
      const person = await withTotp(without, time, newEmail())
      const { id } = person.tokens.user
      await sql()`update users set roles = '{user,admin}' where id = ${id}`
      hook.questions()
      const { body } = await trySignIn(signet, person.email)
      expect(hook.questions()).toEqual([])
      const full = await second(signet, body.handle, { totp: person.code() })
      expect(hook.questions()).toMatchObject([
        { amr: ['pwd', 'otp', 'mfa'], acr: MFA, roles: ['user', 'admin'], occasion: 'sign_in' },
      ])
      expect(claimsOf(full.body.access_token)).toMatchObject(TENANT)
      time.advance(30)
      hook.answerWith(adding({ tenant: 'other' }))
      const stepped = await stepUp(signet, full.body, { totp: person.code() })
      expect(hook.questions()).toMatchObject([
        { occasion: 'step_up', sub: id, roles: ['user', 'admin'], acr: MFA },
      ])
      const claims = claimsOf(stepped.body.access_token)
      expect(claims).toMatchObject({ tenant: 'other' })
      expect(claims).not.toHaveProperty(['https://shop.example/plan'])
    })

    it('keeps the claims of the former sign-in where a step-up gets none', async () => {
      const person = await withTotp(without, time, newEmail())
      hook.answerWith(away)
      const stepped = await stepUp(without, person.tokens, { totp: person.code() })
      expect(claimsOf(stepped.body.access_token)).toMatchObject({ ...TENANT, acr: MFA })
    })
  })

  describe('of a sign-in on the pages', () => {
    it('is asked before the code, whose redemption asks nothing, and is in every token of it', async () => {
      const { email, id } = await meet()
      const { form } = await signInAtWeb(email)
      expect(hook.questions()).toMatchObject([
        { sub: id, client_id: 'web', scope: 'openid offline_access read', amr: ['pwd'], roles: ['user'] },
      ])
      hook.answerWith(away)
      const [first, again] = [
        await other.token(form, { 'idempotency-key': 'k' }),
        await signet.token(form, { 'idempotency-key': 'k' }),
      ]
      for (const { body } of [first, again]) {
        expect(claimsOf(body.access_token)).toMatchObject(TENANT)
        expect(claimsOf(String(body['id_token']))).toMatchObject({ ...TENANT, nonce: 'n' })
      }
      const next = await refresh(signet, again.body.refresh_token, { client_id: 'web' })
      expect(claimsOf(next.body.access_token)).toMatchObject(TENANT)
      expect((await other.token({ ...form, code: form.code.replace(/.$/, '_') })).status).toBe(400)
      expect(hook.questions()).toEqual([])
    })

    it('is in the payload that the verifier of a service gives, in its introspection, and at /userinfo', async () => {
      const { email, id } = await meet()
      const { form } = await signInAtWeb(email)
      const { access_token } = (await signet.token(form)).body
      const verifier = createVerifier({
        issuer: ISSUER,
        audience: API,
        fetch: url => askApp(signet.app, new URL(url).pathname),
      })
      expect((await verifier.verify(access_token)).claims).toMatchObject({ ...TENANT, sub: id })
      const introspected = await signet.post('/introspect', { token: access_token }, INTROSPECTOR)
      expect(introspected.body).toMatchObject({ ...TENANT, active: true, sub: id })
      const told = await signet.fetch('/userinfo', { headers: { authorization: `Bearer ${access_token}` } })
      expect(told.body).toEqual({ ...TENANT, sub: id })
    })

    it('is asked when a person allows a device, and never when the device polls', async () => {
      const person = await meetPerson(signet)
      const device = await askForCodes(signet, { scope: 'openid offline_access read' })
      await signet.token(device.form)
      expect(hook.questions()).toEqual([])
      await decideOn(person, device.user_code, 'allow')
      expect(hook.questions()).toMatchObject([{ client_id: 'tv', scope: 'openid offline_access read' }])
      hook.answerWith(away)
      await sql()`update device_authorizations set polled_at = polled_at - interval '10 seconds'`
      const { status, body } = await signet.token(device.form)
      expect([status, claimsOf(body.access_token)]).toEqual([200, expect.objectContaining(TENANT)])
      const next = await refresh(other, body.refresh_token, { client_id: 'tv' })
      expect(claimsOf(next.body.access_token)).toMatchObject(TENANT)
    })

    it('refuses while it is away, and the page that is loaded again goes on', async () => {
      const { email } = await meet()
      hook.answerWith(away)
      const person = createPerson(signet)
      const query = queryOf(AUTHORIZATION)
      const refused = await person.signIn(await person.arrive(query), email)
      expect([refused.status, refused.headers.get('retry-after'), refused.location]).toEqual([503, '5', null])
      hook.answerWith(adding(TENANT))
      const { code = '' } = answerOf(await person.arrive(query))
      const { body } = await signet.token({ ...REDEMPTION, code })
      expect(claimsOf(body.access_token)).toMatchObject(TENANT)
    })
  })

  describe('of an exchange', () => {
    const exchange = (form: Fields, client_id = 'shop', at = signet) =>
      at.token({ grant_type: TOKEN_EXCHANGE_GRANT, ...form }, basic(client_id, SECRETS.service))
    const ofSession = { subject_token: 's', subject_token_type: SESSION_TOKEN_TYPE }
    const open = (members: object) => {
      const now = Math.floor(Date.now() / 1000)
      const session = {
        active: true,
        auth_time: now - 100,
        exp: now + 3_600,
        session: randomUUID(),
        ...members,
      }
      sessions.answerWith(replying(JSON.stringify(session)))
    }

    it('is asked for a session that opens a sign-in, and not when the session is exchanged again', async () => {
      const { id } = await meet()
      open({ sub: id })
      const { body } = await exchange(ofSession)
      expect(hook.questions()).toMatchObject([{ sub: id, client_id: 'shop', amr: [], scope: 'openid read' }])
      expect(claimsOf(body.access_token)).toMatchObject(TENANT)
      hook.answerWith(away)
      const joined = await exchange(ofSession, 'shop', other)
      expect(claimsOf(joined.body.access_token)).toMatchObject(TENANT)
      expect(hook.questions()).toEqual([])
    })

    it('spends neither a session nor an assertion while it is away, and asks for no account that is not here', async () => {
      const { id } = await meet()
      const external_id = randomUUID()
      await giveExternalId(deployment.database, id, external_id)
      hook.answerWith(away)
      open({ external_id })
      const asserted = {
        grant_type: JWT_BEARER_GRANT,
        assertion: await corp.assertion({ sub: external_id, client_id: 'shop' }),
      }
      const assert = () => signet.token(asserted, basic('shop', SECRETS.service))
      for (const ask of [() => exchange(ofSession), assert]) {
        const { status, headers } = await ask()
        expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      }
      hook.answerWith(adding(TENANT))
      for (const ask of [() => exchange(ofSession), assert])
        expect(claimsOf((await ask()).body.access_token)).toMatchObject(TENANT)
      hook.questions()
      open({ sub: randomUUID() })
      expect((await exchange(ofSession)).status).toBe(400)
      expect(hook.questions()).toEqual([])
    })

    it('hands the claims of a token to the service that acts for its person', async () => {
      const { email } = await meet()
      const { access_token } = await signIn(signet, email, { client_id: 'app', resource: [API] })
      hook.questions()
      const { body } = await exchange(
        { subject_token: access_token, subject_token_type: TOKEN_TYPES.access_token, audience: OTHER_API },
        'gateway',
      )
      expect(claimsOf(body.access_token)).toMatchObject({ ...TENANT, act: { sub: 'gateway' } })
      expect(hook.questions()).toEqual([])
    })
  })

  describe('with an answer that cannot be read', () => {
    it.each([
      ['an error', replying('{}', 500)],
      ['a redirect', replying('', 307, { location: '/elsewhere' })],
      ['a page', replying('<p>claims</p>', 200, { 'content-type': 'text/html' })],
      ['no claims', replying('{}')],
      ['claims in a list', adding(['a'])],
      ['claims of 1,025 bytes', adding({ a: 'a'.repeat(1_017) })],
      ['a NUL, which Postgres does not store', adding({ a: '\0' })],
      ['a connection that breaks', away],
    ] as const)('refuses a sign-in, or goes on without: %s', async (_name, answer) => {
      const { email, id } = await meet()
      const bystander = await signIn(signet, email)
      hook.answerWith(answer)
      const unanswered = (await metricsOf())['unanswered'] ?? 0
      const { status, headers } = await trySignIn(signet, email, { client_id: 'app' })
      expect([status, headers.get('retry-after')]).toEqual([503, '5'])
      expect((await metricsOf())['unanswered']).toBe(unanswered + 1)
      expect(signet.lines).toContainEqual(
        expect.objectContaining({
          event: 'claims_hook',
          sub: id,
          client_id: 'app',
          reason: expect.any(String),
        }),
      )
      const { access_token, ...tokens } = await signIn(without, email, { client_id: 'app' })
      expect(claimsOf(access_token)).not.toHaveProperty('tenant')
      expect((await refreshTokens(without, tokens)).status).toBe(200)
      expect((await refreshTokens(signet, bystander)).status).toBe(200)
    })

    it('leaves the account of a registration, whose owner signs in later', async () => {
      const email = newEmail()
      hook.answerWith(away)
      expect((await trySignUp(signet, email)).status).toBe(503)
      hook.answerWith(adding(TENANT))
      expect(claimsOf((await signIn(signet, email)).access_token)).toMatchObject(TENANT)
    })

    it('waits two seconds at most', async () => {
      const { email } = await meet()
      hook.answerWith(() => {})
      expect((await trySignIn(signet, email)).status).toBe(503)
      expect(signet.lines).toContainEqual(
        expect.objectContaining({ event: 'claims_hook', reason: 'timed_out' }),
      )
    })
  })

  it('never touches a claim of Signet, and says in the log which names it left out', async () => {
    const { email, id } = await meet()
    const stolen = {
      sub: 'eve',
      exp: 4_102_444_800,
      scope: 'admin',
      roles: ['admin'],
      cnf: { jkt: 'x' },
      active: false,
    }
    hook.answerWith(adding({ ...stolen, tenant: 'acme' }))
    const { access_token } = await signIn(signet, email, { client_id: 'app' })
    const claims = claimsOf(access_token)
    expect(claims).toMatchObject({ sub: id, scope: 'read write', roles: ['user'], tenant: 'acme' })
    expect(claims).not.toHaveProperty('cnf')
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(900)
    expect(signet.lines).toContainEqual(
      expect.objectContaining({
        event: 'claims_hook',
        sub: id,
        reason: 'claims_reserved',
        claims: Object.keys(stolen),
      }),
    )
  })

  describe('CLAIMS_HOOK_CACHE_SECONDS', () => {
    it('remembers an answer for the same question, to the second', async () => {
      const { email } = await meet()
      const before = await metricsOf()
      const tenantAt = async (client_id: string) =>
        claimsOf((await signIn(signet, email, { client_id })).access_token)['tenant']
      expect(await tenantAt('app')).toBe('acme')
      hook.answerWith(adding({ tenant: 'later' }))
      time.advance(59)
      expect([await tenantAt('app'), await tenantAt('grace-app')]).toEqual(['acme', 'later'])
      time.advance(1)
      expect(await tenantAt('app')).toBe('later')
      const after = await metricsOf()
      expect(['answered', 'remembered'].map(name => Number(after[name]) - Number(before[name]))).toEqual([
        3, 1,
      ])
    })

    it('asks once for equal sign-ins at the same time', async () => {
      const { email } = await meet()
      let release = () => {}
      const held = new Promise<void>(resolve => {
        release = resolve
      })
      hook.answerWith((request, response) => {
        void held.then(() => adding(TENANT)(request, response))
      })
      const signing = [1, 2, 3].map(() => signIn(signet, email, { client_id: 'app' }))
      await expect.poll(async () => (await metricsOf())['remembered']).toBeGreaterThan(1)
      release()
      for (const { access_token } of await Promise.all(signing))
        expect(claimsOf(access_token)).toMatchObject(TENANT)
      expect(hook.questions()).toHaveLength(1)
    })

    it('remembers nothing with 0, and no failure', async () => {
      const forgetful = await deployment.start({
        environment: { ...settings(), CLAIMS_HOOK_CACHE_SECONDS: '0' },
      })
      const { email } = await meet()
      await signIn(forgetful, email)
      await signIn(forgetful, email)
      expect(hook.questions()).toHaveLength(2)
      hook.answerWith(away)
      expect((await trySignIn(signet, email)).status).toBe(503)
      hook.answerWith(adding(TENANT))
      expect(claimsOf((await signIn(signet, email)).access_token)).toMatchObject(TENANT)
    })
  })

  it('takes the claims out of tokens at the next refresh once it is unset', async () => {
    const { email } = await meet()
    const tokens = await signIn(signet, email)
    const plain = await deployment.start()
    const next = await refreshTokens(plain, tokens)
    expect(claimsOf(next.body.access_token)).not.toHaveProperty('tenant')
    const back = await refreshTokens(signet, next.body)
    expect(claimsOf(back.body.access_token)).toMatchObject(TENANT)
  })
})
