import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import type { Event } from '../../../src/domain/events/event.ts'
import { EVENT_KINDS, type EventKind } from '../../../src/domain/events/event-kinds.ts'
import { onBehalfOf } from '../../../src/platform/origin-context.ts'
import { createClientRegistrations } from '../../../src/store/clients/client-registrations.ts'
import { createRegistrationRows } from '../../../src/store/clients/registration-rows.ts'
import { createRegistrationTokens } from '../../../src/store/clients/registration-tokens.ts'
import { createEvents } from '../../../src/store/events/events.ts'
import { createIdentities } from '../../../src/store/identities/identities.ts'
import { createEndings } from '../../../src/store/revocations/endings.ts'
import { claimsOf, sidOf, signIn, signUp, trySignIn, trySignUp } from '../../support/accounts/account-api.ts'
import {
  ADMINISTERING,
  type Administration,
  administrationBy,
} from '../../support/accounts/administration.ts'
import { createAuthenticator } from '../../support/accounts/authenticator.ts'
import { asOwner, stepUp, withTotp } from '../../support/accounts/factors.ts'
import {
  changeEmail,
  NEW_PASSWORD,
  type Post,
  resetToken,
  SUBJECTS,
  startWithMail,
} from '../../support/accounts/mail.ts'
import type { Answer } from '../../support/answer.ts'
import { newAddress, newEmail, PASSWORD } from '../../support/ask.ts'
import { API, CLIENT_CREDENTIALS, CLIENTS, SERVICE } from '../../support/clients.ts'
import { type Deployment, openDeployment } from '../../support/deployment.ts'
import { createClock } from '../../support/effects.ts'
import { LIFETIMES, seedFamily } from '../../support/families.ts'
import { answerOf, CODE_CHALLENGE, CODE_VERIFIER, createPerson, queryOf } from '../../support/pages/person.ts'
import { linkIn } from '../../support/services/mailbox.ts'

const CALLBACK = 'https://notes.example/cb'
const NOTES = {
  client_id: 'notes',
  client_name: 'Notes',
  token_endpoint_auth_method: 'none',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [CALLBACK],
  scope: 'openid read',
  audience: [API],
}
const OPERATOR = { actor: { type: 'operator', id: 'root' }, ip: null, request_id: null } as const

/** Kinds whose events are of statements and commands with a test of their own. */
const ELSEWHERE: readonly EventKind[] = [
  'sign_in.refused',
  'account.imported',
  'factor.passkey_removed',
  'client.secret_added',
  'key.created',
  'key.promoted',
  'key.retired',
  'key.revoked',
  'database.restored',
]

type Told = Partial<Event> & Readonly<{ kind: EventKind }>

