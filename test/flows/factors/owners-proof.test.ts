import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ALIVE, DEAD, lives, outcomeOf, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { createAuthenticator } from '../../support/accounts/authenticator.ts'
import {
  asOwner,
  second,
  signInFully,
  start,
  type WithTotp,
  withTotp,
} from '../../support/accounts/factors.ts'
import { NEW_PASSWORD } from '../../support/accounts/mail.ts'
import { type Body } from '../../support/answer.ts'
import type { Asking } from '../../support/ask.ts'
import { PASSWORD } from '../../support/ask.ts'
import {
  type Deployment,
  deployments,
  type Instance,
  ISSUER,
  openDeployment,
} from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'

/** Every request that changes how an account signs in, with the fields of the change itself. */
const CHANGES: readonly (readonly [string, 'POST' | 'DELETE', object])[] = [
  ['/auth/password', 'POST', { new_password: NEW_PASSWORD }],
  ['/auth/email', 'POST', { new_email: 'elsewhere@proof.example' }],
  ['/auth/me', 'DELETE', {}],
  ['/auth/factors/passkeys', 'POST', {}],
  ['/auth/factors/totp', 'DELETE', {}],
  ['/auth/factors/recovery-codes', 'POST', {}],
]

describe.each(deployments)('a change of how an account signs in ($name)', ({ open }) => {
  const time = createClock()
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  let waited: number[] = []
  beforeAll(async () => {
    deployment = await open([])
    const limits = { RATE_LIMIT_SECOND_FACTOR: 'off', RATE_LIMIT_MAIL: 'off', SMTP_URL: 'smtp://127.0.0.1:1' }
    const environment = { ...limits, MAIL_FROM: 'signet@proof.example' }
    const wait = async (milliseconds: number) => void waited.push(milliseconds)
    signet = await deployment.start({ environment, clock: time.clock, wait })
    other =
      deployment.environment['DATABASE_URL'] === undefined
        ? signet
        : await start(deployment, time, environment)
  })
  afterAll(async () => {
    await signet.close()
    if (other !== signet) await other.close()
    await deployment.close()
  })
  beforeEach(() => {
    time.reset()
    waited = []
  })

  const change = (
    [path, method, fields]: (typeof CHANGES)[number],
    { access_token }: Pick<Body, 'access_token'>,
    shown: object = {},
    headers: Asking['headers'] = {},
  ) => signet.ask(path, { method, body: { ...fields, ...shown }, token: access_token, headers })
  const [PASSWORD_CHANGE] = CHANGES as [(typeof CHANGES)[number]]
  const withFactor = (name: string) => withTotp(signet, time, `${name}@proof.example`)
  /** Signs in and returns the device token. Moves the clock to the next time step. */
  const knownTo = async ({ email, code }: WithTotp) => {
    const { body } = await trySignIn(signet, email)
    const answer = await second(signet, body.handle, { totp: code() })
    time.advance(30)
    return answer.headers.get('signet-device')
  }
  const factorsOf = async ({ access_token: token }: Pick<Body, 'access_token'>) =>
    (await signet.ask('/auth/factors', { token })).body
  const nameOf = ([path, method]: (typeof CHANGES)[number]) =>
    `${method}${path.replaceAll('/', '-')}`.toLowerCase()

  describe.each(CHANGES)('%s %s', (...row) => {
    const attempt = (tokens: Pick<Body, 'access_token'>, shown: object = {}) => change(row, tokens, shown)
    let ada: WithTotp
    let strong: Body
    let bystander: Body
    beforeEach(async () => {
      const unique = `${nameOf(row)}-${Math.random().toString(36).slice(2)}`
      ada = await withFactor(unique)
      strong = await signInFully(signet, time, ada)
      bystander = await signUp(signet, `other-${unique}@proof.example`)
    })

    it('refuses the access token of a fresh sign-in alone, and names the proofs that it takes', async () => {
      const refusal = await attempt(strong)
      expect(outcomeOf(refusal)).toBe('401 AUTH_STEP_UP_REQUIRED')
      expect(refusal.body).toMatchObject({
        needed: ['current_password', 'factor'],
        factors: ['totp', 'recovery_code'],
      })
      expect(refusal.headers.get('www-authenticate')).toMatch(/max_age="300"$/)
      expect(await factorsOf(strong)).toMatchObject({ passkeys: [], recovery_codes: 10 })
      expect(await lives(signet, strong)).toEqual(ALIVE)
      expect((await trySignIn(signet, ada.email)).body.code).toBe('AUTH_SECOND_FACTOR_REQUIRED')
    })

    it('takes the password with a code, or the refresh token of the same sign-in', async () => {
      const { totp: _, ...wrong } = { totp: ada.code(), current_password: 'not the lantern' }
      expect(outcomeOf(await attempt(strong, { ...wrong, totp: ada.code() }))).toBe(
        '401 AUTH_CREDENTIALS_INVALID',
      )
      // The wrong password did not spend the code.
      const { status } = await attempt(strong, { current_password: PASSWORD, totp: ada.code() })
      expect([200, 201, 202, 204]).toContain(status)
      const eve = await withFactor(`eve-${Math.random().toString(36).slice(2)}`)
      const hers = await signInFully(signet, time, eve)
      const answer = await attempt(hers, { refresh_token: hers.refresh_token })
      expect([200, 201, 202, 204]).toContain(answer.status)
      expect(await lives(signet, bystander)).toEqual(ALIVE)
    })

    it('ends the sign-in whose spent refresh token is presented, and no other', async () => {
      const elsewhere = await signInFully(signet, time, ada)
      const next = await signet.ask('/auth/refresh', { body: { refresh_token: strong.refresh_token } })
      const answer = await attempt(next.body, { refresh_token: strong.refresh_token })
      expect(outcomeOf(answer)).toBe('401 AUTH_TOKEN_INVALID')
      expect(await lives(other, next.body)).toEqual(DEAD)
      expect(await lives(other, elsewhere)).toEqual(ALIVE)
      expect(await lives(other, bystander)).toEqual(ALIVE)
    })
  })

  it('does not spend the presented refresh token, however often it comes', async () => {
    const tokens = await signUp(signet, 'current@proof.example')
    for (let times = 0; times < 3; times += 1)
      expect((await signet.ask('/auth/factors/totp', asOwner(tokens))).status).toBe(200)
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('refuses the refresh token of another sign-in, and ends no sign-in', async () => {
    const mine = await signUp(signet, 'mine@proof.example')
    const second = (await trySignIn(signet, 'mine@proof.example')).body
    const eve = await signUp(signet, 'eve@proof.example')
    const spent = eve.refresh_token
    const hers = (await signet.ask('/auth/refresh', { body: { refresh_token: spent } })).body
    for (const refresh_token of [second.refresh_token, hers.refresh_token, spent, 'signet_rt_x', 'x'])
      expect(outcomeOf(await change(PASSWORD_CHANGE, mine, { refresh_token }))).toBe(
        '401 AUTH_STEP_UP_REQUIRED',
      )
    for (const tokens of [mine, second, hers]) expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('needs a sign-in younger than five minutes, which a refresh does not renew', async () => {
    const tokens = await signUp(signet, 'minutes@proof.example')
    time.advance(298)
    const next = await signet.ask('/auth/refresh', { body: { refresh_token: tokens.refresh_token } })
    expect((await signet.ask('/auth/factors/totp', asOwner(next.body))).status).toBe(200)
    time.advance(3)
    expect(outcomeOf(await signet.ask('/auth/factors/totp', asOwner(next.body)))).toBe(
      '401 AUTH_STEP_UP_REQUIRED',
    )
    const byPassword = { body: { current_password: PASSWORD }, token: next.body.access_token }
    expect((await signet.ask('/auth/factors/totp', byPassword)).status).toBe(200)
  })

  it('needs a sign-in of the highest class that the account can reach', async () => {
    const ada = await withFactor('class')
    expect(outcomeOf(await signet.ask('/auth/factors/totp', asOwner(ada.tokens, 'DELETE')))).toBe(
      '401 AUTH_STEP_UP_REQUIRED',
    )
    expect(await lives(signet, ada.tokens)).toEqual(ALIVE)
  })

  it('does not tell whether the password is right when the account has a factor and no code came', async () => {
    const ada = await withFactor('oracle')
    const answers = await Promise.all(
      [PASSWORD, 'not the lantern', ''].map(current_password =>
        change(PASSWORD_CHANGE, ada.tokens, { current_password }),
      ),
    )
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(answers.map(outcomeOf)).toEqual(Array(3).fill('401 AUTH_STEP_UP_REQUIRED'))
  })

  it('judges a proof that it would not have needed', async () => {
    const tokens = await signUp(signet, 'given@proof.example')
    const shown = { refresh_token: tokens.refresh_token, current_password: 'not the lantern' }
    expect(outcomeOf(await change(PASSWORD_CHANGE, tokens, shown))).toBe('401 AUTH_CREDENTIALS_INVALID')
    expect(await lives(signet, tokens)).toEqual(ALIVE)
  })

  it('counts wrong passwords together with those at the sign-in', async () => {
    const tokens = await signUp(signet, 'guesses@proof.example')
    for (let times = 0; times < 3; times += 1)
      expect((await change(PASSWORD_CHANGE, tokens, { current_password: 'wrong' })).status).toBe(401)
    for (let times = 0; times < 2; times += 1)
      expect((await trySignIn(signet, 'guesses@proof.example', { password: 'wrong' })).status).toBe(401)
    expect(waited).toEqual([])
    await change(PASSWORD_CHANGE, tokens, { current_password: 'wrong' })
    await trySignIn(signet, 'guesses@proof.example', { password: 'wrong' })
    expect(waited).toEqual([1000, 2000])
    expect((await change(PASSWORD_CHANGE, tokens, { current_password: PASSWORD })).status).toBe(204)
  })

  it('does not delay a known device for wrong passwords from elsewhere', async () => {
    const email = 'held@proof.example'
    const tokens = await signUp(signet, email)
    const device = { 'Signet-Device': (await trySignIn(signet, email)).headers.get('signet-device') ?? '' }
    for (let times = 0; times < 6; times += 1)
      expect((await trySignIn(signet, email, { password: 'wrong' })).status).toBe(401)
    waited = []
    const shown = { current_password: PASSWORD }
    const begin = (headers: NonNullable<Asking['headers']>) =>
      signet.ask('/auth/factors/totp', { body: shown, token: tokens.access_token, headers })
    expect((await begin(device)).status).toBe(200)
    expect(waited).toEqual([])
    for (let times = 0; times < 6; times += 1)
      expect((await trySignIn(signet, email, { password: 'wrong' })).status).toBe(401)
    waited = []
    expect((await begin({})).status).toBe(200)
    expect(waited).toHaveLength(1)
  })

  it('does not offer a closed TOTP, and says that it is closed', async () => {
    const ada = await withFactor('closed')
    const device = { 'Signet-Device': (await knownTo(ada)) ?? '' }
    for (let times = 0; times < 20; times += 1)
      expect(
        outcomeOf(
          await signet.ask('/auth/step-up', { body: { totp: '000000' }, token: ada.tokens.access_token }),
        ),
      ).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    const refusal = await change(PASSWORD_CHANGE, ada.tokens)
    expect(refusal.body).toMatchObject({ factors: ['recovery_code'], totp_closed: true })
    const known = await change(PASSWORD_CHANGE, ada.tokens, {}, device)
    expect(known.body).toMatchObject({ factors: ['totp', 'recovery_code'] })
    expect(known.body).not.toHaveProperty('totp_closed')
    const shown = { current_password: PASSWORD, totp: ada.code() }
    expect(outcomeOf(await change(PASSWORD_CHANGE, ada.tokens, shown))).toBe('403 AUTH_TOTP_CLOSED')
    expect((await change(PASSWORD_CHANGE, ada.tokens, shown, device)).status).toBe(204)
  })

  it('takes a recovery code once when many requests bring it at once', async () => {
    const ada = await withFactor('race')
    const [recovery_code] = ada.recovery_codes
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        (index % 2 === 0 ? signet : other).ask('/auth/factors/passkeys', {
          body: { current_password: PASSWORD, recovery_code },
          token: ada.tokens.access_token,
        }),
      ),
    )
    expect(answers.map(outcomeOf).toSorted()).toEqual([
      '200',
      ...Array(5).fill('401 AUTH_SECOND_FACTOR_INVALID'),
    ])
    expect((await factorsOf(ada.tokens)).recovery_codes).toBe(9)
  })

  it('takes a passkey in place of password and code, once, with a challenge of the same sign-in', async () => {
    const tokens = await signUp(signet, 'passkey@proof.example')
    const authenticator = createAuthenticator()
    const begun = (await signet.ask('/auth/factors/passkeys', asOwner(tokens))).body
    const body = { handle: begun.handle, passkey: authenticator.create(begun.passkey) }
    const token = tokens.access_token
    expect((await signet.ask('/auth/factors/passkeys/confirm', { body, token })).status).toBe(201)
    const options = async () => (await signet.ask('/auth/step-up/options', { method: 'POST', token })).body
    const { handle, passkey } = await options()
    const shown = { handle, passkey: authenticator.get(passkey) }
    const without = await change(PASSWORD_CHANGE, tokens, { passkey: shown.passkey })
    expect(without.body.errors).toEqual([{ pointer: '#/handle', detail: expect.any(String) }])
    const another = await options()
    const wrong = { handle: another.handle, passkey: shown.passkey }
    expect(outcomeOf(await change(PASSWORD_CHANGE, tokens, wrong))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    expect((await change(PASSWORD_CHANGE, tokens, shown)).status).toBe(204)
    expect(outcomeOf(await change(PASSWORD_CHANGE, tokens, shown))).toBe('401 AUTH_CEREMONY_OVER')
  })

  it('refuses two factors in one request', async () => {
    const ada = await withFactor('two')
    const [recovery_code] = ada.recovery_codes
    const shown = { current_password: PASSWORD, totp: ada.code(), recovery_code }
    expect((await change(PASSWORD_CHANGE, ada.tokens, shown)).status).toBe(422)
    expect((await factorsOf(ada.tokens)).recovery_codes).toBe(10)
  })

  it('takes the refresh cookie of the same sign-in from an allowed page only', async () => {
    const headers = { origin: ISSUER }
    const opened = await signet.ask('/auth/register', {
      body: { email: 'cookie@proof.example', password: PASSWORD, refresh_transport: 'cookie' },
      headers,
    })
    const cookie = /signet-refresh=[^;]+/.exec(opened.headers.get('set-cookie') ?? '')?.[0] ?? ''
    const attempt = (from: Asking['headers']) => change(PASSWORD_CHANGE, opened.body, {}, { ...from, cookie })
    expect(outcomeOf(await attempt({}))).toBe('401 AUTH_STEP_UP_REQUIRED')
    expect(outcomeOf(await attempt({ origin: 'https://evil.example' }))).toBe('403 ORIGIN_NOT_ALLOWED')
    const inBody = { refresh_token: cookie.slice('signet-refresh='.length) }
    expect(outcomeOf(await change(PASSWORD_CHANGE, opened.body, inBody))).toBe('401 AUTH_STEP_UP_REQUIRED')
    expect((await attempt(headers)).status).toBe(204)
    const refreshed = await signet.ask('/auth/refresh', { method: 'POST', headers: { ...headers, cookie } })
    expect(refreshed.status).toBe(200)
  })
})

describe('a change of how an account signs in, over limits', () => {
  it('limits the attempts of one sign-in, and its endings of other sign-ins', async () => {
    const deployment = await openDeployment([])
    const limited = await deployment.start({ environment: { RATE_LIMIT_PASSWORD: '2/60' } })
    const tokens = await signUp(limited, 'limited@proof.example')
    const token = tokens.access_token
    const nothing = { method: 'DELETE', token } as const
    const paths = ['/auth/sessions/00000000-0000-7000-8000-000000000000', '/auth/sessions']
    for (let turn = 0; turn < 6; turn += 1)
      for (const path of paths) expect([204, 404]).toContain((await limited.ask(path, nothing)).status)
    for (const path of paths) expect(outcomeOf(await limited.ask(path, nothing))).toBe('429 RATE_LIMITED')
    for (const status of [200, 200, 429])
      expect((await limited.ask('/auth/factors/totp', asOwner(tokens))).status).toBe(status)
    const others = (await trySignIn(limited, 'limited@proof.example')).body
    expect((await limited.ask('/auth/factors/totp', asOwner(others))).status).toBe(200)
    const bystander = await signUp(limited, 'beside-limited@proof.example')
    // A sign-out everywhere also ends the sign-in that asks, and has no limit.
    expect((await limited.ask('/auth/logout', { body: { everywhere: true }, token })).status).toBe(204)
    for (const each of [tokens, others]) expect(await lives(limited, each)).toEqual(DEAD)
    expect(await lives(limited, bystander)).toEqual(ALIVE)
    await limited.close()
    await deployment.close()
  })
})
