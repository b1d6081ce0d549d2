import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Signet } from '../../../src/compose/index.ts'
import { type Place, places } from '../../support/accounts/account-api.ts'
import {
  ask,
  type Body,
  claimsOf,
  createClock,
  signIn,
  signInFully,
  signUp,
  start,
  stepUp,
  type TestClock,
  withTotp,
} from '../../support/accounts/factors.ts'
import { askApp } from '../../support/bindings.ts'
import { basic } from '../../support/clients.ts'

const SECRET = 'a secret of a service that may introspect'
const SERVICE = {
  client_id: 'service',
  client_secret: SECRET,
  protected_resources: ['http://localhost:8080'],
}

/** What of somebody's roles can be seen anywhere: in the token, at /auth/me, by introspection, and after a refresh. */
const rolesEverywhere = async (signet: Signet, { access_token, refresh_token }: Body) => {
  const me = await ask(signet, '/auth/me', { token: access_token })
  const introspected = await askApp(signet.app, '/introspect', {
    method: 'POST',
    body: new URLSearchParams({ token: access_token }).toString(),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...basic('service', SECRET) },
  })
  const { roles } = (await introspected.json()) as Body
  const refreshed = await ask(signet, '/auth/refresh', { body: { refresh_token } })
  return [
    claimsOf(access_token)['roles'],
    me.body.roles,
    roles,
    claimsOf(refreshed.body.access_token)['roles'],
  ]
}

const everywhere = (...roles: readonly string[]) => [roles, roles, roles, roles]

describe.each(places)('a role that wants a second factor ($name)', ({ create }) => {
  const time: TestClock = createClock()
  let place: Place
  let signet: Signet
  const open = async (SECOND_FACTOR_ROLES: string) => {
    const CLIENTS_FILE = join(place.environment['KEYS_DIR'] ?? '', '..', 'clients.json')
    writeFileSync(CLIENTS_FILE, JSON.stringify([SERVICE]))
    return start(place, time, { SECOND_FACTOR_ROLES, CLIENTS_FILE })
  }
  beforeAll(async () => {
    place = await create()
    signet = await open('user, admin')
  })
  afterAll(async () => {
    await signet.close()
    await place.remove()
  })
  beforeEach(time.reset)

  it('is in no token, and nowhere else, of a sign-in with one factor', async () => {
    const tokens = await signUp(signet, 'weak@roles.example')
    expect(tokens.user.roles).toEqual([])
    expect(await rolesEverywhere(signet, tokens)).toEqual(everywhere())
    const { body } = await signIn(signet, 'weak@roles.example')
    expect(body.user.roles).toEqual([])
    expect(await rolesEverywhere(signet, body)).toEqual(everywhere())
  })

  it('is there with two, by sign-in and by step-up', async () => {
    const ada = await withTotp(signet, time, 'strong@roles.example')
    expect(await rolesEverywhere(signet, ada.tokens)).toEqual(everywhere())
    const signedIn = await signInFully(signet, time, ada)
    expect(signedIn.user.roles).toEqual(['user'])
    expect(await rolesEverywhere(signet, signedIn)).toEqual(everywhere('user'))
    const weak = ada.tokens
    const { body } = await ask(signet, '/auth/sessions', { token: signedIn.access_token })
    expect(body).toHaveProperty('sessions')
    const again = await stepUp(signet, signedIn, { totp: ada.code() })
    expect(await rolesEverywhere(signet, again.body)).toEqual(everywhere('user'))
    expect(claimsOf(weak.access_token)['roles']).toEqual([])
  })

  it('stops counting at once, for tokens that were out before it wanted one too', async () => {
    await signet.close()
    const lenient = await open('')
    const tokens = await signUp(lenient, 'before@roles.example')
    expect(claimsOf(tokens.access_token)['roles']).toEqual(['user'])
    await lenient.close()
    signet = await open('user')
    const [, ...seen] = await rolesEverywhere(signet, tokens)
    expect(seen).toEqual([[], [], []])
  })
})
