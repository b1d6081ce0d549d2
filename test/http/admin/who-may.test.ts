import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sidOf } from '../../support/accounts/account-api.ts'
import {
  ADMINISTERING,
  administrationBy,
  administrationOf,
  signUpWithRoles,
  tokenOfClient,
} from '../../support/accounts/administration.ts'
import { askApp } from '../../support/bindings.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { CONSOLE_SETTINGS } from '../../support/pages/console-browser.ts'

describe('who may administer', () => {
  let deployment: Deployment
  let instance: Instance
  beforeAll(async () => {
    deployment = await openDeployment([...CLIENTS, ...ADMINISTERING])
    instance = await deployment.start({ environment: CONSOLE_SETTINGS })
  })
  afterAll(() => deployment.close())

  const me = (token: string) => administrationOf(instance, token)('/me')
  const outcome = async (token: string) => {
    const { status, body } = await me(token)
    return status === 200 ? [200, body['role'], body['actor']] : [status, body.code]
  }
  const reasonOf = () => instance.lines.findLast(line => line.message === 'request')?.['reason']

  it('is a confidential client with a token of its own', async () => {
    expect(await outcome(await tokenOfClient(instance, 'operator'))).toEqual([
      200,
      'admin',
      'client:operator',
    ])
    expect(await outcome(await tokenOfClient(instance, 'watcher'))).toEqual([200, 'viewer', 'client:watcher'])
  })

  it('is a viewer by a token of the narrower scope', async () => {
    const token = await tokenOfClient(instance, 'operator', { scope: 'signet:viewer' })
    expect(await outcome(token)).toEqual([200, 'viewer', 'client:operator'])
  })

  it.each([
    ['signet:admin', 'admin'],
    ['signet:viewer', 'viewer'],
  ])('is a person with the role %s at the console', async (role, as) => {
    const { sub, tokens } = await signUpWithRoles(deployment, instance, ['user', role])
    expect(await outcome(tokens.access_token)).toEqual([200, as, `person:${sub}`])
  })

  it('is no caller without a token, with another credential, or with a token for more services', async () => {
    expect((await instance.askInternal('/admin/me')).status).toBe(401)
    const { tokens } = await signUpWithRoles(deployment, instance, ['signet:admin'])
    expect(await outcome(tokens.refresh_token)).toEqual([401, 'AUTH_TOKEN_INVALID'])
    expect(await outcome(await tokenOfClient(instance, 'elsewhere'))).toEqual([401, 'AUTH_TOKEN_INVALID'])
    expect(await outcome(await tokenOfClient(instance, 'reader'))).toEqual([403, 'SCOPE_INSUFFICIENT'])
    expect(reasonOf()).toBe('scope_absent')
    expect(await outcome(tokens.access_token)).toContain(200)
  })

  it('is no person at another application, whatever role and scope they have', async () => {
    const { tokens } = await signUpWithRoles(deployment, instance, ['signet:admin'], 'impostor')
    expect(await outcome(tokens.access_token)).toEqual([401, 'AUTH_TOKEN_INVALID'])
    expect(reasonOf()).toBe('not_of_console')
  })

  it('is no person without the role, though the token has the scope', async () => {
    const { tokens } = await signUpWithRoles(deployment, instance, ['user'])
    expect(await outcome(tokens.access_token)).toEqual([403, 'SCOPE_INSUFFICIENT'])
    expect(reasonOf()).toBe('role_absent')
  })

  it('is a person no more once the role is taken away, though the token still says it', async () => {
    const { sub, tokens } = await signUpWithRoles(deployment, instance, ['signet:admin'])
    const bystander = await signUpWithRoles(deployment, instance, ['signet:admin'])
    await deployment.database.run(sql => sql`update signet.users set roles = '{user}' where id = ${sub}`)
    expect(await outcome(tokens.access_token)).toEqual([403, 'SCOPE_INSUFFICIENT'])
    expect(await outcome(bystander.tokens.access_token)).toContain(200)
  })

  it('is no disabled person, no ended sign-in, and no ended client', async () => {
    const disabled = await signUpWithRoles(deployment, instance, ['signet:admin'])
    await deployment.database.run(
      sql => sql`update signet.users set disabled_at = now() where id = ${disabled.sub}`,
    )
    expect(await outcome(disabled.tokens.access_token)).toEqual([401, 'AUTH_TOKEN_INVALID'])
    const ended = await signUpWithRoles(deployment, instance, ['signet:admin'])
    const end = `/sign-ins/${sidOf(ended.tokens)}/end`
    const operator = await administrationBy(instance, 'operator')
    expect((await operator(end, { method: 'POST' })).body).toEqual({ ended: 1 })
    expect(await outcome(ended.tokens.access_token)).toEqual([401, 'AUTH_TOKEN_INVALID'])
    expect(reasonOf()).toBe('revoked')
  })

  it('is a person with a second factor alone where SECOND_FACTOR_ROLES covers the role', async () => {
    const careful = await deployment.start({
      environment: { ...CONSOLE_SETTINGS, SECOND_FACTOR_ROLES: 'signet:admin' },
    })
    const { tokens } = await signUpWithRoles(deployment, careful, ['signet:admin'])
    const answer = await administrationOf(careful, tokens.access_token)('/me')
    expect([answer.status, answer.body.code]).toEqual([403, 'SCOPE_INSUFFICIENT'])
  })

  it('is asked on the internal listener alone, and lets no page of another origin read the answer', async () => {
    const token = await tokenOfClient(instance, 'operator')
    expect(
      (await askApp(instance.app, '/admin/me', { headers: { authorization: `Bearer ${token}` } })).status,
    ).toBe(404)
    const answer = await administrationOf(instance, token)('/me', {
      headers: { origin: 'https://app.example' },
    })
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
    expect(answer.headers.get('set-cookie')).toBeNull()
  })
})
