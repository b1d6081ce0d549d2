import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  API,
  basic,
  CLIENT_CREDENTIALS,
  CLIENTS,
  CONFIDENTIAL,
  INTROSPECTOR,
  OTHER_API,
  SECRETS,
  SERVICE,
} from '../../support/clients.ts'
import { type Deployment, deployments, type Instance, ISSUER } from '../../support/deployment.ts'
import { rowOf, seedFamily } from '../../support/families.ts'
import { refresh, rotated } from '../../support/refresh.ts'

const INACTIVE = '{"active":false}'
const STRANGER = basic('stranger', SECRETS.stranger)

describe.each(deployments)('RFC 7662 §2 – introspection on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open([
      ...CLIENTS,
      { client_id: 'issuer-resource', client_secret: SECRETS.service, protected_resources: [ISSUER] },
    ])
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const introspect = async (token: string, headers: Readonly<Record<string, string>>, to = signet) => {
    const answer = await to.post('/introspect', { token }, headers)
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
    expect(answer.headers.get('content-type')).toBe('application/json')
    return answer
  }
  const tokenOf = async (headers = SERVICE, more: Readonly<Record<string, string>> = {}) =>
    (await signet.token({ ...CLIENT_CREDENTIALS, ...more }, headers)).body.access_token

  it('describes to a client its own access token (§2.2)', async () => {
    const token = await tokenOf()
    const { body } = await introspect(token, SERVICE)
    expect(body).toEqual({ active: true, token_type: 'Bearer', ...decodeJwt(token) })
  })

  it('describes to a resource server the tokens that are addressed to it, and no others (§2.2)', async () => {
    const family = await seedFamily(deployment)
    const person = (await refresh(signet, family.refresh_token)).body.access_token
    const { body } = await introspect(person, INTROSPECTOR)
    expect([body['active'], body['sub'], body['sid']]).toEqual([true, family.user_id, family.id])
    expect((await introspect(await tokenOf(SERVICE, { resource: API }), INTROSPECTOR)).body['active']).toBe(
      true,
    )
    expect((await introspect(await tokenOf(SERVICE, { resource: OTHER_API }), INTROSPECTOR)).text).toBe(
      INACTIVE,
    )
    // The issuer is a resource server too: its tokens are described to it alone, and no other tokens.
    const issuer = basic('issuer-resource', SECRETS.service)
    expect((await introspect(person, issuer)).text).toBe(INACTIVE)
    const signedIn = await seedFamily(deployment, { audience: [API, ISSUER] })
    const form = { resource: ISSUER }
    const own = (await refresh(signet, signedIn.refresh_token, { form })).body.access_token
    expect((await introspect(own, issuer)).body['active']).toBe(true)
    expect((await introspect(own, INTROSPECTOR)).text).toBe(INACTIVE)
    expect((await introspect(await tokenOf(SERVICE, { resource: API }), issuer)).text).toBe(INACTIVE)
  })

  it('answers alike for a token that is not live and a token that is not the caller’s (§2.2)', async () => {
    const token = await tokenOf()
    const family = await seedFamily(deployment)
    const { body } = await refresh(signet, family.refresh_token)
    const revoked = await tokenOf()
    await signet.post('/revoke', { token: revoked }, SERVICE)
    const [header, payload, signature] = token.split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const notTheirs = [token, body.access_token, body.refresh_token]
    const notAlive = [
      revoked,
      'x',
      '...',
      `${header}.${payload}.`,
      `${none}.${payload}.`,
      `${header}.${Buffer.from('{}').toString('base64url')}.${signature}`,
      `${token}=`,
      `${token}.`,
      ` ${token}`,
      `signet_rt_${'A'.repeat(94)}`,
      'é',
    ]
    const answers = [
      ...(await Promise.all(notTheirs.map(other => introspect(other, STRANGER)))),
      ...(await Promise.all(notAlive.map(other => introspect(other, SERVICE)))),
    ]
    const visible = answers.map(({ text, headers }) => {
      const others = [...headers].filter(([name]) => name !== 'x-request-id')
      return JSON.stringify([text, others])
    })
    expect(new Set(visible).size).toBe(1)
    expect(answers[0]?.text).toBe(INACTIVE)
  })

  it('answers inactive from the second at which a token expires (§4)', async () => {
    let now = new Date()
    const aging = await deployment.start({ clock: () => now })
    const token = (await aging.token(CLIENT_CREDENTIALS, SERVICE)).body.access_token
    const { exp = 0 } = decodeJwt(token)
    now = new Date(exp * 1000 - 1)
    expect((await introspect(token, SERVICE, aging)).body['active']).toBe(true)
    now = new Date(exp * 1000)
    expect((await introspect(token, SERVICE, aging)).text).toBe(INACTIVE)
  })

  it('refuses a public client, and a caller that does not authenticate (§2.1)', async () => {
    const token = await tokenOf()
    for (const form of [{ token, client_id: 'app' }, { token }]) {
      const { status, body } = await signet.post('/introspect', form)
      expect([status, body.error]).toEqual([401, 'invalid_client'])
    }
  })

  describe('of refresh tokens', () => {
    const seed = () => seedFamily(deployment, { client_id: 'confidential' })

    it('describes the current one to its client, with the scope that it still has', async () => {
      const family = await seedFamily(deployment, { client_id: 'confidential', scope: 'read write narrowed' })
      const { body } = await introspect(family.refresh_token, CONFIDENTIAL)
      const { idle_expires_at } = await rowOf(deployment, family.id)
      expect(body).toEqual({
        active: true,
        iss: ISSUER,
        client_id: 'confidential',
        sub: family.user_id,
        scope: 'read write',
        exp: Math.floor(idle_expires_at.getTime() / 1000),
        sid: family.id,
      })
    })

    it('answers inactive for a spent one, and does not end its sign-in', async () => {
      const family = await seed()
      const next = await rotated(signet, family.refresh_token, { headers: CONFIDENTIAL })
      for (const token of [family.refresh_token, family.tokenAt(2), family.tokenAt(7)])
        expect((await introspect(token, CONFIDENTIAL)).text).toBe(INACTIVE)
      expect((await introspect(next, CONFIDENTIAL)).body['active']).toBe(true)
      await rotated(signet, next, { headers: CONFIDENTIAL })
    })

    it('answers inactive to any other client, a resource server too', async () => {
      const family = await seed()
      for (const headers of [STRANGER, INTROSPECTOR, SERVICE])
        expect((await introspect(family.refresh_token, headers)).text).toBe(INACTIVE)
    })

    it.each(['revoked_at', 'idle_expires_at', 'expires_at'])(
      'answers inactive once %s has passed',
      async column => {
        const family = await seed()
        const { sql } = deployment.database
        await sql`update refresh_families set ${sql(column)} = now() where id = ${family.id}`
        expect((await introspect(family.refresh_token, CONFIDENTIAL)).text).toBe(INACTIVE)
      },
    )

    it('recognises a token in spite of a wrong hint (§2.1)', async () => {
      const family = await seed()
      for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense']) {
        const form = { token: family.refresh_token, token_type_hint }
        expect((await signet.post('/introspect', form, CONFIDENTIAL)).body['active']).toBe(true)
      }
    })
  })

  it('knows earlier revocations after a flush of Redis and a restart (§4)', async () => {
    const family = await seedFamily(deployment, { client_id: 'confidential' })
    const first = await refresh(signet, family.refresh_token, { headers: CONFIDENTIAL })
    const alone = await tokenOf()
    await signet.post('/revoke', { token: alone }, SERVICE)
    await signet.post('/revoke', { token: first.body.refresh_token }, CONFIDENTIAL)
    await deployment.redis?.flush()
    for (const instance of [signet, await deployment.start()]) {
      expect((await introspect(alone, SERVICE, instance)).text).toBe(INACTIVE)
      expect((await introspect(first.body.access_token, CONFIDENTIAL, instance)).text).toBe(INACTIVE)
      expect((await introspect(first.body.refresh_token, CONFIDENTIAL, instance)).text).toBe(INACTIVE)
    }
  })
})
