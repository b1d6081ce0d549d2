import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ALIVE, DEAD, lives, outcomeOf, signUp, trySignIn } from '../support/accounts/account-api.ts'
import { createAuthenticator } from '../support/accounts/authenticator.ts'
import { asOwner, MFA, second, stepUp, withTotp } from '../support/accounts/factors.ts'
import {
  NEW_PASSWORD,
  type Post,
  reset,
  resetToken,
  SUBJECTS,
  startWithMail,
  verify,
} from '../support/accounts/mail.ts'
import { type Body } from '../support/answer.ts'
import { PASSWORD } from '../support/ask.ts'
import { type Deployment, deployments } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'
import { linkIn } from '../support/services/mailbox.ts'

describe.each(deployments)('an account with second factors ($name)', ({ open }) => {
  const time = createClock()
  let deployment: Deployment
  let post: Post
  beforeAll(async () => {
    deployment = await open([])
    const environment = { RATE_LIMIT_SECOND_FACTOR: 'off' }
    post = await startWithMail(deployment, { environment, clock: time.clock })
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })
  beforeEach(time.reset)

  /** An account with everything that an attacker may leave behind: two factors, recovery codes, a sign-in, an unfinished one, and a link to another address. */
  const withEverything = async (email: string) => {
    const { signet, mailbox } = post
    const person = await withTotp(signet, time, email)
    const tokens = (await stepUp(signet, person.tokens, { totp: person.code() })).body
    time.advance(30)
    const { access_token: token } = tokens
    const authenticator = createAuthenticator()
    const { handle, passkey } = (await signet.ask('/auth/factors/passkeys', asOwner(tokens))).body
    const body = { handle, passkey: authenticator.create(passkey) }
    expect((await signet.ask('/auth/factors/passkeys/confirm', { body, token })).status).toBe(201)
    const elsewhere = `elsewhere-${email}`
    const change = { refresh_token: tokens.refresh_token, new_email: elsewhere }
    expect((await signet.ask('/auth/email', { body: change, token })).status).toBe(202)
    const link = linkIn(await mailbox.mailTo(elsewhere, SUBJECTS.change)).token
    const half = (await trySignIn(signet, email)).body.handle
    return { ...person, tokens, authenticator, link, half }
  }
  const enterByPasskey = async (authenticator: ReturnType<typeof createAuthenticator>) => {
    const { body } = await post.signet.ask('/auth/login/passkey/options', { body: {} })
    const passkey = authenticator.get(body.passkey)
    return post.signet.ask('/auth/login/passkey', { body: { handle: body.handle, passkey } })
  }
  const factorsOf = async ({ access_token: token }: Pick<Body, 'access_token'>) =>
    (await post.signet.ask('/auth/factors', { token })).body

  it('leaves an attacker that registered it nothing after the owner of the address has reset the password', async () => {
    const email = 'victim@seam.example'
    const stranger = await withEverything(email)
    const bystander = await withTotp(post.signet, time, 'bystander@seam.example')
    expect(await reset(post.signet, await resetToken(post, email))).toBe('204')
    const owner = await trySignIn(post.signet, email, { password: NEW_PASSWORD })
    expect(owner.status).toBe(200)
    expect(await factorsOf(owner.body)).toEqual({ totp: null, passkeys: [], recovery_codes: 0 })
    expect((await enterByPasskey(stranger.authenticator)).status).toBe(401)
    expect(await lives(post.signet, stranger.tokens)).toEqual(DEAD)
    const proofs = [{ totp: stranger.code() }, { recovery_code: stranger.recovery_codes[0] }]
    for (const proof of proofs)
      expect(outcomeOf(await second(post.signet, stranger.half, proof))).toBe('401 AUTH_CEREMONY_OVER')
    expect(await verify(post.signet, stranger.link)).toBe('400 LINK_INVALID')
    expect((await factorsOf(bystander.tokens)).recovery_codes).toBe(10)
  })

  it('keeps its factors through a reset of a verified address, as the mailbox alone is not enough', async () => {
    const email = 'proven@seam.example'
    const ada = await withEverything(email)
    const asking = { method: 'POST', token: ada.tokens.access_token } as const
    expect((await post.signet.ask('/auth/email/verification', asking)).status).toBe(202)
    const { token } = linkIn(await post.mailbox.mailTo(email, SUBJECTS.verify, 2))
    expect(await verify(post.signet, token)).toBe('204')
    expect(await reset(post.signet, await resetToken(post, email))).toBe('204')
    const half = await trySignIn(post.signet, email, { password: NEW_PASSWORD })
    expect(outcomeOf(half)).toBe('401 AUTH_SECOND_FACTOR_REQUIRED')
    expect(half.body.factors).toEqual(['totp', 'passkey', 'recovery_code'])
    expect((await second(post.signet, half.body.handle, { totp: ada.code() })).status).toBe(200)
    expect((await enterByPasskey(ada.authenticator)).status).toBe(200)
  })

  it('refuses a deletion and a change of e-mail to a sign-in of the class pwd that brings the password alone', async () => {
    const { signet } = post
    const ada = await withTotp(signet, time, 'class@seam.example')
    const deletion = { method: 'DELETE', body: { current_password: PASSWORD } } as const
    const change = { body: { current_password: PASSWORD, new_email: 'thief@seam.example' } }
    for (const [path, asking] of [
      ['/auth/me', deletion],
      ['/auth/email', change],
    ] as const) {
      const weak = await signet.ask(path, { ...asking, token: ada.tokens.access_token })
      expect(outcomeOf(weak)).toBe('401 AUTH_STEP_UP_REQUIRED')
      expect(weak.headers.get('www-authenticate')).toBe(
        `Bearer realm="signet", error="insufficient_user_authentication", acr_values="${MFA}", max_age="300"`,
      )
    }
    expect(await lives(signet, ada.tokens)).toEqual(ALIVE)
    const [one, other] = ada.recovery_codes
    const token = ada.tokens.access_token
    const by = (recovery_code: string | undefined, body: object) => ({
      body: { ...body, recovery_code },
      token,
    })
    expect((await signet.ask('/auth/email', by(one, change.body))).status).toBe(202)
    expect((await signet.ask('/auth/me', { method: 'DELETE', ...by(other, deletion.body) })).status).toBe(204)
  })

  it('notifies its owner of every added and removed factor, and of new recovery codes', async () => {
    const { signet, mailbox } = post
    const email = 'told@seam.example'
    const ada = await withTotp(signet, time, email)
    const { text } = await mailbox.mailTo(email, SUBJECTS.factorsChanged)
    expect(text).not.toMatch(/https?:|signet_/)
    const strong = (await stepUp(signet, ada.tokens, { totp: ada.code() })).body
    const renewed = await signet.ask('/auth/factors/recovery-codes', asOwner(strong))
    expect(renewed.status).toBe(201)
    await mailbox.mailTo(email, SUBJECTS.factorsChanged, 2)
    const remove = () => signet.ask('/auth/factors/totp', asOwner(strong, 'DELETE'))
    expect([(await remove()).status, (await remove()).status]).toEqual([204, 404])
    await mailbox.mailTo(email, SUBJECTS.factorsChanged, 3)
    await signUp(signet, 'afterwards@seam.example')
    await mailbox.mailTo('afterwards@seam.example', SUBJECTS.verify)
    const subjects = mailbox.mails.filter(mail => mail.to?.[0]?.address === email).map(mail => mail.subject)
    expect(subjects.filter(subject => SUBJECTS.factorsChanged.test(subject ?? ''))).toHaveLength(3)
  })

  it('needs the password only where it has no factor', async () => {
    const { access_token: token } = await signUp(post.signet, 'plain@seam.example')
    const body = { current_password: PASSWORD }
    expect((await post.signet.ask('/auth/me', { method: 'DELETE', body, token })).status).toBe(204)
  })
})