describe('every kind of event', () => {
  const time = createClock()
  const secrets = new Set<string>()
  const seen = new Set<EventKind>()
  let deployment: Deployment
  let post: Post
  let admin: Administration
  beforeAll(async () => {
    deployment = await openDeployment([...CLIENTS, ...ADMINISTERING, NOTES])
    post = await startWithMail(deployment, {
      clock: time.clock,
      environment: { RATE_LIMIT_SECOND_FACTOR: 'off' },
    })
    admin = await administrationBy(post.signet, 'operator')
  })
  afterAll(async () => {
    await post.close()
    await deployment.close()
  })

  const events = () => createEvents(deployment.database)
  const placed = async (number: number): Promise<readonly Event[]> => {
    while (await events().place());
    return (await events().readStream({ number, tag: null }, 1000))?.events ?? []
  }
  /** The events that an act writes, which must be these and no other. An act through HTTP is named by its request. */
  const expectEvents = async (act: () => Promise<Answer | void>, told: readonly Told[]) => {
    while (await events().place());
    const { number: begin } = (await events().readBounds(null)).last
    const answer = await act()
    const written = (await placed(begin)).toSorted((a, b) => order(told, a) - order(told, b))
    expect(written.map(({ kind, reason }) => [kind, reason])).toEqual(
      told.map(({ kind, reason = null }) => [kind, reason]),
    )
    const request_id = answer?.headers.get('x-request-id')
    for (const [index, event] of told.entries()) {
      seen.add(event.kind)
      expect(written[index]).toMatchObject({ outcome: 'succeeded', count: 1, ...event })
      if (request_id) expect(written[index]).toMatchObject({ request_id })
    }
  }
  const order = (told: readonly Told[], { kind }: Event) => told.findIndex(each => each.kind === kind)

  const person = async (more: object = {}) => {
    const email = newEmail()
    const tokens = await signUp(post.signet, email, more)
    for (const secret of [email, PASSWORD, tokens.access_token, tokens.refresh_token]) secrets.add(secret)
    return { email, tokens, sub: tokens.user.id, sid: sidOf(tokens) }
  }
  const self = (sub: string) => ({ type: 'person', id: sub }) as const
  const SYSTEM = { type: 'system' } as const
  const BY_OPERATOR = { type: 'client', id: 'operator' } as const

  it('of sign-ins names person, client, sign-in and request', async () => {
    const { signet } = post
    const from = newAddress()
    const email = newEmail()
    let made: Answer['body'] | undefined
    await expectEvents(async () => {
      const answer = await trySignUp(signet, email, { client_id: 'app' }, { 'x-forwarded-for': from })
      made = answer.body
      return answer
    }, [
      { kind: 'account.registered', ip: from },
      { kind: 'sign_in.opened', ip: from, client_id: 'app', details: { amr: ['pwd'], scope: 'read write' } },
    ])
    const sub = made?.user.id ?? ''
    const sid = sidOf(made ?? { access_token: '' })
    await expectEvents(
      () => trySignIn(signet, email, { client_id: 'app' }),
      [{ kind: 'sign_in.opened', sub, actor: self(sub), client_id: 'app' }],
    )
    const { refresh_token = '' } = made ?? {}
    const out = () => signet.ask('/auth/logout', { body: { refresh_token }, from })
    await expectEvents(out, [
      { kind: 'sign_in.ended', reason: 'signed_out', sub, sid, actor: self(sub), client_id: 'app', ip: from },
    ])
    await expectEvents(out, [])
    const living = await signIn(signet, email)
    await expectEvents(
      () => signet.ask('/auth/sessions', { method: 'DELETE', token: living.access_token }),
      [{ kind: 'sign_in.ended', reason: 'signed_out_elsewhere', sub }],
    )
  })

  it('of a refresh token names the request that presented it; a rotation is none', async () => {
    const { signet } = post
    const present = (refresh_token: string, { client_id = 'app', from = newAddress() } = {}) =>
      signet.token({ grant_type: 'refresh_token', client_id, refresh_token }, { 'x-forwarded-for': from })
    const family = await seedFamily(deployment)
    const of = { sub: family.user_id, sid: family.id, client_id: 'app' }
    const thief = newAddress()
    await expectEvents(() => present(family.tokenAt(0)), [])
    await expectEvents(
      () => present(family.tokenAt(0), { from: thief }),
      [
        {
          kind: 'refresh_token.reused',
          outcome: 'refused',
          actor: null,
          ip: thief,
          details: { presented_generation: 0, generation: 1, last_ip: expect.any(String) },
          ...of,
        },
        { kind: 'sign_in.ended', reason: 'reuse', actor: SYSTEM, ip: thief, ...of },
      ],
    )
    await expectEvents(() => present(family.tokenAt(0), { from: thief }), [])
    const forged = await seedFamily(deployment)
    await expectEvents(
      () => present(forged.tokenAt(5)),
      [
        { kind: 'refresh_token.forged', outcome: 'refused', actor: null, sid: forged.id },
        { kind: 'sign_in.ended', reason: 'forged', actor: SYSTEM, sid: forged.id },
      ],
    )
    const graced = await seedFamily(deployment, { client_id: 'grace-app', audience: [API] })
    const client_id = 'grace-app'
    const home = newAddress()
    await present(graced.tokenAt(0), { client_id, from: home })
    await expectEvents(() => present(graced.tokenAt(0), { client_id, from: home }), [])
    await expectEvents(
      () => present(graced.tokenAt(0), { client_id, from: thief }),
      [{ kind: 'refresh_token.answered_elsewhere', sid: graced.id, ip: thief }],
    )
  })

  it('of requests that share a statement names the address of each, on two instances', async () => {
    const other = await deployment.start()
    const families = await Promise.all(Array.from({ length: 6 }, () => seedFamily(deployment)))
    const begin = (await placed(0)).length
    const requests = families.flatMap((family, at) =>
      [post.signet, other].map(signet => ({ signet, family, from: `192.0.2.${at + 1}` })),
    )
    const answers = await Promise.all(
      requests.map(({ signet, family, from }) =>
        signet.token(
          { grant_type: 'refresh_token', client_id: 'app', refresh_token: family.tokenAt(7) },
          { 'x-forwarded-for': from },
        ),
      ),
    )
    const idsAt = (at: number) =>
      new Set(answers.slice(2 * at, 2 * at + 2).map(({ headers }) => headers.get('x-request-id')))
    const written = await placed(begin)
    for (const [at, { id }] of families.entries()) {
      const own = written.filter(({ sid }) => sid === id)
      expect(own.map(({ kind }) => kind).toSorted()).toEqual(['refresh_token.forged', 'sign_in.ended'])
      for (const event of own) {
        expect(event.ip).toBe(`192.0.2.${at + 1}`)
        expect(idsAt(at).has(event.request_id)).toBe(true)
      }
      expect(own[0]?.request_id).toBe(own[1]?.request_id)
    }
    await other.close()
  })

  it('of revocation and authorization', async () => {
    const { signet } = post
    const { access_token } = (await signet.token(CLIENT_CREDENTIALS, SERVICE)).body
    const revoke = () => signet.post('/revoke', { token: access_token }, SERVICE)
    await expectEvents(revoke, [
      { kind: 'access_token.revoked', client_id: 'service', jti: String(claimsOf(access_token)['jti']) },
    ])
    await expectEvents(revoke, [])

    const visitor = createPerson(signet)
    const { email, sub } = await person()
    const query = queryOf({
      response_type: 'code',
      client_id: 'notes',
      redirect_uri: CALLBACK,
      scope: 'openid read',
      code_challenge: CODE_CHALLENGE,
      code_challenge_method: 'S256',
    })
    const page = await visitor.arrive(query)
    let consent = page
    await expectEvents(
      async () => void (consent = await visitor.signIn(page, email)),
      [{ kind: 'session.opened', sub, actor: self(sub) }],
    )
    let code = ''
    await expectEvents(async () => {
      code = answerOf(await visitor.allow(consent))['code'] ?? ''
    }, [
      { kind: 'consent.granted', sub, client_id: 'notes', details: { granted: ['openid', `read ${API}`] } },
    ])
    secrets.add(code)
    const redeem = () =>
      signet.token({
        grant_type: 'authorization_code',
        client_id: 'notes',
        redirect_uri: CALLBACK,
        code,
        code_verifier: CODE_VERIFIER,
      })
    await expectEvents(redeem, [{ kind: 'sign_in.opened', sub, client_id: 'notes' }])
    await expectEvents(redeem, [
      { kind: 'code.replayed', outcome: 'refused', actor: null, sub, client_id: 'notes' },
      { kind: 'sign_in.ended', reason: 'code_replayed', actor: SYSTEM, sub },
    ])
    await expectEvents(redeem, [])
    const withdraw = () => admin(`/accounts/${sub}/consents/notes`, { method: 'DELETE' })
    await expectEvents(withdraw, [
      { kind: 'consent.withdrawn', sub, client_id: 'notes', reason: 'ended_by_operator', actor: BY_OPERATOR },
    ])
    await expectEvents(withdraw, [])
    await expectEvents(
      async () => void (await visitor.submit(await visitor.open('/logout'), { decision: 'allow' })),
      [{ kind: 'session.ended', sub }],
    )
  })

  it('of an account and its factors, by their owner', async () => {
    const { signet, mailbox } = post
    const { email, tokens, sub } = await person()
    const token = tokens.access_token
    const profile = () => signet.ask('/auth/me', { method: 'PATCH', body: { name: 'Ada' }, token })
    await expectEvents(profile, [{ kind: 'account.profile_changed', sub, details: { members: ['name'] } }])
    await expectEvents(profile, [])
    const verification = linkIn(await mailbox.mailTo(email, SUBJECTS.verify)).token
    secrets.add(verification)
    const verify = () => signet.ask('/auth/email/verify', { body: { token: verification } })
    await expectEvents(verify, [{ kind: 'account.email_verified', sub }])
    await expectEvents(verify, [])
    const new_email = newEmail()
    await changeEmail(signet, tokens, { current_password: PASSWORD, new_email })
    const change = linkIn(await mailbox.mailTo(new_email, SUBJECTS.change)).token
    await expectEvents(
      () => signet.ask('/auth/email/verify', { body: { token: change } }),
      [{ kind: 'account.email_changed', sub }],
    )
    await expectEvents(
      () =>
        signet.ask('/auth/password', {
          body: {
            current_password: PASSWORD,
            new_password: NEW_PASSWORD,
            refresh_token: tokens.refresh_token,
          },
          token,
        }),
      [{ kind: 'account.password_changed', sub }],
    )
    const reset = await resetToken(post, new_email)
    secrets.add(new_email).add(NEW_PASSWORD).add(change).add(reset)
    const setAnew = () =>
      signet.ask('/auth/password/reset', { body: { token: reset, new_password: PASSWORD } })
    await expectEvents(setAnew, [
      { kind: 'account.password_reset', sub, details: { is_first_proof: false } },
      { kind: 'sign_in.ended', sub, reason: 'password_changed' },
    ])
    await expectEvents(setAnew, [])
    await expectEvents(
      () => admin(`/accounts/${sub}/export`),
      [{ kind: 'account.exported', sub, actor: BY_OPERATOR }],
    )
    const living = await signIn(signet, new_email, { password: PASSWORD })
    await expectEvents(
      () => signet.ask('/auth/me/export', { token: living.access_token }),
      [{ kind: 'account.exported', sub, actor: self(sub) }],
    )
    await expectEvents(
      () =>
        signet.ask('/auth/me', {
          method: 'DELETE',
          body: { current_password: PASSWORD },
          token: living.access_token,
        }),
      [
        { kind: 'account.deleted', sub },
        { kind: 'sign_in.ended', sub, reason: 'deleted' },
      ],
    )
  })

  it('of second factors', async () => {
    const { signet } = post
    const ada = await withTotp(signet, time, newEmail())
    for (const secret of ada.recovery_codes ?? []) secrets.add(secret)
    const written = await placed(0)
    const of = written.filter(({ sub }) => sub === ada.tokens.user.id).map(({ kind }) => kind)
    expect(of.toSorted()).toEqual(
      ['account.registered', 'factor.recovery_codes_made', 'factor.totp_added', 'sign_in.opened'].toSorted(),
    )
    seen.add('factor.totp_added').add('factor.recovery_codes_made')
    const sub = ada.tokens.user.id
    let proved: Answer | undefined
    const first = sidOf(ada.tokens)
    await expectEvents(
      async () => (proved = await stepUp(signet, ada.tokens, { totp: ada.code() })),
      [
        { kind: 'sign_in.stepped_up', sub, details: { amr: ['pwd', 'otp', 'mfa'], replaces: first } },
        { kind: 'sign_in.ended', sub, sid: first, reason: 'stepped_up' },
      ],
    )
    time.advance(30)
    const tokens = proved?.body ?? ada.tokens
    const key = createAuthenticator()
    const begun = await signet.ask('/auth/factors/passkeys', asOwner(tokens))
    await expectEvents(
      () =>
        signet.ask('/auth/factors/passkeys/confirm', {
          body: {
            handle: begun.body.handle,
            passkey: key.create(begun.body.passkey),
            label: 'a label of Ada',
          },
          token: tokens.access_token,
        }),
      [{ kind: 'factor.passkey_added', sub }],
    )
    secrets.add('a label of Ada')
    await expectEvents(
      () => signet.ask('/auth/factors/totp', asOwner(tokens, 'DELETE')),
      [{ kind: 'factor.totp_removed', sub }],
    )
    const { body } = await trySignIn(signet, ada.email)
    await expectEvents(
      () =>
        signet.ask('/auth/login/second-factor', {
          body: { handle: body.handle, recovery_code: ada.recovery_codes?.[0] },
        }),
      [
        { kind: 'factor.recovery_code_spent', sub },
        { kind: 'sign_in.opened', sub },
      ],
    )
  })

  it('of an operator at the administration', async () => {
    const { sub, sid } = await person()
    const path = `/accounts/${sub}`
    const by = { sub, actor: BY_OPERATOR }
    const send = (to: string, method = 'POST') => admin(`${path}${to}`, { method })
    const patch = (body: object) => () => admin(path, { method: 'PATCH', body })
    await expectEvents(patch({ roles: ['user', 'support'], external_id: `old|${sub}` }), [
      { kind: 'account.roles_changed', details: { from: ['user'], to: ['user', 'support'] }, ...by },
      { kind: 'account.external_id_changed', ...by },
    ])
    await expectEvents(patch({ roles: ['user', 'support'], external_id: `old|${sub}` }), [])
    await expectEvents(
      () => send('/end-sign-ins'),
      [
        { kind: 'account.everything_revoked', reason: 'ended_by_operator', ...by },
        { kind: 'sign_in.ended', reason: 'ended_by_operator', sid, ...by },
      ],
    )
    await expectEvents(() => send('/disable'), [{ kind: 'account.disabled', ...by }])
    await expectEvents(() => send('/disable'), [])
    const enabled = await placed(0)
    await Promise.all(Array.from({ length: 6 }, () => send('/enable')))
    const more = (await placed(0)).slice(enabled.length)
    expect(more.map(({ kind }) => kind)).toEqual(['account.enabled'])
    seen.add('account.enabled')
    await expectEvents(() => send('/factors', 'DELETE'), [{ kind: 'factor.all_removed', ...by }])
    await expectEvents(() => send('', 'DELETE'), [{ kind: 'account.deleted', ...by }])
    const email = newEmail()
    secrets.add(email)
    await expectEvents(
      () => admin('/accounts', { method: 'POST', body: { email, password: PASSWORD } }),
      [{ kind: 'account.created', actor: BY_OPERATOR }],
    )
    const invited = newEmail()
    secrets.add(invited)
    await expectEvents(
      () => admin('/invitations', { method: 'POST', body: { email: invited } }),
      [{ kind: 'invitation.sent', sub: null, actor: BY_OPERATOR }],
    )
  })

  it('of clients and identities, in the verbs of the store', async () => {
    const { database } = deployment
    const by = { actor: OPERATOR.actor }
    const verb = (work: () => Promise<unknown>, told: readonly Told[]) =>
      expectEvents(async () => void (await onBehalfOf(OPERATOR, work)), told)
    const clients = createClientRegistrations(database)
    const client_id = `c-${randomUUID()}`
    const row = { client_id, metadata: '{"a":1}', client_secret_digest: null }
    let version = 0
    await verb(async () => {
      const created = await clients.create(row)
      if (typeof created === 'object') version = created.version
    }, [{ kind: 'client.created', client_id, ...by }])
    await verb(() => clients.create(row), [])
    await verb(
      () => clients.replace({ ...row, metadata: '{"a":2}', version }),
      [{ kind: 'client.changed', client_id, details: { members: ['a'], secret: false } }],
    )
    await verb(() => clients.replace({ ...row, metadata: '{"a":3}', version }), [])
    await verb(
      () => Promise.all([clients.disable(client_id), clients.disable(client_id)]),
      [{ kind: 'client.disabled', client_id }],
    )
    await verb(() => clients.enable(client_id), [{ kind: 'client.enabled', client_id }])
    await verb(() => clients.enable(client_id), [])
    await verb(
      () => createEndings(database, LIFETIMES).endClient(client_id),
      [{ kind: 'client.everything_revoked', client_id, details: { sign_ins: 0 } }],
    )
    await verb(() => clients.delete(client_id), [{ kind: 'client.deleted', client_id }])
    await verb(() => clients.delete(client_id), [])

    const rows = createRegistrationRows(database)
    const own = { ...row, client_id: `r-${randomUUID()}`, metadata: '{"registered":{"a":1}}' }
    await verb(
      () => rows.add({ ...own, isDisabled: false, event: 'client.registered' }),
      [{ kind: 'client.registered', client_id: own.client_id }],
    )
    await verb(() => rows.change(own), [])
    await verb(
      () => rows.change({ ...own, metadata: '{"registered":"deleted"}' }),
      [{ kind: 'client.deleted', client_id: own.client_id }],
    )
    const digest = digestOf('token' as Plain<'initial_access_token'>)
    await verb(
      () => createRegistrationTokens(database).create({ digest, uses: 1, seconds: 60 }),
      [{ kind: 'registration_token.created', ...by }],
    )

    const { sub } = await person()
    const identities = createIdentities(database, LIFETIMES)
    const issuer = 'https://provider.example'
    const identity = { issuer, subject: 'ada', email: 'a@example.com' }
    const id = randomUUID()
    await verb(
      () => identities.link({ account_id: sub, credential_epoch: 0, id, ...identity }),
      [{ kind: 'identity.linked', sub, details: { issuer }, ...by }],
    )
    const unlink = (of: string) => () =>
      identities.unlink({ account_id: sub, credential_epoch: 0, keep: null, id: of, issuers: [issuer] })
    await verb(unlink(id), [
      { kind: 'identity.unlinked', sub },
      { kind: 'sign_in.ended', sub, reason: 'factors_changed' },
    ])
  })

  it('is in this test, or known to be tested elsewhere', () => {
    const all = Object.keys(EVENT_KINDS).toSorted()
    expect([...seen, ...ELSEWHERE].toSorted()).toEqual(all)
  })

  it('has no secret, and is bounded', async () => {
    const written = await placed(0)
    for (const event of written) {
      const text = JSON.stringify(event)
      for (const secret of secrets) expect(text).not.toContain(secret)
      expect(text).not.toMatch(/signet_[a-z]+_|eyJ|@example\.com/)
      expect(text.length).toBeLessThan(1500)
    }
    const long = randomBytes(4000).toString('hex')
    await onBehalfOf({ actor: { type: 'operator', id: long }, ip: long, request_id: long }, () =>
      events().write([{ kind: 'client.created', client_id: long, jti: long, details: { long } }]),
    )
    const [{ client_id, details } = { client_id: '', details: {} }] = (await placed(0)).slice(-1)
    expect([client_id?.length, details]).toEqual([1024, { is_too_long: true }])
  })
})
