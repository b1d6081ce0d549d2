import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { outcomeOf, trySignIn } from '../../support/accounts/account-api.ts'
import { asOwner, second, start, stepUp, type WithTotp, withTotp } from '../../support/accounts/factors.ts'
import { FROM, SUBJECTS } from '../../support/accounts/mail.ts'
import { PASSWORD, times } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { linkIn, type Mailbox, openMailbox } from '../../support/services/mailbox.ts'

const AT_MOST = 20
const WRONG = '401 AUTH_SECOND_FACTOR_INVALID'
const CLOSED = '403 AUTH_TOTP_CLOSED'
const TOLD = { failed: /Wrong codes were tried/, closed: /Codes are closed/ }

describe.skipIf(!hasPostgres)('wrong TOTP codes in a row', { timeout: 60_000 }, () => {
  const time = createClock()
  let deployment: Deployment
  let mailbox: Mailbox
  let instances: readonly [Instance, Instance]
  beforeAll(async () => {
    deployment = await openDeployment([])
    mailbox = await openMailbox()
    const mail = { SMTP_URL: mailbox.url, MAIL_FROM: FROM, RATE_LIMIT_SECOND_FACTOR: '' }
    instances = [await start(deployment, time, mail), await start(deployment, time, mail)]
  })
  afterAll(async () => {
    await Promise.all(instances.map(signet => signet.close()))
    await mailbox.close()
    await deployment.close()
  })
  beforeEach(time.reset)

  type From = Readonly<{ device?: string | undefined; instance?: 0 | 1 }>
  const attempt = async ({ email }: WithTotp, proof: object, { device, instance = 0 }: From = {}) => {
    const headers = device === undefined ? {} : { 'Signet-Device': device }
    const { body } = await trySignIn(instances[instance], email, {}, headers)
    return second(instances[instance], body.handle, proof, headers)
  }
  /** Each handle takes five attempts. */
  const guess = async ({ email }: WithTotp, count: number, { device, instance }: From = {}) => {
    const headers = device === undefined ? {} : { 'Signet-Device': device }
    let handle = ''
    for (const turn of times(count)) {
      if (turn % 5 === 0) handle = (await trySignIn(instances[0], email)).body.handle
      const signet = instances[instance ?? (turn % 2 ? 1 : 0)]
      expect(outcomeOf(await second(signet, handle, { totp: '000000' }, headers))).toBe(WRONG)
    }
  }
  const signInWith = async (ada: WithTotp, from: From = {}) => {
    const answer = await attempt(ada, { totp: ada.code() }, from)
    time.advance(30)
    return answer
  }
  /** Signs in and returns the device token. */
  const knownDevice = async (ada: WithTotp) => {
    const answer = await signInWith(ada)
    expect(answer.status).toBe(200)
    return answer.headers.get('signet-device') ?? ''
  }

  it('let the right code in until the last attempt, and are counted anew after it', async () => {
    const ada = await withTotp(instances[0], time, 'below@closing.example')
    for (const _ of times(2)) {
      await guess(ada, AT_MOST - 1)
      expect((await signInWith(ada)).status).toBe(200)
    }
  })

  it('close the TOTP at both instances until a recovery code is used, and the owner is notified', async () => {
    const ada = await withTotp(instances[0], time, 'closing@closing.example')
    const bob = await withTotp(instances[0], time, 'bystander@closing.example')
    await guess(ada, 3)
    await mailbox.mailTo(ada.email, TOLD.failed)
    await guess(ada, AT_MOST - 3)
    await mailbox.mailTo(ada.email, TOLD.closed)
    for (const instance of [0, 1] as const) {
      expect(outcomeOf(await attempt(ada, { totp: ada.code() }, { instance }))).toBe(CLOSED)
      expect(outcomeOf(await attempt(ada, { totp: '000000' }, { instance }))).toBe(CLOSED)
    }
    const { body } = await trySignIn(instances[0], ada.email)
    expect(body).toMatchObject({ factors: ['recovery_code'], totp_closed: true })
    expect((await signInWith(bob)).status).toBe(200)
    expect((await attempt(ada, { recovery_code: ada.recovery_codes[0] })).status).toBe(200)
    expect((await signInWith(ada)).status).toBe(200)
  })

  it('are judged no more often than allowed when they come at once', async () => {
    const ada = await withTotp(instances[0], time, 'race@closing.example')
    const handles = await Promise.all(
      times(10).map(async turn => (await trySignIn(instances[turn % 2 ? 1 : 0], ada.email)).body.handle),
    )
    const tries = handles.flatMap(handle => times(4).map(turn => ({ handle, turn })))
    const answers = await Promise.all(
      tries.map(({ handle, turn }) => second(instances[turn % 2 ? 1 : 0], handle, { totp: '000000' })),
    )
    const outcomes = answers.map(outcomeOf)
    expect(outcomes.filter(outcome => outcome === WRONG)).toHaveLength(AT_MOST)
    expect(outcomes.filter(outcome => outcome === CLOSED)).toHaveLength(40 - AT_MOST)
  })

  it('from elsewhere do not close the TOTP for a known device, whose sign-in does not reset their count', async () => {
    const ada = await withTotp(instances[0], time, 'known@closing.example')
    const device = await knownDevice(ada)
    await guess(ada, AT_MOST - 1)
    expect((await signInWith(ada, { device })).status).toBe(200)
    await guess(ada, 1)
    expect(outcomeOf(await attempt(ada, { totp: ada.code() }))).toBe(CLOSED)
    expect((await signInWith(ada, { device, instance: 1 })).status).toBe(200)
    expect(outcomeOf(await attempt(ada, { totp: ada.code() }))).toBe(CLOSED)
    await guess(ada, AT_MOST, { device })
    expect(outcomeOf(await attempt(ada, { totp: ada.code() }, { device }))).toBe(CLOSED)
  })

  it('at a step-up close the TOTP too, and a recovery code there opens it again', async () => {
    const ada = await withTotp(instances[0], time, 'step-up@closing.example')
    const { body: tokens } = await signInWith(ada)
    for (const _ of times(AT_MOST))
      expect(outcomeOf(await stepUp(instances[0], tokens, { totp: '000000' }))).toBe(WRONG)
    expect(outcomeOf(await stepUp(instances[1], tokens, { totp: ada.code() }))).toBe(CLOSED)
    expect((await stepUp(instances[1], tokens, { recovery_code: ada.recovery_codes[0] })).status).toBe(200)
    expect((await signInWith(ada)).status).toBe(200)
  })

  describe('after a password reset by mail of a verified address', () => {
    const proven = async (name: string) => {
      const ada = await withTotp(instances[0], time, `${name}@closing.example`)
      const { token } = linkIn(await mailbox.mailTo(ada.email, SUBJECTS.verify))
      expect((await instances[0].ask('/auth/email/verify', { body: { token } })).status).toBe(204)
      await guess(ada, AT_MOST)
      expect(outcomeOf(await attempt(ada, { totp: ada.code() }))).toBe(CLOSED)
      return ada
    }
    const reset = async ({ email }: WithTotp) => {
      await instances[0].ask('/auth/password/forgot', { body: { email } })
      const { token } = linkIn(await mailbox.mailTo(email, SUBJECTS.reset))
      const body = { token, new_password: PASSWORD }
      expect((await instances[1].ask('/auth/password/reset', { body })).status).toBe(204)
    }

    it('leave three attempts, and a right code resets the count', async () => {
      const ada = await proven('mailed')
      await reset(ada)
      await guess(ada, 2)
      expect((await signInWith(ada)).status).toBe(200)
      await guess(ada, AT_MOST - 1)
      expect((await signInWith(ada)).status).toBe(200)
    })

    it('leave no more than three attempts', async () => {
      const ada = await proven('read')
      await reset(ada)
      await guess(ada, 3)
      expect(outcomeOf(await attempt(ada, { totp: ada.code() }))).toBe(CLOSED)
      expect((await attempt(ada, { recovery_code: ada.recovery_codes[0] })).status).toBe(200)
    })
  })
})

