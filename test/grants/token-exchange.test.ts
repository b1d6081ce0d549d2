import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ACTORS_MOST, TOKEN_EXCHANGE_GRANT, TOKEN_TYPES } from '../../src/domain/exchange/token-exchange.ts'
import { TOKENS_REVOKED_AT_MOST } from '../../src/domain/sign-in/refresh-family.ts'
import { openKeys } from '../../src/signing/open-keys.ts'
import { createDpopKey } from '../support/authorization/dpop.ts'
import { API, basic, CLIENTS, CONFIDENTIAL, OTHER_API, SECRETS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Instance, ISSUER, openDeployment } from '../support/deployment.ts'
import { createLog } from '../support/effects.ts'
import { rowOf, type Seed, type SeededFamily, seedFamily } from '../support/families.ts'
import { refresh } from '../support/refresh.ts'

const INVENTORY = 'https://inventory.example'
const ARCHIVE = 'urn:example:archive'

const exchanging = (client_id: string, more: Readonly<Record<string, unknown>>) => ({
  client_id,
  client_secret: SECRETS.service,
  grant_types: [TOKEN_EXCHANGE_GRANT, 'client_credentials'],
  scope: 'own',
  ...more,
})

/** Sent tokens for the API, it calls the inventory and the archive. */
const GATEWAY = exchanging('gateway', {
  protected_resources: [API],
  token_exchange: [
    { audience: INVENTORY, scope: 'read unheard' },
    { audience: ARCHIVE, scope: 'read write' },
    { audience: 'https://silent.example' },
  ],
})
const hop = (index: number) => `urn:example:hop:${index}`
/** Each is sent tokens by the one before it. */
const HOPS = Array.from({ length: ACTORS_MOST + 1 }, (_, index) =>
  exchanging(`hop-${index}`, {
    protected_resources: [index === 0 ? API : hop(index)],
    token_exchange: [{ audience: hop(index + 1), scope: 'read' }],
  }),
)
const READER = {
  client_id: 'inventory',
  client_secret: SECRETS.service,
  protected_resources: [INVENTORY, ARCHIVE],
}
const ACCOUNTS = exchanging('accounts', {
  protected_resources: [ISSUER],
  token_exchange: [{ audience: INVENTORY, scope: 'read' }],
})
const LISTED = { ...GATEWAY, client_id: 'listed', status_list: true }
const REGISTERED = [...CLIENTS, GATEWAY, ...HOPS, READER, ACCOUNTS, LISTED]

const as = (client_id: string) => basic(client_id, SECRETS.service)
type Form = Readonly<Record<string, string>>
type Headers = Readonly<Record<string, string>>

