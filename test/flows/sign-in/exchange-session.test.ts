import { randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SESSION_TOKEN_TYPE } from '../../../src/domain/exchange/session-exchange.ts'
import { TOKEN_EXCHANGE_GRANT, TOKEN_TYPES } from '../../../src/domain/exchange/token-exchange.ts'
import { ACR } from '../../../src/domain/oauth/acr.ts'
import { signUp } from '../../support/accounts/account-api.ts'
import { createAccount } from '../../support/accounts/account-lines.ts'
import { newEmail } from '../../support/ask.ts'
import { API, basic, CLIENTS, SECRETS } from '../../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { refresh } from '../../support/refresh.ts'
import { type HookReceiver, openHookReceiver, replying } from '../../support/services/hook-receiver.ts'

const moving = (client_id: string, more: Readonly<Record<string, unknown>> = {}) => ({
  client_id,
  client_secret: SECRETS.service,
  grant_types: [TOKEN_EXCHANGE_GRANT, 'refresh_token'],
  session_exchange: true,
  scope: 'openid read write',
  audience: [API],
  ...more,
})
/** Exchanges tokens, and no sessions. */
const GATEWAY = {
  ...moving('gateway', { session_exchange: false, scope: 'read' }),
  protected_resources: [API],
  token_exchange: [{ audience: 'https://inventory.example', scope: 'read' }],
}
const REGISTERED = [
  ...CLIENTS,
  moving('shop'),
  moving('forum'),
  moving('listed', { status_list: true }),
  GATEWAY,
]

type Fields = Readonly<Record<string, string>>
type Members = Readonly<Record<string, unknown>>
const as = (client_id: string, key?: string): Fields => ({
  ...basic(client_id, SECRETS.service),
  ...(key === undefined ? {} : { 'Idempotency-Key': key }),
})
const seconds = () => Math.floor(Date.now() / 1000)

