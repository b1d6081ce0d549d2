import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  NEW_PASSWORD,
  type Post,
  reset,
  resetToken,
  SUBJECTS,
  startWithMail,
  verify,
} from '../support/accounts/mail.ts'
import { newEmail } from '../support/ask.ts'
import { API } from '../support/clients.ts'
import { type Deployment, deployments } from '../support/deployment.ts'
import {
  answerOf,
  CODE_CHALLENGE,
  CODE_VERIFIER,
  createPerson,
  headingOf,
  queryOf,
  type Shown,
} from '../support/pages/person.ts'
import { linkIn } from '../support/services/mailbox.ts'

const CALLBACK = 'https://evil.example/cb'
const EVIL = {
  client_id: 'evil',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
  scope: 'openid email read',
  audience: [API],
}
const asking = (more: Readonly<Record<string, string>> = {}) =>
  queryOf({
    response_type: 'code',
    client_id: 'evil',
    redirect_uri: CALLBACK,
    scope: 'openid email read',
    code_challenge: CODE_CHALLENGE,
    code_challenge_method: 'S256',
    ...more,
  })

describe.each(deployments)('an account that a stranger registered ($name)', ({ open }) => {
  let deployment: Deployment
  let post: Post
  beforeAll(async () => {
    deployment = await open([EVIL])
    post = await startWithMail(deployment)
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })

  /** A stranger who has registered the address of another person, and has allowed an application of their own everything. */
  const stranger = async () => {
    const browser = createPerson(post.signet)
    const email = newEmail()
    const consent = await browser.signUp(await browser.arrive(asking()), email)
    expect(headingOf(consent)).toContain('evil')
    return { browser, email, allowed: await browser.allow(consent) }
  }
  /** The owner of the address signs in by the password that they set through a mailed link, and comes to the application. */
  const visitAsOwner = async (email: string) => {
    expect(await reset(post.signet, await resetToken(post, email))).toBe('204')
    const owner = createPerson(post.signet)
    await owner.signIn(await owner.open('/sign-in'), email, NEW_PASSWORD)
    return owner
  }
  const redeem = (shown: Shown) =>
    post.signet.token({
      grant_type: 'authorization_code',
      client_id: 'evil',
      code: answerOf(shown)['code'] ?? '',
      redirect_uri: CALLBACK,
      code_verifier: CODE_VERIFIER,
    })

  it('gives the stranger’s applications nothing once its owner has proved the address (OpenID Connect Core §3.1.2.4)', async () => {
    const { email, allowed } = await stranger()
    const bystander = await stranger()
    const owner = await visitAsOwner(email)
    expect(answerOf(await owner.arrive(asking({ prompt: 'none' })))).toMatchObject({
      error: 'consent_required',
    })
    expect(headingOf(await owner.arrive(asking()))).toContain('evil')
    expect((await redeem(allowed)).status).toBe(400)
    expect((await redeem(bystander.allowed)).status).toBe(200)
    expect(answerOf(await bystander.browser.arrive(asking({ prompt: 'none' })))).toHaveProperty('code')
  })

  it('keeps what its owner has allowed through a reset of an address that was proved before', async () => {
    const { email } = await stranger()
    const { token } = linkIn(await post.mailbox.mailTo(email, SUBJECTS.verify))
    expect(await verify(post.signet, token)).toBe('204')
    const owner = await visitAsOwner(email)
    expect(answerOf(await owner.arrive(asking({ prompt: 'none' })))).toHaveProperty('code')
  })
})