describe('RFC 8693 – token exchange', () => {
  let deployment: Deployment
  let signet: Instance
  let other: Instance
  beforeAll(async () => {
    deployment = await openDeployment(REGISTERED)
    signet = await deployment.start()
    other = await deployment.start()
  })
  afterAll(() => deployment.close())

  const signedIn = async (seed: Seed = {}, form: Form = {}) => {
    const family = await seedFamily(deployment, { audience: [API], ...seed })
    const { status, body } = await refresh(signet, family.refresh_token, { form })
    expect(status).toBe(200)
    return { family, token: body.access_token, refresh_token: body.refresh_token }
  }
  const exchange = (subject_token: string, form: Form = {}, headers: Headers = as('gateway'), at = signet) =>
    at.token(
      {
        grant_type: TOKEN_EXCHANGE_GRANT,
        subject_token,
        subject_token_type: TOKEN_TYPES.access_token,
        ...form,
      },
      headers,
    )
  const exchanged = async (token: string, form: Form = {}, headers: Headers = as('gateway'), at = signet) => {
    const { status, body } = await exchange(token, form, headers, at)
    expect([status, body.error]).toEqual([200, undefined])
    return body
  }
  const refused = async (token: string, form: Form = {}, headers: Headers = as('gateway')) => {
    const { status, body } = await exchange(token, form, headers)
    expect(body).not.toHaveProperty('access_token')
    return [status, body.error]
  }
  const activeAt = async (token: string, at = signet) =>
    (await at.post('/introspect', { token }, as('inventory'))).body['active']

  it('gives a narrower token of the same sign-in, by which the client acts (§2.2.1, §4.1)', async () => {
    const { family, token } = await signedIn()
    const body = await exchanged(token)
    expect(body).toMatchObject({
      issued_token_type: TOKEN_TYPES.access_token,
      token_type: 'Bearer',
      scope: 'read',
    })
    expect(body).not.toHaveProperty('refresh_token')
    const [subject, claims] = [decodeJwt(token), decodeJwt(body.access_token)]
    expect(claims).toMatchObject({
      iss: ISSUER,
      aud: INVENTORY,
      sub: family.user_id,
      sid: family.id,
      client_id: 'gateway',
      act: { sub: 'gateway' },
      sign_in_client_id: 'app',
      scope: 'read',
      amr: ['pwd'],
      auth_time: subject['auth_time'],
      roles: subject['roles'],
    })
    expect(claims.jti).not.toBe(subject.jti)
    expect(claims.exp).toBeLessThanOrEqual(subject.exp ?? 0)
    const { body: seen } = await signet.post('/introspect', { token: body.access_token }, as('inventory'))
    expect(seen).toMatchObject({ active: true, act: { sub: 'gateway' }, aud: INVENTORY, scope: 'read' })
  })

  it.each([
    ['resource', { resource: ARCHIVE }, 'read write'],
    ['audience', { audience: ARCHIVE }, 'read write'],
    ['both, where they mean the same', { audience: ARCHIVE, resource: ARCHIVE }, 'read write'],
    ['another spelling of a host', { resource: 'https://INVENTORY.example/' }, 'read'],
    ['part of the scope', { audience: ARCHIVE, scope: 'write' }, 'write'],
    ['the type of a JWT', { subject_token_type: TOKEN_TYPES.jwt }, 'read'],
    ['the type of an access token', { requested_token_type: TOKEN_TYPES.access_token }, 'read'],
    ['an audience without a scope', { audience: 'https://silent.example' }, undefined],
  ])('takes %s (§2.1)', async (_, form, scope) => {
    const { token } = await signedIn()
    expect((await exchanged(token, form))['scope']).toBe(scope)
  })

  it.each([
    ['an audience that is not registered', { audience: OTHER_API }, 'invalid_target'],
    ['the issuer', { audience: ISSUER }, 'invalid_target'],
    ['its own audience', { resource: API }, 'invalid_target'],
    ['a resource that is no URI', { resource: 'inventory' }, 'invalid_target'],
    ['several audiences', { audience: ARCHIVE, resource: INVENTORY }, 'invalid_target'],
    ['a registered and another audience', { audience: INVENTORY, resource: OTHER_API }, 'invalid_target'],
    ['a scope that is not registered', { scope: 'read write' }, 'invalid_scope'],
    ['a scope that was not granted', { scope: 'unheard' }, 'invalid_scope'],
    ['a malformed scope', { scope: 'read  read' }, 'invalid_scope'],
    [
      'another requested type',
      { requested_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' },
      'invalid_request',
    ],
    [
      'another subject type',
      { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' },
      'invalid_request',
    ],
    ['an actor token without its type', { actor_token: 'x' }, 'invalid_request'],
    ['the type of an actor token alone', { actor_token_type: TOKEN_TYPES.access_token }, 'invalid_request'],
    [
      'an actor token that is none',
      { actor_token: 'x', actor_token_type: TOKEN_TYPES.access_token },
      'invalid_request',
    ],
  ])('refuses %s, and the subject token stays good (§2.2.2)', async (_, form, error) => {
    const { token } = await signedIn()
    expect(await refused(token, form)).toEqual([400, error])
    await exchanged(token)
  })

  it('refuses a scope of which the subject token has nothing', async () => {
    const { token } = await signedIn({ scope: 'write' })
    expect(await refused(token)).toEqual([400, 'invalid_scope'])
    expect((await exchanged(token, { audience: ARCHIVE }))['scope']).toBe('write')
  })

  it('needs the grant, the subject token and its type', async () => {
    const { token } = await signedIn()
    expect(await refused(token, {}, SERVICE)).toEqual([400, 'unauthorized_client'])
    expect(await refused('')).toEqual([400, 'invalid_request'])
    expect(await refused(token, { subject_token_type: '' })).toEqual([400, 'invalid_request'])
  })

  it('takes living access tokens of people that are addressed to the client, and no others', async () => {
    const { family, token, refresh_token } = await signedIn()
    const elsewhere = await signedIn({ audience: [OTHER_API] })
    const own = await signedIn({ audience: [API, ISSUER] }, { resource: ISSUER })
    const ofClient = await signet.token({ grant_type: 'client_credentials', resource: API }, SERVICE)
    const narrow = (await exchanged(token)).access_token
    const [header = '', payload = '', signature = ''] = token.split('.')
    const widened = Buffer.from(JSON.stringify({ ...decodeJwt(token), scope: 'read write admin' })).toString(
      'base64url',
    )
    const unsigned = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
    for (const subject of [
      refresh_token,
      elsewhere.token,
      ofClient.body.access_token,
      narrow,
      `${header}.${widened}.${signature}`,
      `${unsigned}.${payload}.`,
      'x.y.z',
    ])
      expect(await refused(subject)).toEqual([400, 'invalid_request'])
    expect(await refused(own.token, {}, as('accounts'))).toEqual([400, 'invalid_request'])
    expect(await refused(token, {}, as('accounts'))).toEqual([400, 'invalid_request'])
    expect((await rowOf(deployment, family.id)).revoked_at).toBeNull()
    expect((await refresh(signet, refresh_token)).status).toBe(200)
  })

  it('takes nothing else that this server signs, and obeys may_act (§4.4)', async () => {
    const { token } = await signedIn()
    const { log } = createLog()
    const keys = await openKeys({ directory: deployment.keys_dir, clock: () => new Date(), log })
    if ('faults' in keys) throw new Error(keys.faults.join())
    const claims = decodeJwt(token)
    for (const typ of ['JWT', 'logout+jwt', 'statuslist+jwt'] as const)
      expect(await refused(await keys.sign(typ, claims))).toEqual([400, 'invalid_request'])
    const withMay = (may_act: unknown) => keys.sign('at+jwt', { ...claims, may_act })
    for (const may_act of [
      { sub: 'hop-0' },
      {},
      'gateway',
      { sub: 'gateway', iss: 'https://a.example' },
      { sub: 'gateway', x: 1 },
    ])
      expect(await refused(await withMay(may_act))).toEqual([400, 'invalid_request'])
    const named = await exchanged(await withMay({ sub: 'gateway', iss: ISSUER }))
    expect(decodeJwt(named.access_token)).toMatchObject({ act: { sub: 'gateway' } })
    const foreign = await keys.sign('at+jwt', { ...claims, iss: `${ISSUER}/` })
    expect(await refused(foreign)).toEqual([400, 'invalid_request'])
    await keys.close()
  })

  it('never lets the result outlive the subject token', async () => {
    const brief = await deployment.start({ environment: { ACCESS_TOKEN_TTL_SECONDS: '60' } })
    const family = await seedFamily(deployment, { audience: [API] })
    const token = (await refresh(brief, family.refresh_token)).body.access_token
    const body = await exchanged(token)
    expect(decodeJwt(body.access_token).exp).toBe(decodeJwt(token).exp)
    expect(body.expires_in).toBeLessThanOrEqual(60)
    const after = await deployment.start({ clock: () => new Date(Date.now() + 901_000) })
    expect((await exchange(token, {}, as('gateway'), after)).body.error).toBe('invalid_request')
  })

  it('is issued at the database’s time, so that an ending covers it whatever the clock of the instance says', async () => {
    const { token } = await signedIn()
    const ahead = await deployment.start({ clock: () => new Date(Date.now() + 45_000) })
    const { body } = await exchange(token, {}, as('gateway'), ahead)
    const [now] = await deployment.database.sql<{ at: number }[]>`
      select extract(epoch from clock_timestamp())::int as at`
    expect(decodeJwt(body.access_token).iat).toBeLessThanOrEqual(now?.at ?? 0)
    expect(await activeAt(body.access_token)).toBe(true)
    await ahead.close()
  })

  it('hands on a chain of actors, which is bounded and never widens (§4.1)', async () => {
    const { token } = await signedIn()
    const tokens = [token]
    for (const { client_id } of HOPS.slice(0, ACTORS_MOST))
      tokens.push((await exchanged(tokens.at(-1) ?? '', {}, as(client_id))).access_token)
    const claims = decodeJwt(tokens.at(-1) ?? '')
    expect(claims['act']).toEqual({
      sub: 'hop-3',
      act: { sub: 'hop-2', act: { sub: 'hop-1', act: { sub: 'hop-0' } } },
    })
    expect([claims['sign_in_client_id'], claims['scope'], claims.exp]).toEqual([
      'app',
      'read',
      decodeJwt(token).exp,
    ])
    expect(await refused(tokens.at(-1) ?? '', {}, as(`hop-${ACTORS_MOST}`))).toEqual([400, 'invalid_request'])
    expect(await refused(tokens[1] ?? '', { scope: 'write' }, as('hop-1'))).toEqual([400, 'invalid_scope'])
  })

  const ends: readonly (readonly [
    string,
    (at: { family: SeededFamily; token: string; refresh_token: string }) => Promise<unknown>,
  ])[] = [
    ['signed out', ({ refresh_token }) => signet.post('/revoke', { token: refresh_token, client_id: 'app' })],
    [
      'of a disabled account',
      ({ family }) =>
        deployment.database.sql`update users set disabled_at = now() where id = ${family.user_id}`,
    ],
    [
      'of a past epoch',
      ({ family }) =>
        deployment.database
          .sql`update users set credential_epoch = credential_epoch + 1 where id = ${family.user_id}`,
    ],
    [
      'of a deleted account',
      ({ family }) => deployment.database.sql`delete from users where id = ${family.user_id}`,
    ],
  ]
  it.each(ends)(
    'ends with the sign-in, and gives nothing for one that is %s, on both instances',
    async (_, end) => {
      const [subject, bystander] = [await signedIn(), await signedIn()]
      const { access_token } = await exchanged(subject.token)
      const chained = (await exchanged(subject.token, {}, as('hop-0'))).access_token
      const kept = await exchanged(bystander.token, {}, as('gateway'), other)
      expect(await activeAt(access_token)).toBe(true)
      await end(subject)
      expect([await activeAt(access_token), await activeAt(access_token, other)]).toEqual([false, false])
      expect(await refused(subject.token)).toEqual([400, 'invalid_request'])
      expect(await refused(chained, {}, as('hop-1'))).toEqual([400, 'invalid_request'])
      expect(await activeAt(kept.access_token)).toBe(true)
    },
  )

  it('refuses a subject token that was revoked singly; its client ends the result by itself (RFC 7009)', async () => {
    const { token } = await signedIn()
    const { access_token } = await exchanged(token)
    await signet.post('/revoke', { token, client_id: 'app' })
    expect(await refused(token)).toEqual([400, 'invalid_request'])
    expect(await activeAt(access_token)).toBe(true)
    await signet.post('/revoke', { token: access_token, client_id: 'app' })
    expect(await activeAt(access_token)).toBe(true)
    await signet.post('/revoke', { token: access_token }, as('gateway'))
    expect(await activeAt(access_token)).toBe(false)
  })

  it('lets a service revoke each token that it has exchanged, and the sign-in goes on', async () => {
    const { family, token } = await signedIn()
    for (const _ of Array.from({ length: TOKENS_REVOKED_AT_MOST + 2 })) {
      const { access_token } = await exchanged(token)
      await signet.post('/revoke', { token: access_token }, as('gateway'))
    }
    expect((await rowOf(deployment, family.id)).revoked_at).toBeNull()
    expect(await activeAt((await exchanged(token)).access_token)).toBe(true)
  })

  it('is bound to the key of the client that exchanges, and a bound token is exchanged with a proof alone (RFC 9449)', async () => {
    const [ofApp, ofGateway] = [await createDpopKey(), await createDpopKey()]
    const url = `${ISSUER}/token`
    const family = await seedFamily(deployment, { client_id: 'confidential', audience: [API] })
    const headers = { ...CONFIDENTIAL, dpop: await ofApp.proof({ url }) }
    const bound = (await refresh(signet, family.refresh_token, { headers })).body
    expect(bound.token_type).toBe('DPoP')
    expect(await refused(bound.access_token)).toEqual([400, 'invalid_dpop_proof'])
    const dpop = await ofGateway.proof({ url })
    const body = await exchanged(bound.access_token, {}, { ...as('gateway'), dpop })
    expect([body.token_type, decodeJwt(body.access_token)['cnf']]).toEqual(['DPoP', { jkt: ofGateway.jkt }])
    expect(await refused(bound.access_token, {}, { ...as('gateway'), dpop })).toEqual([
      400,
      'invalid_dpop_proof',
    ])
    const { token } = await signedIn()
    const again = await exchanged(token, {}, { ...as('gateway'), dpop: await ofGateway.proof({ url }) })
    expect(again.token_type).toBe('DPoP')
  })

  it('takes as actor a living token of the client for itself alone (§2.1)', async () => {
    const { token } = await signedIn()
    const actorOf = async (headers: Headers) => ({
      actor_token: (await signet.token({ grant_type: 'client_credentials' }, headers)).body.access_token,
      actor_token_type: TOKEN_TYPES.access_token,
    })
    const actor = await actorOf(as('gateway'))
    expect(decodeJwt((await exchanged(token, actor)).access_token)['act']).toEqual({ sub: 'gateway' })
    expect(await refused(token, await actorOf(as('hop-0')))).toEqual([400, 'invalid_request'])
    expect(await refused(token, { ...actor, actor_token: token })).toEqual([400, 'invalid_request'])
    await signet.post('/revoke', { token: actor.actor_token }, as('gateway'))
    expect(await refused(token, actor)).toEqual([400, 'invalid_request'])
    await exchanged(token)
  })

  it('has a place in a status list where the client wants one', async () => {
    const { token } = await signedIn()
    expect(decodeJwt((await exchanged(token, {}, as('listed'))).access_token)).toHaveProperty('status')
  })

  it('shows at introspection what the registration leaves of an exchanged token', async () => {
    const { token } = await signedIn()
    const { access_token } = await exchanged(token, { audience: ARCHIVE })
    const scopeWith = async (gateway: Readonly<Record<string, unknown>>) => {
      deployment.register([
        ...REGISTERED.filter(({ client_id }) => client_id !== 'gateway'),
        { ...GATEWAY, ...gateway },
      ])
      await signet.reload()
      const { body } = await signet.post('/introspect', { token: access_token }, as('inventory'))
      return body['active'] ? body['scope'] : false
    }
    expect(await scopeWith({ token_exchange: [{ audience: ARCHIVE, scope: 'write' }] })).toBe('write')
    expect(await scopeWith({ token_exchange: [{ audience: INVENTORY, scope: 'write' }] })).toBe(false)
    expect(await scopeWith({ token_exchange: [], grant_types: ['client_credentials'] })).toBe(false)
    expect(await scopeWith({})).toBe('read write')
  })
})
