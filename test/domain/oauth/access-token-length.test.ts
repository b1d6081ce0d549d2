import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRequireLength, longestAccessToken } from '../../../src/domain/oauth/access-token-length.ts'
import {
  type Client,
  credentialsHashOf,
  FIRST_PARTY as FIRST_PARTY_CLIENT,
} from '../../../src/domain/oauth/client.ts'
import { parseClients } from '../../../src/domain/oauth/parse-clients.ts'
import { EXTRA_CLAIMS_MAX_BYTES } from '../../../src/domain/sign-in/extra-claims.ts'
import { API, basic, CLIENTS, type ClientEntry, SECRETS } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { rowOf, seedFamily } from '../../support/families.ts'
import { refresh, rotated } from '../../support/refresh.ts'

const MOST = 8192
/** As long as the thumbprint of a key. */
const CONFIRMED = 'h'.repeat(43)
const POLICY = { issuer: ISSUER, default_audience: ISSUER }
/** All of them together take about 9,000 characters of a token. */
const AUDIENCE = Array.from({ length: 60 }, (_, index) => `https://${'a'.repeat(90)}.example/${index}`)
/** More than fit into a token. */
const SCOPE = Array.from({ length: 300 }, (_, index) => `orders.${'s'.repeat(20)}.${index}`)
const SCOPES = basic('scopes', SECRETS.poster)
const SERVICE = basic('gateway', SECRETS.service)
const clients: readonly ClientEntry[] = [
  ...CLIENTS,
  {
    client_id: 'gateway',
    client_secret: SECRETS.service,
    grant_types: ['client_credentials'],
    scope: 'read write',
    audience: AUDIENCE,
    status_list: true,
  },
  {
    client_id: 'console',
    token_endpoint_auth_method: 'none',
    grant_types: ['refresh_token'],
    scope: 'read write',
    audience: AUDIENCE,
  },
  {
    client_id: 'scopes',
    client_secret: SECRETS.poster,
    grant_types: ['client_credentials', 'refresh_token'],
    scope: SCOPE.join(' '),
    audience: API,
  },
]
const resources = (count: number) => AUDIENCE.slice(0, count).map(each => ['resource', each] as const)

describe.each(deployments)('the length of an access token, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open(clients)
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const ask = (count: number) =>
    signet.token([['grant_type', 'client_credentials'], ...resources(count)], SERVICE)
  const introspect = async (token: string) =>
    (await signet.post('/introspect', { token }, SERVICE)).body['active']

  it('is at most 8,192 characters, so that every issued token can be introspected and revoked', async () => {
    let last = ''
    for (let count = 1; ; count += 1) {
      const answer = await ask(count)
      if (answer.status === 400) {
        expect(answer.body).toEqual({ error: 'invalid_target', error_description: expect.any(String) })
        break
      }
      last = answer.body.access_token
      expect(last.length).toBeLessThanOrEqual(MOST)
    }
    expect(last.length).toBeGreaterThan(MOST - 2000)
    expect(await introspect(last)).toBe(true)
    expect((await signet.post('/revoke', { token: last }, SERVICE)).status).toBe(200)
    expect(await introspect(last)).toBe(false)
  })

  it('is refused for its scope when fewer resources would not help, and the token is issued for less scope', async () => {
    const grant_type = 'client_credentials'
    const whole = await signet.token({ grant_type }, SCOPES)
    expect([whole.status, whole.body.error]).toEqual([400, 'invalid_scope'])
    const less = await signet.token({ grant_type, scope: SCOPE.slice(0, 50).join(' ') }, SCOPES)
    expect([less.status, await introspect(less.body.access_token)]).toEqual([200, false])
    expect(less.body.access_token.length).toBeLessThanOrEqual(MOST)
  })

  it('refuses a refresh for too long a scope, asks for less scope, and spends no refresh token', async () => {
    const family = await seedFamily(deployment, {
      client_id: 'scopes',
      scope: SCOPE.join(' '),
      audience: [API],
    })
    const whole = await signet.token(
      { grant_type: 'refresh_token', refresh_token: family.refresh_token },
      SCOPES,
    )
    expect([whole.status, whole.body.error]).toEqual([400, 'invalid_scope'])
    const less = await signet.token(
      { grant_type: 'refresh_token', refresh_token: family.refresh_token, scope: SCOPE[0] ?? '' },
      SCOPES,
    )
    expect([less.status, less.body.refresh_token]).toEqual([200, family.tokenAt(1)])
  })

  it('reserves no place in a status list for a refused token', async () => {
    const count = async () => {
      const [row] = await deployment.database.sql<
        { count: number }[]
      >`select count(*)::int as count from status_entries`
      return row?.count
    }
    const before = await count()
    expect((await ask(60)).body.error).toBe('invalid_target')
    expect(await count()).toBe(before)
  })

  it('refuses a refresh for too many resources and spends no refresh token', async () => {
    const family = await seedFamily(deployment, { client_id: 'console', audience: AUDIENCE })
    const { body } = await refresh(signet, family.refresh_token, {
      client_id: 'console',
      form: resources(60),
    })
    expect(body.error).toBe('invalid_target')
    expect(await rowOf(deployment, family.id)).toMatchObject({ generation: 0, revoked_at: null })
    await rotated(signet, family.refresh_token, { client_id: 'console', form: resources(2) })
  })

  it('refuses a refresh of a family with too many granted resources, asks for fewer, and spends no refresh token', async () => {
    const family = await seedFamily(deployment, { client_id: 'console', audience: AUDIENCE })
    const { body } = await refresh(signet, family.refresh_token, { client_id: 'console' })
    expect(body.error).toBe('invalid_target')
    expect(await rowOf(deployment, family.id)).toMatchObject({ generation: 0, revoked_at: null })
    const next = await rotated(signet, family.refresh_token, { client_id: 'console', form: resources(1) })
    expect(next).toBe(family.tokenAt(1))
  })

  it('refreshes a family that was granted few of many resources', async () => {
    const family = await seedFamily(deployment, { client_id: 'console', audience: AUDIENCE.slice(0, 2) })
    const { status, body } = await refresh(signet, family.refresh_token, { client_id: 'console' })
    expect([status, decodeJwt(body.access_token).aud]).toEqual([200, AUDIENCE.slice(0, 2)])
  })

  it('has room for every role that an account may have, and for no more', async () => {
    const family = await seedFamily(deployment, { client_id: 'console', audience: AUDIENCE.slice(0, 1) })
    const roles = Array.from({ length: 400 }, (_, index) => String(index).padStart(64, 'r'))
    await deployment.database.sql`update users set roles = ${roles} where id = ${family.user_id}`
    const { status, body } = await refresh(signet, family.refresh_token, { client_id: 'console' })
    expect([status, body.access_token.length <= MOST]).toEqual([200, true])
    expect(decodeJwt(body.access_token)['roles']).toEqual(roles.slice(0, 32))
  })
})

