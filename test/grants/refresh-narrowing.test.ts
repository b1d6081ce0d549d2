import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, CLIENTS, CONFIDENTIAL, OTHER_API } from '../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../support/deployment.ts'
import { rowOf, seedFamily } from '../support/families.ts'
import { INVALID_GRANT, refresh, refused, rotated } from '../support/refresh.ts'

describe.each(deployments)('RFC 6749 §6 – refreshing, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const claimsAfter = async (token: string, form: Readonly<Record<string, string>> = {}) => {
    const { status, body } = await refresh(signet, token, { form })
    expect(status).toBe(200)
    return { claims: decodeJwt(body.access_token), next: body.refresh_token, scope: body['scope'] }
  }

  it('issues a token with the claims of the account and of the sign-in (RFC 9068 §2.2)', async () => {
    const family = await seedFamily(deployment)
    const { status, body, headers } = await refresh(signet, family.refresh_token)
    expect([status, headers.get('cache-control'), headers.get('pragma')]).toEqual([
      200,
      'no-store',
      'no-cache',
    ])
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 900,
      scope: 'read write',
      refresh_token: family.tokenAt(1),
      refresh_token_expires_in: 604_800,
    })
    const claims = decodeJwt(body.access_token)
    expect(claims).toEqual({
      iss: ISSUER,
      sub: family.user_id,
      client_id: 'app',
      aud: [API, OTHER_API],
      iat: expect.any(Number),
      exp: (claims.iat ?? 0) + 900,
      jti: expect.any(String),
      scope: 'read write',
      sid: family.id,
      auth_time: expect.any(Number),
      amr: ['pwd'],
      acr: 'urn:signet:acr:pwd',
      roles: ['user'],
    })
  })

  it('refreshes for a confidential client, which must authenticate (§3.2.1)', async () => {
    const family = await seedFamily(deployment, { client_id: 'confidential' })
    const asPublic = await refresh(signet, family.refresh_token, { client_id: 'confidential' })
    expect([asPublic.status, asPublic.body.error]).toEqual([401, 'invalid_client'])
    await rotated(signet, family.refresh_token, { headers: CONFIDENTIAL })
  })

  it('§5.2 – refuses a request without refresh_token', async () => {
    const { status, body } = await signet.token({ grant_type: 'refresh_token', client_id: 'app' })
    expect([status, body.error]).toEqual([400, 'invalid_request'])
  })

  it.each(['x', 'signet_rt_', `signet_rt_${'A'.repeat(94)}`, 'signet_rt_é', 'eyJhbGciOiJub25lIn0.e30.'])(
    '§5.2 – refuses %j, which is not a refresh token of ours',
    async token => {
      expect(await refused(signet, token)).toEqual(INVALID_GRANT)
    },
  )

  it('narrows the scope of one access token, and not of the sign-in', async () => {
    const family = await seedFamily(deployment)
    const narrow = await claimsAfter(family.refresh_token, { scope: 'read' })
    expect([narrow.claims['scope'], narrow.scope]).toEqual(['read', 'read'])
    const whole = await claimsAfter(narrow.next)
    expect([whole.claims['scope'], whole.scope]).toEqual(['read write', 'read write'])
  })

  it('grants each scope value once', async () => {
    const family = await seedFamily(deployment)
    const { claims, scope } = await claimsAfter(family.refresh_token, { scope: 'read read' })
    expect([claims['scope'], scope]).toEqual(['read', 'read'])
  })

  it.each(['admin', 'read admin', ' read', 'read"'])(
    '§6, §3.3 – refuses the scope %j, and does not spend the token',
    async scope => {
      const family = await seedFamily(deployment)
      expect(await refused(signet, family.refresh_token, { form: { scope } })).toEqual([400, 'invalid_scope'])
      expect((await rowOf(deployment, family.id)).generation).toBe(0)
      await rotated(signet, family.refresh_token)
    },
  )

  it('grants no more than the sign-in was granted, also when the client’s registration has grown', async () => {
    const family = await seedFamily(deployment, { scope: 'read', audience: [API] })
    expect(await refused(signet, family.refresh_token, { form: { scope: 'write' } })).toEqual([
      400,
      'invalid_scope',
    ])
    const form = { resource: OTHER_API }
    expect(await refused(signet, family.refresh_token, { form })).toEqual([400, 'invalid_target'])
    const { claims } = await claimsAfter(family.refresh_token)
    expect(claims['scope']).toBe('read')
  })

  it('keeps a sign-in without a scope without one', async () => {
    const family = await seedFamily(deployment, { scope: '' })
    expect(await refused(signet, family.refresh_token, { form: { scope: 'read' } })).toEqual([
      400,
      'invalid_scope',
    ])
    expect((await claimsAfter(family.refresh_token)).claims).not.toHaveProperty('scope')
  })

  it('RFC 8707 §2.2 – narrows the audience of one access token, and never joins the issuer with another audience', async () => {
    const family = await seedFamily(deployment, { audience: [API, OTHER_API, ISSUER] })
    const narrow = await claimsAfter(family.refresh_token, { resource: OTHER_API })
    expect(narrow.claims.aud).toBe(OTHER_API)
    const own = await claimsAfter(narrow.next, { resource: ISSUER })
    expect(own.claims.aud).toBe(ISSUER)
    expect((await claimsAfter(own.next)).claims.aud).toEqual([API, OTHER_API])
  })

  it('RFC 8707 §2.2 – addresses the token to the one resource that is requested', async () => {
    const family = await seedFamily(deployment, { client_id: 'confidential' })
    const form = { resource: API }
    const { body } = await refresh(signet, family.refresh_token, { headers: CONFIDENTIAL, form })
    expect(decodeJwt(body.access_token).aud).toBe(API)
  })

  it.each(['https://foreign.example', '/api', `${API}#f`])(
    'RFC 8707 §2 – refuses the resource %j, and does not spend the token',
    async resource => {
      const family = await seedFamily(deployment)
      expect(await refused(signet, family.refresh_token, { form: { resource } })).toEqual([
        400,
        'invalid_target',
      ])
      await rotated(signet, family.refresh_token)
    },
  )

  it('grants no more than the client’s current registration', async () => {
    const entry = CLIENTS.find(({ client_id }) => client_id === 'app')
    const serve = async (changed: Readonly<Record<string, unknown>>) => {
      deployment.register([{ ...entry, client_id: 'app', ...changed }])
      return deployment.start()
    }
    // Granted before the client became first-party.
    const family = await seedFamily(deployment, { audience: [API, OTHER_API] })
    const claimsAfterRefresh = async (instance: Instance, token: string) => {
      const { body } = await refresh(instance, token)
      return decodeJwt(body.access_token)
    }
    const narrowed = await serve({ scope: 'read', audience: [OTHER_API] })
    expect(await claimsAfterRefresh(narrowed, family.refresh_token)).toMatchObject({
      scope: 'read',
      aud: OTHER_API,
    })
    const token = family.tokenAt(1)
    expect(await refused(narrowed, token, { form: { scope: 'write' } })).toEqual([400, 'invalid_scope'])
    expect(await refused(narrowed, token, { form: { resource: API } })).toEqual([400, 'invalid_target'])
    // No granted audience is still registered: the client's first is taken, as for a new sign-in.
    const moved = await serve({ audience: ['https://new.example'], first_party: false })
    expect(await claimsAfterRefresh(moved, token)).toMatchObject({
      scope: 'read write',
      aud: 'https://new.example',
    })
    const own = await serve({ audience: ['https://new.example'] })
    const first_party = await seedFamily(deployment, { audience: [API, ISSUER] })
    expect(await claimsAfterRefresh(own, first_party.refresh_token)).toMatchObject({
      aud: 'https://new.example',
    })
    const issuerAlone = await seedFamily(deployment, { audience: [ISSUER] })
    expect(await claimsAfterRefresh(own, issuerAlone.refresh_token)).toMatchObject({ aud: ISSUER })
    deployment.register(CLIENTS)
  })

  it('puts the current roles into the access token', async () => {
    const family = await seedFamily(deployment)
    await deployment.database.sql`update users set roles = '{user,editor}' where id = ${family.user_id}`
    expect((await claimsAfter(family.refresh_token)).claims['roles']).toEqual(['user', 'editor'])
  })

  it('stores the address and the user agent of the last refresh', async () => {
    const family = await seedFamily(deployment)
    const headers = { 'user-agent': `Browser ${'x'.repeat(1000)}` }
    await rotated(signet, family.refresh_token, { headers })
    const [row] = await deployment.database
      .sql`select last_ip, length(last_user_agent) as length from refresh_families where id = ${family.id}`
    expect(row).toEqual({ last_ip: '127.0.0.1', length: 256 })
  })
})
