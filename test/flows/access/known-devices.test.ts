import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { outcomeOf, signIn, trySignIn, trySignUp } from '../../support/accounts/account-api.ts'
import {
  NEW_PASSWORD,
  type Post,
  reset,
  resetToken,
  SUBJECTS,
  startWithMail,
} from '../../support/accounts/mail.ts'
import { PASSWORD } from '../../support/ask.ts'
import { hasPostgres } from '../../support/backends.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'

describe.skipIf(!hasPostgres)('a known device', { timeout: 60_000 }, () => {
  let deployment: Deployment
  let post: Post
  const waits: number[] = []
  beforeAll(async () => {
    deployment = await openDeployment([])
    post = await startWithMail(deployment, {
      environment: { RATE_LIMIT_PASSWORD: 'off' },
      wait: async milliseconds => void waits.push(milliseconds),
    })
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })
  const registerDevice = async (email: string) => {
    const { body, headers } = await trySignUp(post.signet, email)
    return { email, token: body.access_token, device: headers.get('signet-device') ?? '' }
  }
  type Person = Awaited<ReturnType<typeof registerDevice>>
  const signInOn = async ({ email, device }: Person, password: string) => {
    const { headers } = await trySignIn(post.signet, email, { password }, { 'Signet-Device': device })
    return headers.get('signet-device')
  }
  const isTold = async ({ email }: Person) => {
    await post.mailbox.mailTo(email, SUBJECTS.newDevice)
    return true
  }
  /** Signs in from a new device and waits for its notice. Notices are sent in order, so that any earlier one has arrived by then. */
  const mailsTo = async (known: Person) => {
    await signIn(post.signet, known.email)
    await post.mailbox.mailTo(known.email, SUBJECTS.newDevice)
    return post.mailbox.mails.filter(
      ({ to, subject }) => to?.[0]?.address === known.email && SUBJECTS.newDevice.test(subject ?? ''),
    )
  }

  it('signs in without a notice, and stays known afterwards', async () => {
    const ada = await registerDevice('ada@known.example')
    const device = (await signInOn(ada, PASSWORD)) ?? ''
    await signInOn({ ...ada, device }, PASSWORD)
    expect(await mailsTo(ada)).toHaveLength(1)
  })

  it.each<[string, (ada: Person) => Promise<string>, string]>([
    ['a reset', async ({ email }) => reset(post.signet, await resetToken(post, email)), NEW_PASSWORD],
    [
      'a new password',
      async ({ token }) => {
        const body = { current_password: PASSWORD, new_password: NEW_PASSWORD }
        return outcomeOf(await post.signet.ask('/auth/password', { body, token }))
      },
      NEW_PASSWORD,
    ],
    [
      'a sign-out everywhere',
      async ({ token }) =>
        outcomeOf(await post.signet.ask('/auth/logout', { body: { everywhere: true }, token })),
      PASSWORD,
    ],
  ])(
    'is a new device after %s: its sign-in is notified by mail and delayed after failures',
    async (what, act, password) => {
      const ada = await registerDevice(`${what.replaceAll(' ', '-')}@known.example`)
      const bob = await registerDevice(`beside-${what.replaceAll(' ', '-')}@known.example`)
      expect(await act(ada)).toBe('204')
      // Failures without a device token do not delay a known device.
      for (let tries = 0; tries < 6; tries += 1)
        await trySignIn(post.signet, ada.email, { password: 'wrong' })
      waits.length = 0
      expect(await signInOn(ada, password)).not.toBe(ada.device)
      expect(waits).toHaveLength(1)
      expect(await isTold(ada)).toBe(true)
      await signInOn(bob, PASSWORD)
      expect(await mailsTo(bob)).toHaveLength(1)
    },
  )

  it('stays known after the other sign-ins were ended, which a stolen access token may ask for', async () => {
    const ada = await registerDevice('others-ended@known.example')
    const ended = await post.signet.ask('/auth/sessions', { method: 'DELETE', token: ada.token })
    expect(outcomeOf(ended)).toBe('204')
    for (let tries = 0; tries < 6; tries += 1) await trySignIn(post.signet, ada.email, { password: 'wrong' })
    waits.length = 0
    expect(await signInOn(ada, PASSWORD)).toBe(ada.device)
    expect(waits).toEqual([])
    expect(await mailsTo(ada)).toHaveLength(1)
  })
})
