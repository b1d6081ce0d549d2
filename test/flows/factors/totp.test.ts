import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  outcomeOf,
  signUp,
  trySignIn,
} from '../../support/accounts/account-api.ts'
import {
  asOwner,
  codesOf,
  MFA,
  PWD,
  second,
  signInFully,
  start,
  stepUp,
  withTotp,
} from '../../support/accounts/factors.ts'
import { type Body } from '../../support/answer.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { createOtherPepperText } from '../../support/clients.ts'
import {
  type Deployment,
  deployments,
  type Instance,
  openDeployment,
  openEmbeddedDeployment,
} from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'

describe.each(deployments)('RFC 6238 – a TOTP ($name)', ({ open }) => {
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

  it('is asked for after the right password, and opens a sign-in of the class mfa', async () => {
    const ada = await withTotp(signet, time, 'ada@totp.example')
    const first = await trySignIn(signet, ada.email)
    expect(outcomeOf(first)).toBe('401 AUTH_SECOND_FACTOR_REQUIRED')
    expect(first.body).toMatchObject({ expires_in: 300, factors: ['totp', 'recovery_code'] })
    expect(first.body).not.toHaveProperty('access_token')
    const answer = await second(signet, first.body.handle, { totp: ada.code() })
    expect(answer.status).toBe(200)
    const claims = claimsOf(answer.body.access_token)
    expect(claims).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], acr: MFA, sub: ada.tokens.user.id })
    const refreshed = await signet.ask('/auth/refresh', {
      body: { refresh_token: answer.body.refresh_token },
    })
    expect(claimsOf(refreshed.body.access_token)).toMatchObject({
      amr: claims['amr'],
      acr: MFA,
      auth_time: claims['auth_time'],
    })
  })

  it('is not revealed by a sign-in without the right password', async () => {
    const ada = await withTotp(signet, time, 'hidden@totp.example')
    const wrong = await trySignIn(signet, ada.email, { password: 'not the password' })
    const unknown = await trySignIn(signet, 'nobody@totp.example')
    expect(outcomeOf(wrong)).toBe('401 AUTH_CREDENTIALS_INVALID')
    expect(wrong.text).toBe(unknown.text)
  })

  it('is not asked of an account without one, whose sign-in has the class pwd', async () => {
    await signUp(signet, 'plain@totp.example')
    const { status, body } = await trySignIn(signet, 'plain@totp.example')
    expect(status).toBe(200)
    expect(claimsOf(body.access_token)).toMatchObject({ amr: ['pwd'], acr: PWD })
  })

  it('RFC 6238 §5.2 – takes each code once, at sign-in and step-up together, and no earlier code afterwards', async () => {
    const ada = await withTotp(signet, time, 'once@totp.example')
    const code = ada.code()
    const before = ada.code(-1)
    const [one, two] = [await trySignIn(signet, ada.email), await trySignIn(signet, ada.email)]
    const signedIn = await second(signet, one.body.handle, { totp: code })
    expect(signedIn.status).toBe(200)
    expect(outcomeOf(await second(signet, two.body.handle, { totp: code }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
    expect(outcomeOf(await stepUp(signet, signedIn.body, { totp: code }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
    expect(outcomeOf(await second(signet, two.body.handle, { totp: before }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
    expect((await second(signet, two.body.handle, { totp: ada.code(1) })).status).toBe(200)
  })

  it('does not take the code that confirmed its enrolment', async () => {
    const tokens = await signUp(signet, 'enrol@totp.example')
    const { access_token } = tokens
    const { body } = await signet.ask('/auth/factors/totp', asOwner(tokens))
    const code = codesOf(body.secret, time)()
    await signet.ask('/auth/factors/totp/confirm', {
      body: { handle: body.handle, totp: code },
      token: access_token,
    })
    const { body: first } = await trySignIn(signet, 'enrol@totp.example')
    expect(outcomeOf(await second(signet, first.handle, { totp: code }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
  })

  it.each([
    [-2, 401],
    [-1, 200],
    [0, 200],
    [1, 200],
    [2, 401],
  ])('RFC 6238 §5.2 – takes a code that is %i steps off: %i', async (steps, status) => {
    const ada = await withTotp(signet, time, `off${steps}@totp.example`)
    time.advance(60)
    const { body } = await trySignIn(signet, ada.email)
    expect((await second(signet, body.handle, { totp: ada.code(steps) })).status).toBe(status)
  })

  it('takes six digits, in one group or in two, and nothing else', async () => {
    const ada = await withTotp(signet, time, 'odd@totp.example')
    for (const totp of ['12345', '1234567', '12345a', '１２３４５６', '-12345', '1e5000', `${ada.code()}0`]) {
      const { body } = await trySignIn(signet, ada.email)
      expect((await second(signet, body.handle, { totp })).status).toBe(401)
    }
    const { body } = await trySignIn(signet, ada.email)
    expect((await second(signet, body.handle, { totp: '' })).status).toBe(422)
    const [first, last] = [ada.code().slice(0, 3), ada.code().slice(3)]
    expect((await second(signet, body.handle, { totp: `${first} ${last}` })).status).toBe(200)
  })

  it('takes one code once when many requests bring it at once', async () => {
    const ada = await withTotp(signet, time, 'race@totp.example')
    const handles = await Promise.all(Array.from({ length: 8 }, () => trySignIn(signet, ada.email)))
    const code = ada.code()
    const answers = await Promise.all(handles.map(({ body }) => second(signet, body.handle, { totp: code })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('opens one sign-in for one handle when many requests bring it at once', async () => {
    const ada = await withTotp(signet, time, 'handle@totp.example')
    const { body } = await trySignIn(signet, ada.email)
    const proofs = [
      { totp: ada.code() },
      ...ada.recovery_codes.slice(0, 3).map(recovery_code => ({ recovery_code })),
    ]
    const answers = await Promise.all(proofs.map(proof => second(signet, body.handle, proof)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(outcomeOf(await second(signet, body.handle, { totp: ada.code(1) }))).toBe('401 AUTH_CEREMONY_OVER')
  })

  it('judges five codes for one handle', async () => {
    const ada = await withTotp(signet, time, 'five@totp.example')
    const wrong = { recovery_code: 'aaaaa-aaaaa-aaaaa-aaaaa-aaaaa' }
    const spoilt = await trySignIn(signet, ada.email)
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect(outcomeOf(await second(signet, spoilt.body.handle, wrong))).toBe(
        '401 AUTH_SECOND_FACTOR_INVALID',
      )
    expect(outcomeOf(await second(signet, spoilt.body.handle, { totp: ada.code() }))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    const last = await trySignIn(signet, ada.email)
    for (let attempt = 0; attempt < 4; attempt += 1) await second(signet, last.body.handle, wrong)
    expect((await second(signet, last.body.handle, { totp: ada.code() })).status).toBe(200)
  })

  it('refuses the right code with a handle of another account, a made-up handle or a handle of another ceremony', async () => {
    const ada = await withTotp(signet, time, 'mine@totp.example')
    const eve = await withTotp(signet, time, 'eve@totp.example')
    const { body } = await trySignIn(signet, ada.email)
    expect(outcomeOf(await second(signet, body.handle, { totp: eve.code() }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
    expect(outcomeOf(await second(signet, body.handle, { recovery_code: eve.recovery_codes[0] }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
    expect(outcomeOf(await second(signet, 'signet_cy_guess', { totp: ada.code() }))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    const options = await signet.ask('/auth/step-up/options', {
      method: 'POST',
      token: ada.tokens.access_token,
    })
    expect(outcomeOf(await second(signet, options.body.handle, { totp: ada.code() }))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    expect((await second(signet, body.handle, { totp: ada.code() })).status).toBe(200)
  })

  it('finishes no sign-in after a password change or a sign-out everywhere', async () => {
    const ada = await withTotp(signet, time, 'changed@totp.example')
    const [one, two] = [await trySignIn(signet, ada.email), await trySignIn(signet, ada.email)]
    const [recovery_code] = ada.recovery_codes
    const change = { current_password: PASSWORD, recovery_code, new_password: 'a lighthouse on the cliff' }
    const { access_token } = ada.tokens
    expect((await signet.ask('/auth/password', { body: change, token: access_token })).status).toBe(204)
    expect(outcomeOf(await second(signet, one.body.handle, { totp: ada.code() }))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    const fresh = await trySignIn(signet, ada.email, { password: change.new_password })
    await signet.ask('/auth/logout', { body: { everywhere: true }, token: access_token })
    for (const { body } of [two, fresh])
      expect(outcomeOf(await second(signet, body.handle, { totp: ada.code() }))).toBe(
        '401 AUTH_CEREMONY_OVER',
      )
  })

  it('refuses two proofs in one request, and none', async () => {
    const ada = await withTotp(signet, time, 'proofs@totp.example')
    const { body } = await trySignIn(signet, ada.email)
    const both = { totp: ada.code(), recovery_code: ada.recovery_codes[0] }
    expect((await second(signet, body.handle, both)).status).toBe(422)
    expect((await second(signet, body.handle, {})).status).toBe(422)
    expect((await second(signet, body.handle, { totp: 123_456 })).body.errors).toEqual([
      { pointer: '#/totp', detail: 'must be a string' },
    ])
    expect((await second(signet, body.handle, { totp: ada.code() })).status).toBe(200)
  })

  it('is enrolled by a code of the new secret, in few attempts, only by the sign-in that began', async () => {
    const tokens = await signUp(signet, 'confirm@totp.example')
    const { access_token } = tokens
    const other = await trySignIn(signet, 'confirm@totp.example')
    const begin = async () => (await signet.ask('/auth/factors/totp', asOwner(tokens))).body
    const confirm = (handle: string, totp: string, token = access_token) =>
      signet.ask('/auth/factors/totp/confirm', { body: { handle, totp }, token })
    const spoilt = await begin()
    for (let attempt = 0; attempt < 5; attempt += 1) {
      const { status, body } = await confirm(spoilt.handle, '000000')
      expect([status, body.errors?.[0]?.pointer]).toEqual([422, '#/totp'])
    }
    expect(outcomeOf(await confirm(spoilt.handle, codesOf(spoilt.secret, time)()))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    const begun = await begin()
    expect(begun.uri).toBe(
      `otpauth://totp/localhost%3A8080:confirm%40totp.example?secret=${begun.secret}&issuer=localhost%3A8080&algorithm=SHA1&digits=6&period=30`,
    )
    const code = codesOf(begun.secret, time)()
    expect(outcomeOf(await confirm(begun.handle, code, other.body.access_token))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    const confirmed = await confirm(begun.handle, code)
    expect(confirmed.status).toBe(201)
    expect(confirmed.body.recovery_codes).toHaveLength(10)
    expect(outcomeOf(await confirm(begun.handle, code))).toBe('401 AUTH_CEREMONY_OVER')
  })

  it('ends every other sign-in when it is enrolled and when it is removed, and keeps the one that asks', async () => {
    const own = await signUp(signet, 'others@totp.example')
    const { access_token } = own
    const other = await trySignIn(signet, 'others@totp.example')
    const begun = await signet.ask('/auth/factors/totp', asOwner(own))
    const code = codesOf(begun.body.secret, time)
    await signet.ask('/auth/factors/totp/confirm', {
      body: { handle: begun.body.handle, totp: code() },
      token: access_token,
    })
    expect(await lives(signet, other.body)).toEqual(DEAD)
    expect(await lives(signet, own)).toEqual(ALIVE)
    time.advance(30)
    const strong = (await stepUp(signet, own, { totp: code() })).body
    time.advance(30)
    const { body } = await trySignIn(signet, 'others@totp.example')
    const elsewhere = (await second(signet, body.handle, { totp: code() })).body
    const removed = await signet.ask('/auth/factors/totp', asOwner(strong, 'DELETE'))
    expect(removed.status).toBe(204)
    expect(await lives(signet, elsewhere)).toEqual(DEAD)
    expect(await lives(signet, strong)).toEqual(ALIVE)
    expect((await trySignIn(signet, 'others@totp.example')).status).toBe(200)
  })

  it('refuses a sign-in whose password was checked before the enrolment', async () => {
    const tokens = await signUp(signet, 'beside@totp.example')
    const { access_token } = tokens
    const begun = await signet.ask('/auth/factors/totp', asOwner(tokens))
    const body = { handle: begun.body.handle, totp: codesOf(begun.body.secret, time)() }
    const signIns = Array.from({ length: 6 }, () => trySignIn(signet, 'beside@totp.example'))
    const [confirmed, ...answers] = await Promise.all([
      signet.ask('/auth/factors/totp/confirm', { body, token: access_token }),
      ...signIns,
    ])
    expect(confirmed.status).toBe(201)
    for (const answer of answers)
      if (answer.status === 200) expect(await lives(signet, answer.body)).toEqual(DEAD)
  })

  it('is one for each account, and its removal is 404 when there is none', async () => {
    const ada = await withTotp(signet, time, 'single@totp.example')
    const strong = (await stepUp(signet, ada.tokens, { totp: ada.code() })).body
    const again = await signet.ask('/auth/factors/totp', { method: 'POST', token: strong.access_token })
    expect(outcomeOf(again)).toBe('409 FACTOR_EXISTS')
    const { access_token } = await signUp(signet, 'without@totp.example')
    const absent = await signet.ask('/auth/factors/totp', { method: 'DELETE', token: access_token })
    expect(outcomeOf(absent)).toBe('404 NOT_FOUND')
  })

  it('is listed without its secret', async () => {
    const ada = await withTotp(signet, time, 'list@totp.example')
    const { status, body } = await signet.ask('/auth/factors', { token: ada.tokens.access_token })
    expect(status).toBe(200)
    expect(body).toEqual({ totp: { created_at: expect.any(String) }, passkeys: [], recovery_codes: 10 })
  })

  describe('recovery codes', () => {
    it('open one sign-in each, in upper or lower case, with or without separators', async () => {
      const ada = await withTotp(signet, time, 'typed@recovery.example')
      const [one = '', two = '', three = ''] = ada.recovery_codes
      expect(new Set(ada.recovery_codes).size).toBe(10)
      expect(one).toMatch(/^(?:[a-z2-7]{5}-){4}[a-z2-7]{5}$/)
      const enter = async (recovery_code: string) =>
        second(signet, (await trySignIn(signet, ada.email)).body.handle, { recovery_code })
      const first = await enter(one)
      expect(claimsOf(first.body.access_token)).toMatchObject({ amr: ['pwd', 'otp', 'mfa'], acr: MFA })
      expect(outcomeOf(await enter(one))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
      expect((await enter(two.toUpperCase().replaceAll('-', ' '))).status).toBe(200)
      expect((await enter(three.replaceAll('-', ''))).status).toBe(200)
      const left = await signet.ask('/auth/factors', { token: first.body.access_token })
      expect(left.body.recovery_codes).toBe(7)
    })

    it('are spent by one of many requests', async () => {
      const ada = await withTotp(signet, time, 'race@recovery.example')
      const handles = await Promise.all(Array.from({ length: 8 }, () => trySignIn(signet, ada.email)))
      const proof = { recovery_code: ada.recovery_codes[0] }
      const answers = await Promise.all(handles.map(({ body }) => second(signet, body.handle, proof)))
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    })

    it('are renewed by a fresh sign-in, which voids the former ones', async () => {
      const ada = await withTotp(signet, time, 'anew@recovery.example')
      const renew = (tokens: Body) => signet.ask('/auth/factors/recovery-codes', asOwner(tokens))
      expect(outcomeOf(await renew(ada.tokens))).toBe('401 AUTH_STEP_UP_REQUIRED')
      const strong = await signInFully(signet, time, ada)
      const renewed = await renew(strong)
      expect(renewed.status).toBe(201)
      const enter = async (recovery_code = '') =>
        (await second(signet, (await trySignIn(signet, ada.email)).body.handle, { recovery_code })).status
      expect(await enter(ada.recovery_codes[0])).toBe(401)
      expect(await enter(renewed.body.recovery_codes[9])).toBe(200)
      expect(await lives(signet, strong)).toEqual(ALIVE)
      const none = await signUp(signet, 'none@recovery.example')
      expect(outcomeOf(await renew(none))).toBe('404 NOT_FOUND')
    })

    it('are removed with the last factor', async () => {
      const ada = await withTotp(signet, time, 'last@recovery.example')
      const strong = await signInFully(signet, time, ada)
      await signet.ask('/auth/factors/totp', asOwner(strong, 'DELETE'))
      const { body } = await signet.ask('/auth/factors', { token: strong.access_token })
      expect(body).toEqual({ totp: null, passkeys: [], recovery_codes: 0 })
    })
  })
})

describe('the attempts of second factors', () => {
  const time = createClock()
  let deployment: Deployment
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([])
  })
  afterAll(() => deployment.close())

  it('are delayed beyond the limit of the account, and the right code is still taken', async () => {
    const waits: number[] = []
    const signet = await deployment.start({
      environment: { RATE_LIMIT_SECOND_FACTOR: '3/900' },
      clock: time.clock,
      wait: async milliseconds => void waits.push(milliseconds),
    })
    try {
      const ada = await withTotp(signet, time, 'limit@tries.example')
      const attempt = async (proof: object) =>
        second(signet, (await trySignIn(signet, ada.email)).body.handle, proof)
      for (let tries = 0; tries < 3; tries += 1) expect((await attempt({ totp: '000000' })).status).toBe(401)
      expect(waits).toEqual([])
      expect((await attempt({ totp: ada.code() })).status).toBe(200)
      expect(waits).toEqual([10_000])
      const bob = await withTotp(signet, time, 'bystander@tries.example')
      expect(
        (await second(signet, (await trySignIn(signet, bob.email)).body.handle, { totp: bob.code() })).status,
      ).toBe(200)
      expect((await attempt({ recovery_code: ada.recovery_codes[0] })).status).toBe(200)
      expect(waits).toEqual([10_000])
    } finally {
      await signet.close()
    }
  })
})

describe.skipIf(!hasPostgres)('a TOTP over two instances', () => {
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

  it('takes a code once over both instances, in ten rounds', async () => {
    const [one, other] = instances
    if (one === undefined || other === undefined) throw new Error('this test needs two instances')
    const ada = await withTotp(one, time, 'two@totp.example')
    for (let round = 0; round < 10; round += 1) {
      const handles = [await trySignIn(one, ada.email), await trySignIn(other, ada.email)]
      const totp = ada.code()
      const answers = await Promise.all(
        handles.map(({ body }, index) => second(index === 0 ? one : other, body.handle, { totp })),
      )
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]))
      time.advance(30)
    }
  })

  it('is encrypted in the database, and encrypted again under a newer pepper at its next use', async () => {
    const [one] = instances
    if (one === undefined) throw new Error('this test needs an instance')
    const former = deployment.environment['REFRESH_TOKEN_PEPPER'] ?? ''
    const newer = createOtherPepperText(former)
    const ada = await withTotp(one, time, 'sealed@totp.example')
    const { database } = deployment
    const enter = async (peppers: string) => {
      const signet = await start(deployment, time, { REFRESH_TOKEN_PEPPER: peppers })
      const { body } = await trySignIn(signet, ada.email)
      const answer = await second(signet, body.handle, { totp: ada.code() })
      time.advance(30)
      await signet.close()
      return outcomeOf(answer)
    }
    expect(await enter(newer)).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    expect(await enter(`${newer},${former}`)).toBe('200')
    expect(await enter(newer)).toBe('200')
    const rows = await database.sql<{ secret: Uint8Array }[]>`select secret from totp_factors`
    expect(new Set(rows.map(({ secret }) => secret.length))).toEqual(new Set([2 + 12 + 20 + 16]))
  })
})
