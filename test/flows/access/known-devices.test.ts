import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { login, outcome, register, send } from '../../support/accounts/account-api.ts'
import {
  NEW_PASSWORD,
  type Post,
  reset,
  resetToken,
  SUBJECTS,
  startWithMail,
} from '../../support/accounts/mail.ts'
import { hasPostgres } from '../../support/backends.ts'
import { PASSWORD } from '../../support/ask.ts'
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
  const someone = async (email: string) => {
    const { response, bearer } = await register(post.signet, email)
    return { email, bearer, device: response.headers.get('signet-device') ?? '' }
  }
  type Someone = Awaited<ReturnType<typeof someone>>
  const signIn = async ({ email, device }: Someone, password: string) =>
    (await login(post.signet, email, { password }, { 'Signet-Device': device })).response.headers.get(
      'signet-device',
    )
  const isTold = async ({ email }: Someone) => {
    await post.mailbox.mailTo(email, SUBJECTS.newDevice)
    return true
  }
  /** What a new device, whose mail is waited for, sends last: nothing was sent before it. */
  const mailsTo = async (known: Someone) => {
    await login(post.signet, known.email)
    await post.mailbox.mailTo(known.email, SUBJECTS.newDevice)
    return post.mailbox.mails.filter(
      ({ to, subject }) => to?.[0]?.address === known.email && SUBJECTS.newDevice.test(subject ?? ''),
    )
  }

  it('signs in in silence, and goes on being known', async () => {
    const ada = await someone('ada@known.example')
    const device = (await signIn(ada, PASSWORD)) ?? ''
    await signIn({ ...ada, device }, PASSWORD)
    expect(await mailsTo(ada)).toHaveLength(1)
  })

  it.each<[string, (ada: Someone) => Promise<string>, string]>([
    ['a reset', async ({ email }) => reset(post.signet, await resetToken(post, email)), NEW_PASSWORD],
    [
      'a new password',
      ({ bearer }) => {
        const change = { current_password: PASSWORD, new_password: NEW_PASSWORD }
        return outcome(send(post.signet, 'POST', '/auth/password', change, bearer))
      },
      NEW_PASSWORD,
    ],
    [
      'a sign-out everywhere',
      ({ bearer }) => outcome(send(post.signet, 'POST', '/auth/logout', { everywhere: true }, bearer)),
      PASSWORD,
    ],
  ])('is a stranger after %s: told by mail, and delayed by its guesses', async (what, act, password) => {
    const ada = await someone(`${what.replaceAll(' ', '-')}@known.example`)
    const bob = await someone(`beside-${what.replaceAll(' ', '-')}@known.example`)
    expect(await act(ada)).toBe('204')
    // Guesses of strangers, which a known device would not wait for.
    for (let tries = 0; tries < 6; tries += 1)
      await send(post.signet, 'POST', '/auth/login', { email: ada.email, password: 'wrong' })
    waits.length = 0
    expect(await signIn(ada, password)).not.toBe(ada.device)
    expect(waits).toHaveLength(1)
    expect(await isTold(ada)).toBe(true)
    await signIn(bob, PASSWORD)
    expect(await mailsTo(bob)).toHaveLength(1)
  })

  it('stays known after the end of other sign-ins, which a stolen one may ask for: no guess delays it', async () => {
    const ada = await someone('others-ended@known.example')
    expect(await outcome(send(post.signet, 'DELETE', '/auth/sessions', undefined, ada.bearer))).toBe('204')
    for (let tries = 0; tries < 6; tries += 1)
      await send(post.signet, 'POST', '/auth/login', { email: ada.email, password: 'wrong' })
    waits.length = 0
    expect(await signIn(ada, PASSWORD)).toBe(ada.device)
    expect(waits).toEqual([])
    expect(await mailsTo(ada)).toHaveLength(1)
  })
})
