import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALIVE, claimsOf, lives, outcomeOf, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import { type Bent, createAuthenticator } from '../../support/accounts/authenticator.ts'
import { asOwner, MFA, second, start } from '../../support/accounts/factors.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'

const OWN_PAGE = { Origin: 'http://localhost:8080', 'Sec-Fetch-Site': 'same-origin' }

describe.each(deployments)('a passkey alone ($name)', ({ open }) => {
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

  const withPasskey = async (email: string, authenticator = createAuthenticator()) => {
    const tokens = await signUp(signet, email)
    const { access_token: token } = tokens
    const { body } = await signet.ask('/auth/factors/passkeys', asOwner(tokens))
    const confirmation = { handle: body.handle, passkey: authenticator.create(body.passkey) }
    const confirmed = await signet.ask('/auth/factors/passkeys/confirm', { body: confirmation, token })
    expect(confirmed.status).toBe(201)
    return { email, tokens, authenticator }
  }
  const begin = async (body: object = {}, headers: Readonly<Record<string, string>> = {}) =>
    (await signet.ask('/auth/login/passkey/options', { body, headers })).body
  const finish = (handle: string, passkey: object, headers: Readonly<Record<string, string>> = {}) =>
    signet.ask('/auth/login/passkey', { body: { handle, passkey }, headers })

  it('WebAuthn §1.3.3 – signs its owner in, with two factors', async () => {
    const ada = await withPasskey('ada@alone.example')
    const { handle, expires_in, passkey } = await begin()
    expect([expires_in, passkey['allowCredentials']]).toEqual([300, []])
    const { status, body } = await finish(handle, ada.authenticator.get(passkey))
    expect(status).toBe(200)
    expect(body.user.id).toBe(ada.tokens.user.id)
    expect(claimsOf(body.access_token)).toMatchObject({ amr: ['user', 'hwk', 'mfa'], acr: MFA })
    expect(await lives(signet, body)).toEqual(ALIVE)
  })

  it('sets the refresh cookie for an allowed page only', async () => {
    const ada = await withPasskey('cookie@alone.example')
    const { handle, passkey } = await begin({ refresh_transport: 'cookie' }, OWN_PAGE)
    const stranger = { Origin: 'https://evil.example' }
    const options = { body: { refresh_transport: 'cookie' }, headers: stranger }
    expect(outcomeOf(await signet.ask('/auth/login/passkey/options', options))).toBe('403 ORIGIN_NOT_ALLOWED')
    const answer = ada.authenticator.get(passkey)
    expect(outcomeOf(await finish(handle, answer, stranger))).toBe('403 ORIGIN_NOT_ALLOWED')
    const entered = await finish(handle, answer, OWN_PAGE)
    expect(entered.status).toBe(200)
    expect(entered.body).not.toHaveProperty('refresh_token')
    expect(entered.headers.getSetCookie().join()).toContain('signet-refresh=signet_rt_')
  })

  it.each([
    ['another page', { origin: 'https://evil.example' }],
    ['another relying party', { rp_id: 'evil.example' }],
    ['the other ceremony', { type: 'webauthn.create' }],
    ['another challenge', { challenge: randomBytes(32).toString('base64url') }],
    ['no user verification', { flags: 1 }],
    ['another key', { key: createAuthenticator().privateKey }],
    ['another person', { userHandle: randomBytes(16).toString('base64url') }],
    ['no user handle', { userHandle: '' }],
    ['an unknown credential id', { id: randomBytes(32).toString('base64url') }],
  ] satisfies readonly (readonly [string, Bent])[])(
    'WebAuthn §7.2 – refuses an assertion with %s',
    async (what, bent) => {
      const { authenticator } = await withPasskey(`${what.replaceAll(/\W/g, '-')}@alone.example`)
      const { handle, passkey } = await begin()
      expect(outcomeOf(await finish(handle, authenticator.get(passkey, bent)))).toBe(
        '401 AUTH_SECOND_FACTOR_INVALID',
      )
      expect((await finish(handle, authenticator.get(passkey))).status).toBe(200)
    },
  )

  it('is refused with the user handle or the id of another account’s passkey', async () => {
    const ada = await withPasskey('ada-two@alone.example')
    const eve = await withPasskey('eve@alone.example')
    const { handle, passkey } = await begin()
    const hers = {
      userHandle: Buffer.from(ada.tokens.user.id.replaceAll('-', ''), 'hex').toString('base64url'),
    }
    expect((await finish(handle, eve.authenticator.get(passkey, hers))).status).toBe(401)
    expect((await finish(handle, eve.authenticator.get(passkey, { id: ada.authenticator.id }))).status).toBe(
      401,
    )
    expect((await finish(handle, eve.authenticator.get(passkey))).body.user.id).toBe(eve.tokens.user.id)
  })

  it('WebAuthn §13.4.3 – answers its challenge once when many requests bring it, after at most five attempts', async () => {
    const authenticator = createAuthenticator({ isSynced: true, counts: false })
    await withPasskey('once@alone.example', authenticator)
    const { handle, passkey } = await begin()
    const answer = authenticator.get(passkey)
    const answers = await Promise.all([1, 2, 3, 4].map(() => finish(handle, answer)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    expect(outcomeOf(await finish(handle, answer))).toBe('401 AUTH_CEREMONY_OVER')
    const spoilt = await begin()
    for (let attempt = 0; attempt < 5; attempt += 1)
      expect((await finish(spoilt.handle, authenticator.get(spoilt.passkey, { flags: 1 }))).status).toBe(401)
    expect(outcomeOf(await finish(spoilt.handle, authenticator.get(spoilt.passkey)))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
  })

  it('refuses the handle of another ceremony, which refuses its handle', async () => {
    const ada = await withPasskey('cross@alone.example')
    const { body: withPassword } = await trySignIn(signet, ada.email)
    expect(outcomeOf(await finish(withPassword.handle, ada.authenticator.get(withPassword.passkey)))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    const { handle, passkey } = await begin()
    expect(outcomeOf(await second(signet, handle, { passkey: ada.authenticator.get(passkey) }))).toBe(
      '401 AUTH_CEREMONY_OVER',
    )
    expect((await finish(handle, ada.authenticator.get(passkey))).status).toBe(200)
  })

  it('issues tokens for the resource that the sign-in began with', async () => {
    const ada = await withPasskey('resource@alone.example')
    const { handle, passkey } = await begin({ resource: ISSUER })
    const { status, body } = await finish(handle, ada.authenticator.get(passkey))
    expect([status, claimsOf(body.access_token)['aud']]).toEqual([200, ISSUER])
  })

  it('is refused after its removal', async () => {
    const ada = await withPasskey('removed@alone.example')
    const first = await begin()
    const { body } = await finish(first.handle, ada.authenticator.get(first.passkey))
    const path = `/auth/factors/passkeys/${ada.authenticator.id}`
    await signet.ask(path, asOwner(body, 'DELETE'))
    const { handle, passkey } = await begin()
    expect(outcomeOf(await finish(handle, ada.authenticator.get(passkey)))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
  })

  it('is refused to a client that is not first-party', async () => {
    const refused = await signet.ask('/auth/login/passkey/options', { body: { client_id: 'stranger' } })
    expect(refused.body.errors).toEqual([
      { pointer: '#/client_id', detail: 'must name a first-party client' },
    ])
  })
})
