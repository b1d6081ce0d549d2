import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { claimsOf, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { signInFully, start, stepUp, withTotp } from '../../support/accounts/factors.ts'
import { type Body } from '../../support/answer.ts'
import { askApp } from '../../support/bindings.ts'
import { basic } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'
import { createClock, type TestClock } from '../../support/effects.ts'

const SECRET = 'a secret of a service that may introspect'
const SERVICE = {
  client_id: 'service',
  client_secret: SECRET,
  protected_resources: ['http://localhost:8080'],
}

/** The roles of a sign-in everywhere they show: in the token, at /auth/me, by introspection, and after a refresh. */
const rolesEverywhere = async (signet: Instance, { access_token, refresh_token }: Body) => {
  const me = await signet.ask('/auth/me', { token: access_token })
  const introspected = await askApp(signet.app, '/introspect', {
    method: 'POST',
    body: new URLSearchParams({ token: access_token }).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...basic('service', SECRET) },
  })
  const { roles } = (await introspected.json()) as Body
  const refreshed = await signet.ask('/auth/refresh', { body: { refresh_token } })
  return [
    claimsOf(access_token)['roles'],
    me.body.roles,
    roles,
    claimsOf(refreshed.body.access_token)['roles'],
  ]
}

const everywhere = (...roles: readonly string[]) => [roles, roles, roles, roles]

describe.each(deployments)('a role that requires a second factor ($name)', ({ open }) => {
  const time: TestClock = createClock()
  let deployment: Deployment
  let signet: Instance
  const serve = (SECOND_FACTOR_ROLES: string) => start(deployment, time, { SECOND_FACTOR_ROLES })
  beforeAll(async () => {
    deployment = await open([SERVICE])
    signet = await serve('user, admin')
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })
  beforeEach(time.reset)

  it('shows nowhere for a sign-in with one factor', async () => {
    const tokens = await signUp(signet, 'weak@roles.example')
    expect(tokens.user.roles).toEqual([])
    expect(await rolesEverywhere(signet, tokens)).toEqual(everywhere())
    const { body } = await trySignIn(signet, 'weak@roles.example')
    expect(body.user.roles).toEqual([])
    expect(await rolesEverywhere(signet, body)).toEqual(everywhere())
  })

  it('shows for two factors, after a sign-in and after a step-up', async () => {
    const ada = await withTotp(signet, time, 'strong@roles.example')
    expect(await rolesEverywhere(signet, ada.tokens)).toEqual(everywhere())
    const signedIn = await signInFully(signet, time, ada)
    expect(signedIn.user.roles).toEqual(['user'])
    expect(await rolesEverywhere(signet, signedIn)).toEqual(everywhere('user'))
    const weak = ada.tokens
    const { body } = await signet.ask('/auth/sessions', { token: signedIn.access_token })
    expect(body).toHaveProperty('sessions')
    const again = await stepUp(signet, signedIn, { totp: ada.code() })
    expect(await rolesEverywhere(signet, again.body)).toEqual(everywhere('user'))
    expect(claimsOf(weak.access_token)['roles']).toEqual([])
  })

  it('is void at once in tokens that were issued before the role required a second factor', async () => {
    await signet.close()
    const lenient = await serve('')
    const tokens = await signUp(lenient, 'before@roles.example')
    expect(claimsOf(tokens.access_token)['roles']).toEqual(['user'])
    await lenient.close()
    signet = await serve('user')
    const [, ...seen] = await rolesEverywhere(signet, tokens)
    expect(seen).toEqual([[], [], []])
  })
})