describe('the room for extra claims', () => {
  /** Of a person, and as long as a token may be, to the character. */
  const scopeOfLongest = (client: Client): string => {
    const bare = longestAccessToken(client, { scope: '', audience: [API], jkt: CONFIRMED }, ISSUER)
    return 's'.repeat(Math.floor(((MOST - bare) * 3) / 4) - 1)
  }
  const ofPeople = { ...FIRST_PARTY_CLIENT, first_party: false, audience: [API] }
  const grantOf = (scope: string) => ({ scope, audience: [API], jkt: CONFIRMED })

  it('is kept free in the tokens of people alone, with a hook alone', () => {
    const scope = scopeOfLongest(ofPeople)
    const client = { ...ofPeople, scope }
    const shorter = { ...client, scope: scope.slice(EXTRA_CLAIMS_MAX_BYTES + 1) }
    const machine = { ...client, grant_types: ['client_credentials'] }
    const [without, withHook] = [0, EXTRA_CLAIMS_MAX_BYTES].map(bytes => createRequireLength(POLICY, bytes))
    expect([client, shorter].map(each => without?.isBounded(each))).toEqual([true, true])
    expect([client, shorter, machine].map(each => withHook?.isBounded(each))).toEqual([false, true, true])
    expect(() => withHook?.requireLength(client, grantOf(scope))).toThrow('token_too_long_by_scope')
    expect(() => withHook?.requireLength(client, grantOf(shorter.scope))).not.toThrow()
  })
})

describe('a registration whose tokens would be too long', () => {
  const judge = (more: Readonly<Record<string, unknown>>) =>
    parseClients(
      [{ client_id: 'c', client_secret: SECRETS.service, grant_types: ['client_credentials'], ...more }],
      { ...POLICY, outbound_allow: [] },
    )
  const FAULT =
    /^client ".+": client_id, scope and audience make an access token of \d+ characters; 8192 is the most$/
  const FIRST_PARTY = {
    client_secret: undefined,
    token_endpoint_auth_method: 'none',
    first_party: true,
    grant_types: ['refresh_token'],
  }
  const scopeOf = (characters: number) => 's'.repeat(characters)

  it.each([
    ['scope', { scope: scopeOf(6000) }],
    ['audience', { audience: [API, `https://${'a'.repeat(6000)}.example`] }],
    ['audience in many bytes', { audience: '😀'.repeat(1500) }],
    ['audience of characters that JSON escapes', { audience: '\u0001'.repeat(1000) }],
    ['client_id, quoted, beside a scope', { client_id: '"'.repeat(255), scope: scopeOf(4200) }],
    ['scope beside the roles of people', { grant_types: ['refresh_token'], scope: scopeOf(3000) }],
    [
      'whole scope of a first-party client',
      { ...FIRST_PARTY, scope: `${scopeOf(1500)} ${'t'.repeat(1500)}` },
    ],
  ])('is a fault of the file: %s', (_, more) => {
    const judged = judge(more)
    expect('faults' in judged && judged.faults).toEqual([
      { path: [0], message: expect.stringMatching(FAULT) },
    ])
  })

  it('is refused when tokens for the issuer, which a first-party client may ask for, are too long', () => {
    const policy = { ...POLICY, issuer: `https://${'i'.repeat(1500)}.example`, outbound_allow: [] }
    const client = { client_id: 'c', audience: API }
    expect(parseClients([{ ...client, ...FIRST_PARTY }], policy)).toHaveProperty('faults')
    const notFirstParty = { ...client, ...FIRST_PARTY, first_party: false }
    expect(parseClients([notFirstParty], policy)).toHaveProperty('clients')
  })

  it('counts the further claim of a token for administration', () => {
    const lengthWith = (scope: string) =>
      longestAccessToken(
        { ...FIRST_PARTY_CLIENT, first_party: false },
        { scope, audience: [API], jkt: null },
        ISSUER,
      )
    const carried = JSON.stringify({ credentials_hash: credentialsHashOf(FIRST_PARTY_CLIENT) }).length
    expect(lengthWith('signet:admin') - lengthWith('signet:other')).toBeGreaterThanOrEqual(carried)
  })

  it('is accepted while each token fits, however many audiences are registered', () => {
    expect(judge({ scope: scopeOf(3500), audience: AUDIENCE })).toHaveProperty('clients')
    expect(judge({ scope: scopeOf(1500), grant_types: ['refresh_token'] })).toHaveProperty('clients')
    expect(judge({ scope: `${scopeOf(4000)} ${'t'.repeat(4000)}` })).toHaveProperty('clients')
  })
})
