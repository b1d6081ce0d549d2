import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  ALIVE,
  claimsOf,
  DEAD,
  lives,
  outcomeOf,
  signUp,
  trySignIn,
} from '../../support/accounts/account-api.ts'
import { type Authenticator, type Bent, createAuthenticator } from '../../support/accounts/authenticator.ts'
import { asOwner, MFA, second, start } from '../../support/accounts/factors.ts'
import { type Body } from '../../support/answer.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'

const APP = {
  client_id: 'app',
  token_endpoint_auth_method: 'none',
  first_party: true,
  grant_types: ['refresh_token'],
  scope: 'account',
  redirect_uris: ['https://app.example/callback'],
}

describe.each(deployments)('a passkey ($name)', ({ open }) => {
  const time = createClock()
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([APP])
    signet = await start(deployment, time)
  })
  afterAll(async () => {
    await signet.close()
    await deployment.close()
  })

  const begin = async (tokens: Body) => (await signet.ask('/auth/factors/passkeys', asOwner(tokens))).body
  const confirm = (token: string, body: object) =>
    signet.ask('/auth/factors/passkeys/confirm', { body, token })
  const enrol = async (tokens: Body, authenticator: Authenticator, bent: Bent = {}) => {
    const { handle, passkey } = await begin(tokens)
    return confirm(tokens.access_token, { handle, passkey: authenticator.create(passkey, bent) })
  }
  /** Registers an account with one passkey. */
  const withPasskey = async (email: string, authenticator = createAuthenticator()) => {
    const tokens = await signUp(signet, email)
    const { status, body } = await enrol(tokens, authenticator)
    expect(status).toBe(201)
    return { email, tokens, authenticator, recovery_codes: body.recovery_codes }
  }
  const enter = async (email: string, authenticator: Authenticator, bent: Bent = {}) => {
    const { body } = await trySignIn(signet, email)
    return second(signet, body.handle, { passkey: authenticator.get(body.passkey, bent) })
  }

  it.each([
    ['ES256', false, 'hwk'],
    ['RS256', false, 'hwk'],
    ['ES256', true, 'swk'],
  ] as const)('signs in with an %s key, synced %s, as %s', async (algorithm, isSynced, method) => {
    const authenticator = createAuthenticator({ algorithm, isSynced, counts: !isSynced })
    const ada = await withPasskey(`${algorithm}-${method}@passkey.example`, authenticator)
    expect(ada.recovery_codes).toHaveLength(10)
    for (const _ of [1, 2]) {
      const { status, body } = await enter(ada.email, authenticator)
      expect(status).toBe(200)
      expect(claimsOf(body.access_token)).toMatchObject({ amr: ['pwd', method, 'mfa'], acr: MFA })
    }
    const { body } = await signet.ask('/auth/factors', { token: ada.tokens.access_token })
    expect(body.passkeys).toEqual([
      {
        id: authenticator.id,
        label: 'An unknown device',
        backed_up: isSynced,
        created_at: expect.any(String),
        last_used_at: expect.any(String),
      },
    ])
  })

  it('WebAuthn §5.4 – is created with the options that the browser needs', async () => {
    const tokens = await signUp(signet, 'options@passkey.example')
    const { access_token, user } = tokens
    const authenticator = createAuthenticator()
    const { passkey: creation, handle } = await begin(tokens)
    expect(creation).toMatchObject({
      rp: { id: 'localhost' },
      user: { id: Buffer.from(user.id.replaceAll('-', ''), 'hex').toString('base64url') },
      excludeCredentials: [],
      authenticatorSelection: { userVerification: 'required' },
      attestation: 'none',
    })
    await confirm(access_token, { handle, passkey: authenticator.create(creation), label: ' My key ' })
    const { body } = await trySignIn(signet, 'options@passkey.example')
    expect(body.factors).toEqual(['passkey', 'recovery_code'])
    expect(body.passkey).toEqual({
      rpId: 'localhost',
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      timeout: 300_000,
      allowCredentials: [{ type: 'public-key', id: authenticator.id, transports: ['internal'] }],
      userVerification: 'required',
    })
    const { body: listed } = await signet.ask('/auth/factors', { token: access_token })
    expect(listed.passkeys[0]).toMatchObject({ label: 'My key' })
  })

  const UV_ONLY = 4
  const UP_ONLY = 1
  const tampered: readonly (readonly [string, Bent])[] = [
    ['another page', { origin: 'https://evil.example' }],
    ['a page that begins like ours', { origin: 'http://localhost:8080.evil.example' }],
    ['another port', { origin: 'http://localhost:8081' }],
    ['the page of another client', { origin: 'https://app.example' }],
    ['no page', { origin: 'null' }],
    ['a frame on another site', { crossOrigin: true, topOrigin: 'https://evil.example' }],
    ['a frame that does not say where', { crossOrigin: true }],
    ['another relying party', { rp_id: 'evil.example' }],
    ['another challenge', { challenge: randomBytes(32).toString('base64url') }],
    ['no challenge', { challenge: '' }],
    ['no user presence', { flags: UV_ONLY }],
    ['no user verification', { flags: UP_ONLY }],
    ['no flags', { flags: 0 }],
    ['a backup of a credential that is not eligible for it', { flags: 1 | 4 | 8 | 16 }],
  ]

  it.each([
    ...tampered,
    ['the other ceremony', { type: 'webauthn.create' }],
    ['another id', { id: randomBytes(32).toString('base64url') }],
    ['another signature', { signature: randomBytes(70) }],
    ['a signature of one byte', { signature: Buffer.alloc(1) }],
    ['another key', { key: createAuthenticator().privateKey }],
    ['another user handle', { userHandle: randomBytes(16).toString('base64url') }],
  ] satisfies readonly (readonly [string, Bent])[])(
    'WebAuthn §7.2 – refuses an assertion with %s',
    async (what, bent) => {
      const ada = await withPasskey(`${what.replaceAll(/\W/g, '-')}@assert.example`)
      expect(outcomeOf(await enter(ada.email, ada.authenticator, bent))).toBe(
        '401 AUTH_SECOND_FACTOR_INVALID',
      )
      expect((await enter(ada.email, ada.authenticator)).status).toBe(200)
    },
  )

  it.each([
    ...tampered.filter(([what]) => what !== 'a backup of a credential that is not eligible for it'),
    ['the other ceremony', { type: 'webauthn.get' }],
    ['another id', { id: randomBytes(32).toString('base64url') }],
    [
      'a certificate chain',
      { fmt: 'packed', attStmt: new Map<unknown, unknown>([['x5c', [Buffer.alloc(9)]]]) },
    ],
    ['an attestation of a vendor', { fmt: 'fido-u2f' }],
    ['an unexpected attestation statement', { attStmt: new Map<unknown, unknown>([['alg', -7]]) }],
    ['no key', { flags: 1 | 4 }],
  ] satisfies readonly (readonly [string, Bent])[])(
    'WebAuthn §7.1 – refuses to enrol one with %s',
    async (what, bent) => {
      const tokens = await signUp(signet, `${what.replaceAll(/\W/g, '-')}@enrol.example`)
      const { access_token } = tokens
      const refused = await enrol(tokens, createAuthenticator(), bent)
      expect([refused.status, refused.body.errors?.[0]?.pointer]).toEqual([422, '#/passkey'])
      const { body } = await signet.ask('/auth/factors', { token: access_token })
      expect(body).toEqual({ totp: null, passkeys: [], recovery_codes: 0 })
    },
  )

  it('WebAuthn §6.1.1 – refuses a signature counter that has not grown', async () => {
    const ada = await withPasskey('counter@passkey.example')
    expect((await enter(ada.email, ada.authenticator, { counter: 7 })).status).toBe(200)
    for (const counter of [7, 6, 0])
      expect(outcomeOf(await enter(ada.email, ada.authenticator, { counter }))).toBe(
        '401 AUTH_SECOND_FACTOR_INVALID',
      )
    expect((await enter(ada.email, ada.authenticator, { counter: 8 })).status).toBe(200)
  })

  it('WebAuthn §13.4.3 – answers the challenge of its own ceremony, once', async () => {
    const authenticator = createAuthenticator({ isSynced: true, counts: false })
    const ada = await withPasskey('replay@passkey.example', authenticator)
    const { body: first } = await trySignIn(signet, ada.email)
    const passkey = authenticator.get(first.passkey)
    const signedIn = await second(signet, first.handle, { passkey })
    expect(signedIn.status).toBe(200)
    expect(outcomeOf(await second(signet, first.handle, { passkey }))).toBe('401 AUTH_CEREMONY_OVER')
    const { body: next } = await trySignIn(signet, ada.email)
    expect(outcomeOf(await second(signet, next.handle, { passkey }))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    const { access_token } = signedIn.body
    const stepUp = (body: object) => signet.ask('/auth/step-up', { body, token: access_token })
    const answered = authenticator.get(next.passkey)
    expect(outcomeOf(await stepUp({ handle: next.handle, passkey: answered }))).toBe('401 AUTH_CEREMONY_OVER')
    const { body: options } = await signet.ask('/auth/step-up/options', {
      method: 'POST',
      token: access_token,
    })
    expect(
      outcomeOf(await second(signet, options.handle, { passkey: authenticator.get(options.passkey) })),
    ).toBe('401 AUTH_CEREMONY_OVER')
    expect(outcomeOf(await stepUp({ handle: options.handle, passkey: answered }))).toBe(
      '401 AUTH_SECOND_FACTOR_INVALID',
    )
    expect((await stepUp({ passkey: authenticator.get(options.passkey) })).body.errors?.[0]?.pointer).toBe(
      '#/handle',
    )
    expect(
      (await stepUp({ handle: options.handle, passkey: authenticator.get(options.passkey) })).status,
    ).toBe(200)
  })

  it('opens one sign-in when many requests bring one assertion without a counter', async () => {
    const authenticator = createAuthenticator({ isSynced: true, counts: false })
    const ada = await withPasskey('race@passkey.example', authenticator)
    const { body } = await trySignIn(signet, ada.email)
    const passkey = authenticator.get(body.passkey)
    const answers = await Promise.all([1, 2, 3, 4].map(() => second(signet, body.handle, { passkey })))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  it('is refused at another account, to sign in and to enrol', async () => {
    const ada = await withPasskey('owner@passkey.example')
    const eve = await withPasskey('eve@passkey.example')
    expect(outcomeOf(await enter(ada.email, eve.authenticator))).toBe('401 AUTH_SECOND_FACTOR_INVALID')
    const tokens = await signUp(signet, 'second@passkey.example')
    expect(outcomeOf(await enrol(tokens, ada.authenticator))).toBe('409 FACTOR_EXISTS')
    expect((await enter(ada.email, ada.authenticator)).status).toBe(200)
  })

  it('belongs to one account when two enrol it at once', async () => {
    const people = await Promise.all(
      ['one', 'two', 'three', 'four'].map(name => signUp(signet, `${name}@atonce.example`)),
    )
    const authenticator = createAuthenticator()
    const answers = await Promise.all(people.map(tokens => enrol(tokens, authenticator)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    for (const { status } of answers) expect([201, 401, 409]).toContain(status)
    const owned = await Promise.all(
      people.map(
        async ({ access_token }) => (await signet.ask('/auth/factors', { token: access_token })).body,
      ),
    )
    expect(owned.filter(({ passkeys }) => passkeys.length === 1)).toHaveLength(1)
    expect(owned.filter(({ passkeys }) => passkeys.length === 0).map(each => each.recovery_codes)).toEqual([
      0, 0, 0,
    ])
  })

  it('is removed by one of many requests, whose sign-in goes on', async () => {
    const ada = await withPasskey('removals@passkey.example')
    const strong = (await enter(ada.email, ada.authenticator)).body
    const remove = () =>
      signet.ask(`/auth/factors/passkeys/${ada.authenticator.id}`, asOwner(strong, 'DELETE'))
    const answers = await Promise.all([remove(), remove(), remove()])
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1)
    for (const { status } of answers) expect([204, 401, 404]).toContain(status)
    expect(await lives(signet, strong)).toEqual(ALIVE)
  })

  it('is enrolled only by the sign-in that began the enrolment, with its challenge', async () => {
    const tokens = await signUp(signet, 'sid@passkey.example')
    const { access_token } = tokens
    const other = await trySignIn(signet, 'sid@passkey.example')
    const eve = await signUp(signet, 'eve-sid@passkey.example')
    const authenticator = createAuthenticator()
    const { handle, passkey } = await begin(tokens)
    const answer = { handle, passkey: authenticator.create(passkey) }
    expect(outcomeOf(await confirm(other.body.access_token, answer))).toBe('401 AUTH_CEREMONY_OVER')
    expect(outcomeOf(await confirm(eve.access_token, answer))).toBe('401 AUTH_CEREMONY_OVER')
    const again = await begin(tokens)
    expect((await confirm(access_token, { ...answer, handle: again.handle })).status).toBe(422)
    expect((await confirm(access_token, answer)).status).toBe(201)
    expect(outcomeOf(await confirm(access_token, answer))).toBe('401 AUTH_CEREMONY_OVER')
  })

  it('is accepted from the pages of its client', async () => {
    const tokens = await signUp(signet, 'pages@passkey.example', { client_id: 'app' })
    const app = createAuthenticator({ origin: 'https://app.example' })
    expect((await enrol(tokens, app)).status).toBe(201)
    const { body } = await trySignIn(signet, 'pages@passkey.example', { client_id: 'app' })
    expect((await second(signet, body.handle, { passkey: app.get(body.passkey) })).status).toBe(200)
  })

  it('is removed after a fresh sign-in with it, and every other sign-in ends', async () => {
    const ada = await withPasskey('remove@passkey.example')
    const remove = (tokens: Body, id: string) =>
      signet.ask(`/auth/factors/passkeys/${id}`, asOwner(tokens, 'DELETE'))
    const { id } = ada.authenticator
    const strong = (await enter(ada.email, ada.authenticator)).body
    const elsewhere = (await enter(ada.email, ada.authenticator)).body
    expect(outcomeOf(await remove(ada.tokens, id))).toBe('401 AUTH_STEP_UP_REQUIRED')
    const eve = await withPasskey('remove-eve@passkey.example')
    const hers = (await enter(eve.email, eve.authenticator)).body
    expect(outcomeOf(await remove(hers, id))).toBe('404 NOT_FOUND')
    expect((await remove(strong, id)).status).toBe(204)
    expect(outcomeOf(await remove(strong, id))).toBe('404 NOT_FOUND')
    expect(await lives(signet, elsewhere)).toEqual(DEAD)
    expect(await lives(signet, strong)).toEqual(ALIVE)
    expect(await lives(signet, hers)).toEqual(ALIVE)
    const { status, body } = await trySignIn(signet, ada.email)
    expect([status, claimsOf(body.access_token)['amr']]).toEqual([200, ['pwd']])
    const { body: left } = await signet.ask('/auth/factors', { token: strong.access_token })
    expect(left).toEqual({ totp: null, passkeys: [], recovery_codes: 0 })
  })

  describe('of an account without a password', () => {
    /** An account whose passkeys are its only ways in, and a fresh sign-in with the first of them. */
    const withoutPassword = async (email: string, more = 0) => {
      const ada = await withPasskey(email)
      let tokens: Body = (await enter(email, ada.authenticator)).body
      const ids = [ada.authenticator.id]
      for (let count = 0; count < more; count++) {
        const authenticator = createAuthenticator()
        await enrol(tokens, authenticator)
        ids.push(authenticator.id)
      }
      tokens = (await enter(email, ada.authenticator)).body
      await deployment.database.run(
        sql => sql`update signet.users set password_digest = null where email = ${email}`,
      )
      return { ids, tokens }
    }
    const remove = (tokens: Body, id: string) =>
      signet.ask(`/auth/factors/passkeys/${id}`, asOwner(tokens, 'DELETE'))
    const idsOf = async ({ access_token }: Body) =>
      (await signet.ask('/auth/factors', { token: access_token })).body.passkeys.map(({ id }) => id)

    it('is not removed as the last way in', async () => {
      const { ids, tokens } = await withoutPassword('last-way@passkey.example')
      expect(outcomeOf(await remove(tokens, ids[0] ?? ''))).toBe('409 FACTOR_LAST_WAY')
      expect(await idsOf(tokens)).toEqual(ids)
      expect(await lives(signet, tokens)).toEqual(ALIVE)
    })

    it('stays when two requests, at two instances, remove the two ways in at once', async () => {
      const second = await start(deployment, time)
      const { ids, tokens } = await withoutPassword('two-ways@passkey.example', 1)
      const [one = '', other = ''] = ids
      const answers = await Promise.all([
        remove(tokens, one),
        second.ask(`/auth/factors/passkeys/${other}`, asOwner(tokens, 'DELETE')),
      ])
      const outcomes = answers.map(outcomeOf)
      expect(outcomes.filter(each => each === '204')).toHaveLength(1)
      for (const outcome of outcomes)
        expect(['204', '401 AUTH_TOKEN_INVALID', '409 FACTOR_LAST_WAY']).toContain(outcome)
      expect(await idsOf(tokens)).toHaveLength(1)
      await second.close()
    })
  })

  it('is one of several of an account, whose recovery codes stay while one is left', async () => {
    const ada = await withPasskey('two@passkey.example')
    const strong: Body = (await enter(ada.email, ada.authenticator)).body
    const more = createAuthenticator()
    const added = await enrol(strong, more)
    expect([added.status, added.body.recovery_codes]).toEqual([201, []])
    const path = `/auth/factors/passkeys/${ada.authenticator.id}`
    await signet.ask(path, asOwner(strong, 'DELETE'))
    expect((await enter(ada.email, more)).status).toBe(200)
    const { body } = await signet.ask('/auth/factors', { token: strong.access_token })
    expect(body).toMatchObject({ recovery_codes: 10, passkeys: [{ id: more.id }] })
  })

  it.each([
    ['no object', 'x'],
    ['nothing in it', {}],
    ['a type of its own', { type: 'password' }],
    ['an id that is too long', { id: 'a'.repeat(2_000) }],
  ])('is refused when it lacks its shape: %s', async (_what, passkey) => {
    const { body } = await trySignIn(signet, 'two@passkey.example')
    const { status, body: refusal } = await second(signet, body.handle, { passkey })
    expect(status).toBe(422)
    expect(refusal.errors.every(({ pointer }) => pointer.startsWith('#/passkey'))).toBe(true)
  })

  it('is refused when it is no CBOR, no JSON or no base64', async () => {
    const { body } = await trySignIn(signet, 'two@passkey.example')
    const [descriptor] = body.passkey['allowCredentials'] as readonly { id: string }[]
    const id = descriptor?.id ?? ''
    for (const text of ['!', 'e30', 'AAAA', randomBytes(200).toString('base64url')]) {
      const response = { clientDataJSON: text, authenticatorData: text, signature: text }
      const passkey = { id, rawId: id, type: 'public-key', response }
      expect((await second(signet, body.handle, { passkey })).status).toBe(401)
    }
    const tokens = await signUp(signet, 'garbage@passkey.example')
    const { access_token } = tokens
    for (const text of ['!', 'e30', 'AAAA', randomBytes(200).toString('base64url')]) {
      const { handle, passkey: options } = await begin(tokens)
      const honest = createAuthenticator().create(options)
      const passkey = { ...honest, response: { ...honest.response, attestationObject: text } }
      expect((await confirm(access_token, { handle, passkey })).status).toBe(422)
    }
  })
})
