import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ALIVE, DEAD, lives, signIn, signUp, trySignIn } from '../../support/accounts/account-api.ts'
import {
  ADMINISTERING,
  type Administration,
  administrationBy,
  administrationOf,
  signUpWithRoles,
  tokenOfClient,
} from '../../support/accounts/administration.ts'
import type { Answer } from '../../support/answer.ts'
import { newEmail, PASSWORD } from '../../support/ask.ts'
import { CLIENTS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'

const UNKNOWN_ID = '00000000-0000-7000-8000-000000000009'

describe.each(deployments)('accounts in the administration, on $name', ({ open }) => {
  let deployment: Deployment
  let instance: Instance
  let ask: Administration
  let other: Administration
  let watch: Administration
  const mails: string[] = []
  beforeAll(async () => {
    deployment = await open([...CLIENTS, ...ADMINISTERING])
    instance = await deployment.start({ printMail: text => void mails.push(text) })
    const second = await deployment.start()
    const token = await tokenOfClient(instance, 'operator')
    ask = administrationOf(instance, token)
    other = administrationOf(second, token)
    watch = await administrationBy(instance, 'watcher')
  })
  afterAll(() => deployment.close())

  const person = async () => {
    const email = newEmail()
    const tokens = await signUp(instance, email)
    return { email, sub: tokens.user.id, tokens, path: `/accounts/${tokens.user.id}` }
  }
  const patch = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(path, { method: 'PATCH', body, headers })
  const post = (path: string, body?: unknown) =>
    ask(path, { method: 'POST', ...(body === undefined ? {} : { body }) })
  const remove = (path: string, headers: Record<string, string> = {}) =>
    ask(path, { method: 'DELETE', headers })
  const etagIn = ({ headers }: Answer) => headers.get('etag') ?? ''
  const faultsIn = ({ status, body }: Answer) => [
    status,
    (body.errors ?? []).map(({ pointer }) => pointer).toSorted(),
  ]
  const codeIn = ({ status, body }: Answer) => [status, body.code]

  it('are created with all fields, and sign in with their password', async () => {
    const email = newEmail()
    const created = await post('/accounts', {
      email: ` ${email.toUpperCase()}`,
      name: '<b>=1+1</b>',
      locale: 'de-CH',
      roles: ['user', 'support', 'user'],
      external_id: `old|${email}`,
      password: PASSWORD,
      email_verified: true,
    })
    expect(created.status).toBe(201)
    expect(created.body).toMatchObject({
      email,
      email_verified: true,
      disabled_at: null,
      roles: ['user', 'support'],
      external_id: `old|${email}`,
      has_password: true,
      profile: { name: '<b>=1+1</b>', locale: 'de-CH' },
      factors: { totp: false, passkeys: [], recovery_codes_left: 0 },
      identities: [],
      living_sign_ins: 0,
    })
    await signIn(instance, email)
    const { body } = await watch(`/accounts/${String(created.body['sub'])}`)
    expect(body['living_sign_ins']).toBe(1)
  })

  it('are refused with a pointer to each field, and nothing is made', async () => {
    const email = newEmail()
    const answer = await post('/accounts', {
      email: 'no address',
      name: '\u0007',
      picture: 'javascript:alert(1)',
      roles: ['a b'],
      external_id: ' x',
      password: 'short',
    })
    expect(faultsIn(answer)).toEqual([
      422,
      ['#/email', '#/external_id', '#/name', '#/password', '#/picture', '#/roles'],
    ])
    expect(faultsIn(await post('/accounts', { email, admin: true, sub: UNKNOWN_ID }))).toEqual([
      422,
      ['#/admin', '#/sub'],
    ])
    expect(faultsIn(await post('/accounts', { email, roles: 'user', email_verified: 'yes' }))).toEqual([
      422,
      ['#/email_verified', '#/roles'],
    ])
    expect(faultsIn(await post('/accounts', { email, password: PASSWORD, invite: true }))).toEqual([
      422,
      ['#/invite'],
    ])
    const { body } = await watch(`/accounts?email_prefix=${email}`)
    expect(body['items']).toEqual([])
  })

  it('are refused where the address or the external id is taken', async () => {
    const { email } = await person()
    expect(codeIn(await post('/accounts', { email }))).toEqual([409, 'EMAIL_TAKEN'])
    const external_id = `taken|${email}`
    expect((await post('/accounts', { email: newEmail(), external_id })).status).toBe(201)
    expect(codeIn(await post('/accounts', { email: newEmail(), external_id }))).toEqual([
      409,
      'EXTERNAL_ID_TAKEN',
    ])
  })

  it('get no administrative role by a mail', async () => {
    const email = newEmail()
    for (const role of ['signet:admin', 'signet:viewer'])
      expect(faultsIn(await post('/accounts', { email, invite: true, roles: [role] }))).toEqual([
        422,
        ['#/roles'],
      ])
    expect(faultsIn(await post('/invitations', { email, roles: ['signet:admin'] }))).toEqual([
      422,
      ['#/roles'],
    ])
  })

  it('are changed as a whole, or not at all', async () => {
    const { path, email } = await person()
    const taken = `whole|${email}`
    expect((await post('/accounts', { email: newEmail(), external_id: taken })).status).toBe(201)
    const before = await watch(path)
    expect(codeIn(await patch(path, { name: 'Ada', roles: ['x'], external_id: taken }))).toEqual([
      409,
      'EXTERNAL_ID_TAKEN',
    ])
    expect(faultsIn(await patch(path, { name: 'Ada', locale: '???' }))).toEqual([422, ['#/locale']])
    expect((await watch(path)).body).toEqual(before.body)
    const changed = await patch(path, {
      name: 'Ada',
      roles: ['x'],
      external_id: `new|${email}`,
      email_verified: true,
    })
    expect([changed.status, changed.body]).toEqual([
      200,
      expect.objectContaining({
        profile: { name: 'Ada' },
        roles: ['x'],
        external_id: `new|${email}`,
        email_verified: true,
      }),
    ])
    const told = await deployment.database.run(
      sql => sql`
        select kind, actor, details from signet.events
        where user_id = ${path.slice(10)} and actor is not null
        order by kind`,
    )
    expect(told).toEqual([
      { kind: 'account.external_id_changed', actor: 'client:operator', details: {} },
      { kind: 'account.profile_changed', actor: 'client:operator', details: { members: expect.anything() } },
      { kind: 'account.roles_changed', actor: 'client:operator', details: { from: ['user'], to: ['x'] } },
    ])
    const back = await patch(path, { name: null, roles: [], external_id: null, email_verified: false })
    expect(back.body).toMatchObject({ profile: {}, roles: [], external_id: null, email_verified: false })
    expect(codeIn(await patch(`/accounts/${UNKNOWN_ID}`, { name: 'Ada' }))).toEqual([404, 'NOT_FOUND'])
    expect(codeIn(await patch('/accounts/x', { name: 'Ada' }))).toEqual([404, 'NOT_FOUND'])
  })

  it('keep their version while nothing of theirs changes, and are changed by the first of two administrators', async () => {
    const { path, email } = await person()
    const seen = await watch(path)
    await signIn(instance, email)
    expect(etagIn(await watch(path))).toBe(etagIn(seen))
    const headers = { 'if-match': etagIn(seen) }
    const race = await Promise.all([
      patch(path, { name: 'One' }, headers),
      other(path, { method: 'PATCH', body: { name: 'Two', roles: ['signet:viewer'] }, headers }),
    ])
    expect(new Set(race.map(({ status }) => status))).toEqual(new Set([200, 412]))
    expect(race.find(({ status }) => status === 412)?.body.code).toBe('CHANGED_MEANWHILE')
    const { body } = await watch(path)
    expect([
      { name: 'One', roles: ['user'] },
      { name: 'Two', roles: ['signet:viewer'] },
    ]).toContainEqual({ name: (body['profile'] as { name: string }).name, roles: body.roles })
    for (const tag of [`W/${etagIn(await watch(path))}`, '""', 'x', '"0"'])
      expect(codeIn(await patch(path, { name: 'Three' }, { 'if-match': tag }))).toEqual([
        412,
        'CHANGED_MEANWHILE',
      ])
    expect((await patch(path, { name: 'Three' }, { 'if-match': '*' })).status).toBe(200)
    const list = `"0", ${etagIn(await watch(path))}`
    expect((await patch(path, { name: 'Four' }, { 'if-match': list })).status).toBe(200)
  })

  it('are disabled and enabled, also twice', async () => {
    const { path, email, tokens } = await person()
    const bystander = await person()
    expect((await post(`${path}/disable`)).body).toEqual({ ended: 1 })
    expect((await post(`${path}/disable`)).body).toEqual({ ended: 0 })
    expect(await lives(instance, tokens)).toEqual(DEAD)
    expect((await trySignIn(instance, email)).status).toBe(401)
    expect((await watch(path)).body['disabled_at']).not.toBeNull()
    for (const _ of [1, 2]) expect((await post(`${path}/enable`)).body).toEqual({ ended: 0 })
    await signIn(instance, email)
    expect(await lives(instance, bystander.tokens)).toEqual(ALIVE)
    for (const action of ['disable', 'enable', 'end-sign-ins'])
      expect((await post(`/accounts/${UNKNOWN_ID}/${action}`)).status).toBe(404)
    expect(faultsIn(await post(`${path}/disable`, { reason: 'x' }))).toEqual([422, ['#/reason']])
  })

  it('lose their sign-ins, and their factors with them', async () => {
    const { path, tokens } = await person()
    expect((await post(`${path}/end-sign-ins`)).body).toEqual({ ended: 1 })
    expect(await lives(instance, tokens)).toEqual(DEAD)
    const { sub } = await signUpWithRoles(deployment, instance, ['user'], 'impostor')
    expect((await remove(`/accounts/${sub}/factors`, { 'if-match': '"0"' })).status).toBe(412)
    expect((await remove(`/accounts/${sub}/factors`)).body).toEqual({ ended: 2 })
  })

  it('are deleted once, in the version that was looked at', async () => {
    const { path, tokens } = await person()
    expect(codeIn(await remove(path, { 'if-match': '"0"' }))).toEqual([412, 'CHANGED_MEANWHILE'])
    expect(await lives(instance, tokens)).toEqual(ALIVE)
    expect((await remove(path, { 'if-match': etagIn(await watch(path)) })).status).toBe(204)
    expect((await remove(path)).status).toBe(404)
    expect((await watch(path)).status).toBe(404)
    expect(await lives(instance, tokens)).toEqual(DEAD)
  })

  it('are written by an administrator alone', async () => {
    const { path } = await person()
    const attempts: [string, string, unknown?][] = [
      ['POST', '/accounts', { email: newEmail() }],
      ['PATCH', path, { name: 'x' }],
      ['POST', `${path}/disable`],
      ['POST', `${path}/enable`],
      ['POST', `${path}/end-sign-ins`],
      ['DELETE', `${path}/factors`],
      ['DELETE', `${path}/consents/app`],
      ['DELETE', path],
      ['POST', '/invitations', { email: newEmail() }],
      ['POST', '/revocations', { client_id: 'app' }],
      ['POST', `/sign-ins/${UNKNOWN_ID}/end`],
    ]
    for (const [method, url, body] of attempts) {
      const answer = await watch(url, { method, ...(body === undefined ? {} : { body }) })
      expect([method, url, ...codeIn(answer)]).toEqual([method, url, 403, 'SCOPE_INSUFFICIENT'])
    }
    expect((await watch(path)).body).toMatchObject({ disabled_at: null, profile: {}, living_sign_ins: 1 })
  })

  it('are not read from a body that is too large, of another type, or no JSON', async () => {
    const large = await ask('/accounts', { raw: JSON.stringify({ email: 'a'.repeat(70_000) }) })
    expect(codeIn(large)).toEqual([413, 'PAYLOAD_TOO_LARGE'])
    expect((await ask('/accounts', { form: { email: newEmail() } })).status).toBe(415)
    expect((await ask('/accounts', { raw: '{"email":' })).status).toBe(400)
    expect((await ask('/accounts', { raw: '[]' })).status).toBe(400)
    expect(
      faultsIn(await ask('/accounts', { raw: '{"email":"a@b.example","__proto__":{"roles":[]}}' }))[0],
    ).toBe(422)
  })

  it('name the caller in the line of the log', async () => {
    await watch('/me')
    const line = instance.lines.findLast(each => each.message === 'request')
    expect(line).toMatchObject({ path: '/admin/me', administrator: 'client:watcher' })
  })
})