describe.skipIf(!hasPostgres)('recovery codes that two requests renew at once', { timeout: 60_000 }, () => {
  const time = createClock()
  let deployment: Deployment
  let instances: readonly [Instance, Instance]
  beforeAll(async () => {
    deployment = await openDeployment([])
    instances = [await start(deployment, time), await start(deployment, time)]
  })
  afterAll(async () => {
    await Promise.all(instances.map(signet => signet.close()))
    await deployment.close()
  })

  it('are handed out by one of the requests, and work', async () => {
    const bob = await withTotp(instances[0], time, 'bob@twice.example')
    for (const turn of times(3)) {
      const ada = await withTotp(instances[0], time, `ada${turn}@twice.example`)
      const { body } = await trySignIn(instances[0], ada.email)
      const signedIn = await second(instances[0], body.handle, { totp: ada.code() })
      const answers = await Promise.all(
        instances.map(signet => signet.ask('/auth/factors/recovery-codes', asOwner(signedIn.body))),
      )
      expect(answers.map(outcomeOf).toSorted()).toEqual(['201', '409 RECOVERY_CODES_CHANGED'])
      const [code] = answers.flatMap(({ body: { recovery_codes } }) => recovery_codes ?? [])
      const again = await trySignIn(instances[1], ada.email)
      expect((await second(instances[1], again.body.handle, { recovery_code: code })).status).toBe(200)
    }
    const { body } = await trySignIn(instances[0], bob.email)
    expect((await second(instances[0], body.handle, { recovery_code: bob.recovery_codes[0] })).status).toBe(
      200,
    )
  })
})
