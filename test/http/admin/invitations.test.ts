import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signIn, signUp } from '../../support/accounts/account-api.ts'
import {
  ADMINISTERING,
  type Administration,
  administrationBy,
} from '../../support/accounts/administration.ts'
import { newEmail } from '../../support/ask.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openEmbeddedDeployment } from '../../support/deployment.ts'

describe('people who are invited by the administration', () => {
  let deployment: Deployment
  let instance: Instance
  let ask: Administration
  const mails: string[] = []
  beforeAll(async () => {
    deployment = await openEmbeddedDeployment([...CLIENTS, ...ADMINISTERING])
    instance = await deployment.start({
      environment: { SIGN_UP: 'invited' },
      printMail: text => void mails.push(text),
    })
    ask = await administrationBy(instance, 'operator')
  })
  afterAll(() => deployment.close())

  /** The token in the mail to this address. */
  const tokenTo = async (email: string, name: string): Promise<string> => {
    const find = () => mails.findLast(each => each.includes(email))
    await expect.poll(find).toBeDefined()
    return new RegExp(`[?&]${name}=([\\w-]+)`).exec(find() ?? '')?.[1] ?? ''
  }

  it('open their account by the mailed link, with the roles of a new one', async () => {
    const email = newEmail()
    const invited = await ask('/invitations', { body: { email: ` ${email}`, language: 'de-CH' } })
    expect([invited.status, invited.body['email']]).toEqual([201, email])
    expect(new Date(String(invited.body['expires_at'])).getTime()).toBeGreaterThan(Date.now())
    const invitation = await tokenTo(email, 'invitation')
    const { user } = await signUp(instance, email, { invitation })
    expect(user).toMatchObject({ email, email_verified: true, roles: ['user'] })
    expect((await ask('/invitations', { body: { email } })).body.code).toBe('EMAIL_TAKEN')
    const { body } = await ask('/invitations', { body: { email: 'nothing' } })
    expect(body.errors).toEqual([expect.objectContaining({ pointer: '#/email' })])
  })

  it('set the password of an account that was made for them', async () => {
    const email = newEmail()
    const made = await ask('/accounts', { body: { email, invite: true, roles: ['user', 'support'] } })
    expect([made.status, made.body['has_password']]).toEqual([201, false])
    const token = await tokenTo(email, 'token')
    const new_password = 'a harbour for the lantern'
    expect((await instance.ask('/auth/password/reset', { body: { token, new_password } })).status).toBe(204)
    const { user } = await signIn(instance, email, { password: new_password })
    expect(user.roles).toEqual(['user', 'support'])
  })

  it('are none where accounts are opened by the operator alone', async () => {
    const closed = await deployment.start({ environment: { SIGN_UP: 'closed' } })
    const asking = await administrationBy(closed, 'operator')
    expect((await asking('/invitations', { body: { email: newEmail() } })).body.code).toBe('SIGN_UP_CLOSED')
  })
})