describe('SESSION_VERIFIER_URL', () => {
  let application: HookReceiver
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  beforeAll(async () => {
    application = await openHookReceiver()
    deployment = await openDeployment(REGISTERED)
    const environment = { SESSION_VERIFIER_URL: application.url, OUTBOUND_ALLOW: '127.0.0.1' }
    signet = await deployment.start({ environment })
    other = await deployment.start({ environment })
  })
  afterAll(async () => {
    await deployment.close()
    await application.close()
  })
  beforeEach(() => {
    application.questions()
  })

  const sql = () => deployment.database.sql
  const meet = async () => {
    const person = { id: randomUUID(), email: newEmail(), external_id: randomUUID() }
    await createAccount(deployment.database, person)
    return person
  }
  /** The application has a session, and knows it by this key. */
  const answer = (members: Members) =>
    application.answerWith(
      replying(
        JSON.stringify({ active: true, auth_time: seconds() - 100, exp: seconds() + 3_600, ...members }),
      ),
    )
  const open = async (more: Members = {}) => {
    const person = await meet()
    const session = `s-${randomUUID()}`
    answer({ sub: person.id, session, ...more })
    return { ...person, session }
  }
  const exchange = (headers: Fields = as('shop'), form: Fields = {}, at = signet) =>
    at.token(
      {
        grant_type: TOKEN_EXCHANGE_GRANT,
        subject_token: 's:cookie.signature',
        subject_token_type: SESSION_TOKEN_TYPE,
        ...form,
      },
      headers,
    )
  const exchanged = async (...args: Parameters<typeof exchange>) => {
    const { status, body } = await exchange(...args)
    expect([status, body.error]).toEqual([200, undefined])
    return body
  }
  const refused = async (...args: Parameters<typeof exchange>) => {
    const { status, body } = await exchange(...args)
    expect(body).not.toHaveProperty('access_token')
    return [status, body.error]
  }
  const REFUSED = [400, 'invalid_request']
  const familiesOf = async (user_id: string) => {
    const rows = await sql()<{ id: string }[]>`select id from refresh_families where user_id = ${user_id}`
    return rows.map(({ id }) => id)
  }
  const refreshes = async (refresh_token: unknown, client_id = 'shop') =>
    (await refresh(signet, String(refresh_token), { form: {}, headers: as(client_id) })).status

  it('gives a token pair of the person whose session it is', async () => {
    const { id } = await open()
    const body = await exchanged(as('shop'), { scope: 'openid read' })
    expect(body).toMatchObject({
      issued_token_type: TOKEN_TYPES.access_token,
      token_type: 'Bearer',
      scope: 'openid read',
    })
    const claims = decodeJwt(body.access_token)
    expect(claims).toMatchObject({ sub: id, client_id: 'shop', aud: API, scope: 'openid read', acr: ACR.pwd })
    for (const absent of ['act', 'amr']) expect(claims).not.toHaveProperty(absent)
    expect(seconds() - Number(claims['auth_time'])).toBeGreaterThanOrEqual(100)
    expect(decodeJwt(String(body['id_token']))).toMatchObject({ sub: id, aud: 'shop' })
    expect(application.questions()).toEqual([
      { hook: 'session', subject_token: 's:cookie.signature', client_id: 'shop' },
    ])
    expect(await refreshes(body.refresh_token)).toBe(200)
  })

  it('finds the person by the id that they had in the application', async () => {
    const person = await meet()
    answer({ external_id: person.external_id, session: randomUUID() })
    expect(decodeJwt((await exchanged()).access_token).sub).toBe(person.id)
  })

  it('gives a client with status lists a token that has a place in one', async () => {
    await open()
    expect(decodeJwt((await exchanged(as('listed'))).access_token)).toHaveProperty('status')
  })

  it('gives the same pair for the same Idempotency-Key, at every server, until it is refreshed', async () => {
    const { id } = await open()
    const first = await exchanged(as('shop', 'move-1'))
    const again = await exchanged(as('shop', 'move-1'), {}, other)
    expect(again.refresh_token).toBe(first.refresh_token)
    expect(await refreshes(first.refresh_token)).toBe(200)
    const late = await exchanged(as('shop', 'move-1'))
    expect(late).not.toHaveProperty('refresh_token')
    expect(decodeJwt(late.access_token)['sid']).toBe(decodeJwt(first.access_token)['sid'])
    expect(await familiesOf(id)).toHaveLength(1)
  })

  it('gives an access token of the same family to any other exchange, and no one is signed out', async () => {
    const { id } = await open()
    const first = await exchanged(as('shop', 'move-1'))
    for (const headers of [as('shop'), as('shop', 'move-2')]) {
      const second = await exchanged(headers, {}, other)
      expect(second).not.toHaveProperty('refresh_token')
      expect(decodeJwt(second.access_token)).toMatchObject({
        sub: id,
        sid: decodeJwt(first.access_token)['sid'],
      })
    }
    expect(await refreshes(first.refresh_token)).toBe(200)
    expect(await familiesOf(id)).toHaveLength(1)
  })

  it('gives a later exchange no more scope than it asks for, nor than the first one had', async () => {
    await open()
    await exchanged(as('shop'), { scope: 'read write' })
    const scopeOf = async (form: Fields) =>
      decodeJwt((await exchanged(as('shop'), form)).access_token)['scope']
    expect(await scopeOf({ scope: 'read' })).toBe('read')
    expect(await scopeOf({})).toBe('read write')
  })

  it('remembers a session for as long as it lives: each exchange tells its expiry anew', async () => {
    const { id, session } = await open()
    await exchanged()
    const exp = seconds() + 390 * 86_400
    answer({ sub: id, session, exp })
    await exchanged()
    answer({ sub: id, session })
    await exchanged()
    const rows = await sql()<{ expires_at: Date }[]>`
      select expires_at from exchanged_sessions where user_id = ${id}`
    expect(rows.map(({ expires_at }) => expires_at.getTime() / 1000)).toEqual([exp])
  })

  it('opens one family for exchanges that race at two servers', async () => {
    for (const key of ['move', undefined]) {
      const { id } = await open()
      const attempts = Array.from({ length: 8 }, (_, index) =>
        exchange(as('shop', key), {}, index % 2 === 0 ? signet : other),
      )
      const answers = await Promise.all(attempts)
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200))
      const tokens = new Set(answers.map(({ body }) => body.refresh_token).filter(Boolean))
      const pairs = answers.filter(({ body }) => body.refresh_token !== undefined)
      expect([tokens.size, pairs.length]).toEqual([1, key === undefined ? 1 : 8])
      expect(await familiesOf(id)).toHaveLength(1)
      expect(await refreshes([...tokens][0])).toBe(200)
    }
  })

  it('buys nothing more once its sign-in has ended, also with the key, and by another session still does', async () => {
    const person = await open()
    const first = await exchanged(as('shop', 'move'))
    await signet.post('/revoke', { token: first.refresh_token }, as('shop'))
    for (const headers of [as('shop', 'move'), as('shop')])
      for (const at of [signet, other]) expect(await refused(headers, {}, at)).toEqual(REFUSED)
    expect(await familiesOf(person.id)).toHaveLength(1)
    answer({ sub: person.id, session: randomUUID() })
    expect(await refreshes((await exchanged()).refresh_token)).toBe(200)
  })

  it('buys nothing after the epoch of its account, nor after the row of its family is gone', async () => {
    const person = await open()
    await exchanged(as('shop', 'move'))
    await sql()`update users set credential_epoch = credential_epoch + 1 where id = ${person.id}`
    expect(await refused(as('shop', 'move'))).toEqual(REFUSED)
    await sql()`delete from refresh_families where user_id = ${person.id}`
    expect(await refused(as('shop', 'move'))).toEqual(REFUSED)
    expect(await familiesOf(person.id)).toEqual([])
  })

  it('buys nothing for a session from before the change that ended every sign-in of its person', async () => {
    const bystander = await open()
    const { access_token } = await signUp(signet, newEmail())
    const sub = decodeJwt(access_token).sub ?? ''
    answer({ sub, session: 'exchanged before' })
    const first = await exchanged(as('forum', 'move'))
    await signet.ask('/auth/logout', { token: access_token, body: { everywhere: true } })
    const [ended] = await sql()<{ second: number }[]>`
      select extract(epoch from date_trunc('second', epoch_raised_at))::int as second from users where id = ${sub}`
    const since = (auth_time: number) => answer({ sub, session: `s-${auth_time}`, auth_time })
    const second = Number(ended?.second)
    since(second - 1)
    for (const at of [signet, other, signet])
      expect(await refused(as('shop', 'move'), {}, at)).toEqual(REFUSED)
    since(second)
    expect(await refreshes((await exchanged()).refresh_token)).toBe(200)
    answer({ sub, session: 'exchanged before' })
    expect(await refused(as('forum', 'move'))).toEqual(REFUSED)
    expect(await refreshes(first.refresh_token, 'forum')).toBe(400)
    answer({ sub: bystander.id, session: bystander.session })
    expect(await exchanged()).toHaveProperty('refresh_token')
  })

  it('keeps the session of one client from changing anything for another one', async () => {
    const { id } = await open()
    const shop = await exchanged(as('shop', 'move'))
    const forum = await exchanged(as('forum', 'move'))
    expect(decodeJwt(forum.access_token)['sid']).not.toBe(decodeJwt(shop.access_token)['sid'])
    expect(await familiesOf(id)).toHaveLength(2)
    await signet.post('/revoke', { token: forum.refresh_token }, as('forum'))
    expect(await refused(as('forum', 'move'))).toEqual(REFUSED)
    expect(await refreshes(shop.refresh_token)).toBe(200)
  })

  it('is of the person whom the verifier names now: a session that changed hands opens their own family', async () => {
    const ada = await open()
    const first = await exchanged()
    const bob = await meet()
    answer({ sub: bob.id, session: ada.session })
    const second = await exchanged()
    expect([decodeJwt(first.access_token).sub, decodeJwt(second.access_token).sub]).toEqual([ada.id, bob.id])
    expect(await refreshes(first.refresh_token)).toBe(200)
  })

  it('asks the verifier neither for a client that is not registered for it, nor for what a client may not have', async () => {
    await open()
    const unregistered = [400, 'unauthorized_client']
    expect(await refused(as('gateway'))).toEqual(unregistered)
    expect(await refused(basic('confidential', SECRETS.confidential))).toEqual(unregistered)
    expect((await refused(basic('shop', SECRETS.stranger)))[1]).toBe('invalid_client')
    expect(await refused(as('shop'), { scope: 'admin' })).toEqual([400, 'invalid_scope'])
    expect(await refused(as('shop'), { resource: 'https://other.example' })).toEqual([400, 'invalid_target'])
    expect(await refused(as('shop'), { subject_token: 'x'.repeat(4_097) })).toEqual(REFUSED)
    expect(await refused(as('shop'), { actor_token: 'x', actor_token_type: TOKEN_TYPES.jwt })).toEqual(
      REFUSED,
    )
    expect(application.questions()).toEqual([])
  })

  it('refuses the sessions of unknown and disabled accounts, and those that the verifier does not know', async () => {
    const { id } = await open()
    answer({ sub: randomUUID(), session: 'x' })
    expect(await refused()).toEqual(REFUSED)
    answer({ external_id: 'nowhere', session: 'x' })
    expect(await refused()).toEqual(REFUSED)
    await sql()`update users set disabled_at = now() where id = ${id}`
    answer({ sub: id, session: 'x' })
    expect(await refused()).toEqual(REFUSED)
    answer({ sub: id, session: 'x', exp: seconds() - 1 })
    expect(await refused()).toEqual(REFUSED)
    application.answerWith(replying('{"active":false}'))
    expect(await refused()).toEqual(REFUSED)
    expect(await sql()`select from exchanged_sessions where user_id = ${id}`).toHaveLength(0)
  })

  it('refuses nonsense, and says it in the log', async () => {
    const { id } = await open()
    const nonsense: readonly Members[] = [
      { sub: id },
      { sub: id, session: 7 },
      { sub: id, session: '' },
      { sub: id, session: 'x'.repeat(256) },
      { session: 'x' },
      { sub: 'ada', session: 'x' },
      { sub: id, external_id: 'ada', session: 'x' },
      { sub: id, session: 'x', active: 'true' },
      { sub: id, session: 'x', auth_time: seconds() + 3_600 },
      { sub: id, session: 'x', auth_time: '1' },
      { sub: id, session: 'x', exp: seconds() * 1_000 },
    ]
    for (const members of nonsense) {
      answer(members)
      expect(await refused()).toEqual(REFUSED)
    }
    application.answerWith(replying('yes'))
    expect(await refused()).toEqual(REFUSED)
    const warned = signet.lines.filter(({ event }) => event === 'session_verifier')
    expect(warned.length).toBeGreaterThanOrEqual(nonsense.length + 1)
    expect(await familiesOf(id)).toEqual([])
  })

  it('answers 503 with Retry-After while the verifier is away, and the session can be exchanged afterwards', async () => {
    const person = await open()
    const silent = [
      replying('', 500),
      replying('', 302, { location: application.url }),
      replying(`{"active":true,"x":"${'x'.repeat(20_000)}"}`),
      replying(JSON.stringify({ active: false }), 404),
    ]
    for (const reply of silent) {
      application.answerWith(reply)
      const { status, headers, body } = await exchange(as('shop', 'move'))
      expect([status, headers.get('retry-after'), body.error]).toEqual([503, '5', 'temporarily_unavailable'])
    }
    application.answerWith(() => {})
    expect((await exchange(as('shop', 'move'))).status).toBe(503)
    answer({ sub: person.id, session: person.session })
    expect(await exchanged(as('shop', 'move'))).toHaveProperty('refresh_token')
  })
})

describe('without SESSION_VERIFIER_URL', () => {
  it('knows no such type of a subject token', async () => {
    const deployment = await openDeployment(REGISTERED)
    const signet = await deployment.start()
    const form = {
      grant_type: TOKEN_EXCHANGE_GRANT,
      subject_token: 'x',
      subject_token_type: SESSION_TOKEN_TYPE,
    }
    const { status, body } = await signet.token(form, as('shop'))
    await deployment.close()
    expect([status, body.error]).toEqual([400, 'invalid_request'])
  })
})
