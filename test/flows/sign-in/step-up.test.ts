import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  outcomeOf,
  refreshTokens,
  signUp,
  trySignIn,
} from '../../support/accounts/account-api.ts'
import {
  asOwner,
  MFA,
  PWD,
  second,
  signInFully,
  start,
  stepUp,
  withTotp,
} from '../../support/accounts/factors.ts'
import { type Body } from '../../support/answer.ts'
import { hasPostgres } from '../../support/backends.ts'
import {
  type Deployment,
  deployments,
  type Instance,
  ISSUER,
  openDeployment,
} from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'

describe.each(deployments)('a step-up ($name)', ({ open }) => {
  const time = createClock()
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([])
    signet = await start(deployment, time)
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })
  beforeEach(time.reset)

  it('RFC 9470 §5 – opens a sign-in of the higher class, and ends the former one with all its tokens', async () => {
    const ada = await withTotp(signet, time, 'ada@step.example')
    const before = claimsOf(ada.tokens.access_token)
    expect(before).toMatchObject({ amr: ['pwd'], acr: PWD })
    const { status, body } = await stepUp(signet, ada.tokens, { totp: ada.code() })
    expect(status).toBe(200)
    const after = claimsOf(body.access_token)
    expect(after).toMatchObject({
      amr: ['pwd', 'otp', 'mfa'],
      acr: MFA,
      sub: before['sub'],
      scope: before['scope'],
    })
    expect(after['sid']).not.toBe(before['sid'])
    expect(Number(after['auth_time'])).toBeGreaterThanOrEqual(Number(before['auth_time']))
    expect(await lives(signet, ada.tokens)).toEqual(DEAD)
    const refreshed = await refreshTokens(signet, body)
    expect(claimsOf(refreshed.body.access_token)).toMatchObject({ acr: MFA, sid: after['sid'] })
  })

  it('gives the former sign-in no higher acr: its next tokens keep the one that it had', async () => {
    const ada = await withTotp(signet, time, 'way@step.example')
    const rotated = (await refreshTokens(signet, ada.tokens)).body
    expect(claimsOf(rotated.access_token)).toMatchObject({ acr: PWD, amr: ['pwd'] })
    const strong = (await stepUp(signet, rotated, { totp: ada.code() })).body
    for (const token of [ada.tokens, rotated])
      expect(outcomeOf(await refreshTokens(signet, token))).toMatch(/^401/)
    expect(await lives(signet, strong)).toEqual(ALIVE)
  })

  it('ends no other sign-in, of the same account or another', async () => {
    const ada = await withTotp(signet, time, 'others@step.example')
    const elsewhere = await signInFully(signet, time, ada)
    const bystander = await signUp(signet, 'bystander@step.example')
    await stepUp(signet, ada.tokens, { totp: ada.code() })
    expect(await lives(signet, elsewhere)).toEqual(ALIVE)
    expect(await lives(signet, bystander)).toEqual(ALIVE)
  })

  it('changes nothing when the factor is wrong', async () => {
    const ada = await withTotp(signet, time, 'wrong@step.example')
    const eve = await withTotp(signet, time, 'eve@step.example')
    for (const proof of [{ totp: '000000' }, { totp: eve.code() }, { recovery_code: eve.recovery_codes[0] }])
      expect(outcomeOf(await stepUp(signet, ada.tokens, proof))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    expect(await lives(signet, ada.tokens)).toEqual(ALIVE)
  })

  it('is refused to an account without a factor, with a code of its own', async () => {
    const tokens = await signUp(signet, 'plain@step.example')
    const options = await signet.ask('/auth/step-up/options', { method: 'POST', token: tokens.access_token })
    expect(outcomeOf(options)).toBe('403 AUTHENTICATION_UNMET')
    expect(outcomeOf(await stepUp(signet, tokens, { totp: '123456' }))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('opens one sign-in of the higher class when many requests race', async () => {
    const ada = await withTotp(signet, time, 'race@step.example')
    const proofs = [
      { totp: ada.code() },
      ...ada.recovery_codes.slice(0, 4).map(recovery_code => ({ recovery_code })),
    ]
    const answers = await Promise.all(proofs.map(proof => stepUp(signet, ada.tokens, proof)))
    const won = answers.filter(({ status }) => status === 200)
    expect(won).toHaveLength(1)
    for (const { body } of won) expect(await lives(signet, body)).toEqual(ALIVE)
    expect(await lives(signet, ada.tokens)).toEqual(DEAD)
  })

  it('RFC 9470 §3 – is asked for by the challenge where a fresh sign-in is needed', async () => {
    const ada = await withTotp(signet, time, 'fresh@step.example')
    const remove = (tokens: Body) => signet.ask('/auth/factors/totp', asOwner(tokens, 'DELETE'))
    const weak = await remove(ada.tokens)
    expect(outcomeOf(weak)).toBe('401 AUTH_STEP_UP_REQUIRED')
    expect(weak.headers.get('www-authenticate')).toBe(
      `Bearer realm="signet", error="insufficient_user_authentication", acr_values="${MFA}", max_age="300"`,
    )
    const strong = (await stepUp(signet, ada.tokens, { totp: ada.code() })).body
    time.advance(330)
    expect(outcomeOf(await remove(strong))).toBe('401 AUTH_STEP_UP_REQUIRED')
    time.reset()
    time.advance(290)
    expect((await remove(strong)).status).toBe(204)
  })

  it('is not needed for the enrolment of a first factor, which needs a fresh sign-in', async () => {
    const tokens = await signUp(signet, 'first@step.example')
    const { access_token: token } = tokens
    time.advance(330)
    for (const path of ['/auth/factors/totp', '/auth/factors/passkeys']) {
      const stale = await signet.ask(path, asOwner(tokens))
      expect(outcomeOf(stale)).toBe('401 AUTH_STEP_UP_REQUIRED')
      expect(stale.headers.get('www-authenticate')).toBe(
        'Bearer realm="signet", error="insufficient_user_authentication", max_age="300"',
      )
    }
    expect((await signet.ask('/auth/factors', { token })).status).toBe(200)
  })

  it('needs an access token', async () => {
    for (const path of [
      '/auth/step-up',
      '/auth/step-up/options',
      '/auth/factors/totp',
      '/auth/factors/passkeys/confirm',
    ])
      expect(outcomeOf(await signet.ask(path, { body: { totp: '123456' } }))).toBe('401 AUTH_TOKEN_MISSING')
    expect(outcomeOf(await signet.ask('/auth/factors'))).toBe('401 AUTH_TOKEN_MISSING')
  })

  describe('acr_values', () => {
    it('that a sign-in cannot reach are refused with a code of their own, after the right password only (RFC 9470 §5)', async () => {
      await signUp(signet, 'unmet@acr.example')
      const ask_for = (acr_values: unknown, more: object = {}) =>
        trySignIn(signet, 'unmet@acr.example', { acr_values, ...more })
      expect(outcomeOf(await ask_for(MFA))).toBe('403 AUTHENTICATION_UNMET')
      expect(outcomeOf(await ask_for(MFA, { password: 'wrong password' }))).toBe(
        '401 AUTH_CREDENTIALS_INVALID',
      )
      expect((await ask_for(PWD)).status).toBe(200)
      expect((await ask_for(`${MFA} ${PWD}`)).status).toBe(200)
      for (const unknown of ['urn:example:gold', '', 7])
        expect((await ask_for(unknown)).body.errors?.[0]?.pointer).toBe('#/acr_values')
    })

    it('do not skip a factor that the account has', async () => {
      const ada = await withTotp(signet, time, 'met@acr.example')
      for (const acr_values of [MFA, PWD])
        expect(outcomeOf(await trySignIn(signet, ada.email, { acr_values }))).toBe(
          '401 AUTH_SECOND_FACTOR_REQUIRED',
        )
    })

    it('are listed in the metadata (RFC 9470 §7)', async () => {
      const { body } = await signet.ask('/.well-known/oauth-authorization-server')
      expect(body.acr_values_supported).toEqual([PWD, MFA])
    })
  })

  describe('by cookie', () => {
    const OWN_PAGE = { Origin: 'http://localhost:8080', 'Sec-Fetch-Site': 'same-origin' }
    const COOKIE = { refresh_transport: 'cookie' }
    const cookieOf = ({ headers }: { headers: Headers }) =>
      headers
        .getSetCookie()
        .find(cookie => cookie.startsWith('signet-refresh='))
        ?.split(';')[0] ?? ''

    it('signs in and steps up with no refresh token in a body', async () => {
      const ada = await withTotp(signet, time, 'ada@cookie.example')
      const { body: first } = await trySignIn(signet, ada.email, COOKIE, OWN_PAGE)
      const entered = await second(signet, first.handle, { totp: ada.code() }, OWN_PAGE)
      expect(entered.status).toBe(200)
      expect(entered.body).not.toHaveProperty('refresh_token')
      const cookie = cookieOf(entered)
      expect(cookie).toMatch(/^signet-refresh=signet_rt_/)
      time.advance(30)
      const stepped = await signet.ask('/auth/step-up', {
        body: { totp: ada.code() },
        token: entered.body.access_token,
        headers: OWN_PAGE,
      })
      expect(stepped.status).toBe(200)
      expect(stepped.body).not.toHaveProperty('refresh_token')
      const next = cookieOf(stepped)
      expect(next).not.toBe(cookie)
      const refreshWith = (Cookie: string) =>
        signet.ask('/auth/refresh', { method: 'POST', headers: { ...OWN_PAGE, Cookie } })
      expect((await refreshWith(cookie)).status).toBe(401)
      expect((await refreshWith(next)).status).toBe(200)
    })

    it('is refused to a foreign page, and spends nothing', async () => {
      const ada = await withTotp(signet, time, 'stranger@cookie.example')
      const { body } = await trySignIn(signet, ada.email, COOKIE, OWN_PAGE)
      const stranger = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' }
      const totp = ada.code()
      expect(outcomeOf(await second(signet, body.handle, { totp }, stranger))).toBe('403 ORIGIN_NOT_ALLOWED')
      expect((await second(signet, body.handle, { totp }, OWN_PAGE)).status).toBe(200)
    })
  })
})

describe.skipIf(!hasPostgres)('a step-up over two instances', () => {
  const time = createClock()
  let deployment: Deployment
  let instances: readonly Instance[]
  beforeAll(async () => {
    deployment = await openDeployment([])
    instances = [await start(deployment, time), await start(deployment, time)]
  })
  afterAll(async () => {
    await Promise.all(instances.map(signet => signet.close()))
    await deployment.close()
  })

  beforeEach(time.reset)

  it('does not make the sign-in last longer', async () => {
    const [one] = instances
    if (one === undefined) throw new Error('this test needs an instance')
    const hour = { REFRESH_TOKEN_MAX_SECONDS: '3600', REFRESH_TOKEN_IDLE_SECONDS: '3600' }
    const brief = await start(deployment, time, hour)
    const ada = await withTotp(brief, time, 'brief@two.example')
    await brief.close()
    const { status, body } = await stepUp(one, ada.tokens, { totp: ada.code() })
    expect(status).toBe(200)
    expect(body.refresh_token_expires_in).toBeGreaterThan(3_500)
    expect(body.refresh_token_expires_in).toBeLessThanOrEqual(3_600)
  })

  it('grants no more than the client’s current registration', async () => {
    const serve = (registered: Readonly<Record<string, unknown>>) => {
      const client = { client_id: 'first-party', first_party: true, token_endpoint_auth_method: 'none' }
      deployment.register([{ ...client, grant_types: ['refresh_token'], ...registered }])
      return start(deployment, time)
    }
    const wide = await serve({ scope: 'read write', audience: ['https://old.example'] })
    const ada = await withTotp(wide, time, 'narrowed@two.example', { resource: ISSUER })
    expect(claimsOf(ada.tokens.access_token)).toMatchObject({ scope: 'read write', aud: ISSUER })
    // The resource that the first request of a sign-in names holds for the second.
    for (const resource of [ISSUER, 'https://old.example'])
      expect(claimsOf((await signInFully(wide, time, ada, { resource })).access_token)['aud']).toBe(resource)
    const beyond = await stepUp(wide, ada.tokens, { totp: ada.code(), resource: 'https://new.example' })
    expect(outcomeOf(beyond)).toBe('422 FIELDS_INVALID')
    const old = await stepUp(wide, ada.tokens, { totp: ada.code(), resource: 'https://old.example' })
    expect(claimsOf(old.body.access_token)).toMatchObject({ aud: 'https://old.example' })
    time.advance(30)
    const own = await wide.ask('/auth/refresh', {
      body: { refresh_token: old.body.refresh_token, resource: ISSUER },
    })
    expect(claimsOf(own.body.access_token)).toMatchObject({ aud: ISSUER })
    const narrow = await serve({ scope: 'read', audience: ['https://new.example'] })
    const ungranted = { totp: ada.code(), resource: 'https://new.example' }
    expect(outcomeOf(await stepUp(narrow, own.body, ungranted))).toBe('422 FIELDS_INVALID')
    const { body } = await stepUp(narrow, own.body, { totp: ada.code() })
    expect(claimsOf(body.access_token)).toMatchObject({ scope: 'read', aud: ISSUER })
    await Promise.all([wide.close(), narrow.close()])
    deployment.register([])
  })

  it('that races a refresh ends the former sign-in with its successor, which has no token of the higher class', async () => {
    const [one, other] = instances
    if (one === undefined || other === undefined) throw new Error('this test needs two instances')
    const ada = await withTotp(one, time, 'race@two.example')
    for (let round = 0; round < 10; round += 1) {
      const before = await signInFully(one, time, ada)
      const [stepped, rotated] = await Promise.all([
        stepUp(one, before, { totp: ada.code() }),
        refreshTokens(other, before),
      ])
      expect(stepped.status).toBe(200)
      expect(await lives(other, stepped.body)).toEqual(ALIVE)
      expect(await lives(other, before)).toEqual(DEAD)
      if (rotated.status === 200) {
        expect(decodeJwt(rotated.body.access_token)['sid']).toBe(decodeJwt(before.access_token)['sid'])
        expect(await lives(one, rotated.body)).toEqual(DEAD)
      }
      time.advance(30)
    }
  })

  it('counts successes alone against the sign-ins of the account, so that a stolen access token locks no owner out', async () => {
    const signet = await start(deployment, time, { RATE_LIMIT_ACCOUNTS: '20/60' })
    const ada = await withTotp(signet, time, 'locked@step.example')
    const from = (turn: number) => ({ 'X-Forwarded-For': `2001:db8:${turn}::1` })
    const { access_token: token } = ada.tokens
    for (let turn = 1; turn <= 21; turn += 1) {
      const asking = { body: { recovery_code: 'wrong' }, token, headers: from(turn) }
      expect(outcomeOf(await signet.ask('/auth/step-up', asking))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    }
    const { body } = await trySignIn(signet, ada.email, {}, from(100))
    expect((await second(signet, body.handle, { totp: ada.code() }, from(100))).status).toBe(200)
    const [recovery_code] = ada.recovery_codes
    const stepped = await signet.ask('/auth/step-up', { body: { recovery_code }, token, headers: from(101) })
    expect(stepped.status).toBe(200)
    expect(await lives(signet, stepped.body)).toEqual(ALIVE)
    await signet.close()
  })
})
