import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { trySignIn } from '../support/accounts/account-api.ts'
import { type Authenticator, createAuthenticator } from '../support/accounts/authenticator.ts'
import { asOwner, stepUp, withTotp } from '../support/accounts/factors.ts'
import { type Body } from '../support/answer.ts'
import { PASSWORD } from '../support/ask.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { createClock } from '../support/effects.ts'

/** Values that no honest application sends, for every field of every endpoint. */
const HOSTILE: readonly unknown[] = [
  null,
  true,
  0,
  -1e308,
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\udc00a',
  '\u202e\ufeff',
  '__proto__',
  "' or 1=1 --",
  '{1,2}',
  'x'.repeat(20_000),
  '\u0130'.repeat(400),
  [],
  ['a\0b'],
  {},
  { $ne: null },
  { id: '\0', rawId: '\0', type: 'public-key', response: { clientDataJSON: '\0' } },
]

type Members = Readonly<Record<string, unknown>>

/** Copies of a body, each with one hostile member, at any depth. */
const bent = (body: unknown): readonly unknown[] => {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return HOSTILE
  const members = body as Members
  return Object.keys(members).flatMap(name =>
    [...bent(members[name]), ...HOSTILE].map(value => ({ ...members, [name]: value })),
  )
}

describe.each(deployments)('hostile fields ($name)', { timeout: 60_000 }, ({ open }) => {
  const time = createClock()
  const email = 'ada@hostile.example'
  let deployment: Deployment
  let signet: Instance
  let token = ''
  let strong: Body
  let authenticator: Authenticator
  beforeAll(async () => {
    deployment = await open([])
    const limits = { RATE_LIMIT_SECOND_FACTOR: 'off', RATE_LIMIT_PASSWORD: 'off', RATE_LIMIT_MAIL: 'off' }
    signet = await deployment.start({ environment: limits, clock: time.clock })
    const ada = await withTotp(signet, time, email)
    strong = (await stepUp(signet, ada.tokens, { totp: ada.code() })).body
    token = strong.access_token
    const { handle, attestation, maker } = await beginPasskey()
    expect(await attack('/auth/factors/passkeys/confirm', { handle, passkey: attestation }, token)).toBe(201)
    authenticator = maker
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })
  beforeEach(time.reset)

  const beginPasskey = async () => {
    const { body } = await signet.ask('/auth/factors/passkeys', asOwner(strong))
    const maker = createAuthenticator()
    const { clientExtensionResults: _, ...attestation } = maker.create(body.passkey)
    return { handle: body.handle, attestation, maker }
  }
  /** The status, which must be below 500, with no error in the log. */
  const attack = async (
    path: string,
    body: unknown,
    bearer: string | null,
    method: 'POST' | 'PATCH' | 'DELETE' = 'POST',
  ) => {
    const headers = bearer === null ? {} : { Authorization: `Bearer ${bearer}` }
    const { status } = await signet.ask(path, { method, body, headers })
    const errors = signet.lines.filter(line => line.level === 'error').map(({ error }) => error)
    expect({ path, body, status, errors: status < 500 ? [] : errors }).toMatchObject({ errors: [] })
    expect(status).toBeLessThan(500)
    return status
  }
  const credentials = { email: 'new@hostile.example', password: PASSWORD }
  const more = { client_id: 'first-party', refresh_transport: 'body', acr_values: 'urn:signet:acr:pwd' }
  const link = `signet_el_${'A'.repeat(43)}`

  it.each([
    ['/auth/register', { ...credentials, ...more }],
    ['/auth/login', { ...credentials, ...more }],
    ['/auth/login/passkey/options', { client_id: 'first-party', refresh_transport: 'body' }],
    ['/auth/login/second-factor', { handle: 'signet_cy_', recovery_code: 'aaaaa' }],
    ['/auth/refresh', { refresh_token: 'signet_rt_' }],
    ['/auth/logout', { refresh_token: 'signet_rt_', everywhere: true }],
    ['/auth/password/forgot', { email: 'nobody@hostile.example' }],
    ['/auth/password/reset', { token: link, new_password: PASSWORD }],
    ['/auth/email/verify', { token: link }],
  ])('are refused at %s', async (path, body) => {
    for (const each of bent(body)) await attack(path, each, null)
  })

  it.each([
    ['/auth/password', { current_password: 'wrong', new_password: 'a lighthouse on the cliff' }],
    ['/auth/email', { current_password: 'wrong', new_email: 'other@hostile.example' }],
    ['/auth/step-up', { handle: 'signet_cy_', totp: '000000' }],
    ['/auth/step-up', { recovery_code: 'aaaaa-aaaaa-aaaaa-aaaaa-aaaaa' }],
    ['/auth/factors/totp/confirm', { handle: 'signet_cy_', totp: '000000' }],
  ])('are refused at %s with an access token', async (path, body) => {
    for (const each of bent(body)) await attack(path, each, token)
    expect((await signet.ask('/auth/me', { token })).status).toBe(200)
  })

  it('are no fault of the server at PATCH /auth/me', async () => {
    const profile = { name: 'Ada', picture: 'https://img.example/a.png', locale: 'de', zoneinfo: 'UTC' }
    for (const each of bent(profile)) await attack('/auth/me', each, token, 'PATCH')
  })

  it('are refused at DELETE /auth/me', async () => {
    for (const each of bent({ current_password: 'wrong' }))
      expect(await attack('/auth/me', each, token, 'DELETE')).toBeGreaterThanOrEqual(400)
  })

  it.each(['%00', 'a%00b', '%ff', '%ed%a0%80', '%2e%2e', '{1}', 'x'.repeat(5_000)])(
    'are 404 in a path: %s',
    async segment => {
      for (const path of ['/auth/factors/passkeys/', '/auth/sessions/'])
        expect(await attack(path + segment, undefined, token, 'DELETE')).toBe(404)
    },
  )

  it('are refused in a passkey that signs in, with and without a password', async () => {
    const { clientExtensionResults: _, ...honest } = authenticator.get(
      { rpId: 'localhost', challenge: 'AAAA', allowCredentials: [] },
      { userHandle: 'AAAA' },
    )
    for (const passkey of bent(honest)) {
      const { handle } = (await signet.ask('/auth/login/passkey/options', { body: {} })).body
      expect(await attack('/auth/login/passkey', { handle, passkey }, null)).toBeGreaterThanOrEqual(400)
    }
    for (const id of HOSTILE) {
      const { handle } = (await trySignIn(signet, email)).body
      const body = { handle, passkey: { ...honest, id, rawId: id } }
      expect(await attack('/auth/login/second-factor', body, null)).toBeGreaterThanOrEqual(400)
    }
  })

  it('are refused in a passkey at its enrolment', async () => {
    const { attestation: form } = await beginPasskey()
    for (const [index] of bent({ passkey: form, label: 'mine' }).entries()) {
      const { handle, attestation } = await beginPasskey()
      const body = bent({ passkey: attestation, label: 'mine' })[index]
      await attack('/auth/factors/passkeys/confirm', { handle, ...(body as object) }, token)
    }
  })
})
