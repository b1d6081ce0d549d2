import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { basic, CLIENT_CREDENTIALS, CONFIDENTIAL, SECRETS, SERVICE } from '../../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../../support/deployment.ts'
import { rowOf, seedFamily } from '../../support/families.ts'
import { listen } from '../../support/listen.ts'
import {
  createBystanders,
  INVALID_GRANT,
  isActive,
  refresh,
  refused,
  rotated,
} from '../../support/refresh.ts'

const APP = { client_id: 'app' }

describe.each(deployments)('RFC 7009 §2 – revocation on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const revoke = async (
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => {
    const { status, text, headers: answered } = await signet.post('/revoke', form, headers)
    expect(answered.get('cache-control')).toBe('no-store')
    return [status, text]
  }
  const DONE = [200, '']

  it('ends one access token, and no other of the same client (§2.1)', async () => {
    const [first, second] = [
      await signet.token(CLIENT_CREDENTIALS, SERVICE),
      await signet.token(CLIENT_CREDENTIALS, SERVICE),
    ]
    const token = first.body.access_token
    expect(await isActive(signet, token)).toBe(true)
    expect(await revoke({ token }, SERVICE)).toEqual(DONE)
    expect(await isActive(signet, token)).toBe(false)
    expect(await isActive(signet, second.body.access_token)).toBe(true)
  })

  it('ends one access token of a sign-in, and neither the sign-in nor its other access tokens', async () => {
    const family = await seedFamily(deployment)
    const first = await refresh(signet, family.refresh_token)
    const second = await refresh(signet, first.body.refresh_token)
    expect(await revoke({ token: first.body.access_token, ...APP })).toEqual(DONE)
    expect(await isActive(signet, first.body.access_token)).toBe(false)
    expect(await isActive(signet, second.body.access_token)).toBe(true)
    await rotated(signet, second.body.refresh_token)
  })

  it('ends the whole sign-in of a refresh token, and nothing else (§2.1)', async () => {
    const family = await seedFamily(deployment)
    const bystanders = await createBystanders(deployment, family)
    const { body } = await refresh(signet, family.refresh_token)
    expect(await revoke({ token: body.refresh_token, ...APP })).toEqual(DONE)
    expect(await isActive(signet, body.access_token)).toBe(false)
    expect(await refused(signet, body.refresh_token)).toEqual(INVALID_GRANT)
    expect((await rowOf(deployment, family.id)).revoke_reason).toBe('revoked')
    await bystanders.expectAlive(signet)
  })

  it('ends the sign-in of a spent refresh token from its own client', async () => {
    const family = await seedFamily(deployment)
    const { body } = await refresh(signet, family.refresh_token)
    expect(await revoke({ token: family.refresh_token, ...APP })).toEqual(DONE)
    expect(await refused(signet, body.refresh_token)).toEqual(INVALID_GRANT)
    expect(await isActive(signet, body.access_token)).toBe(false)
  })

  it('ends no token of another client, and answers alike (§2.1)', async () => {
    const family = await seedFamily(deployment)
    const { body } = await refresh(signet, family.refresh_token)
    const own = await signet.token(CLIENT_CREDENTIALS, SERVICE)
    for (const token of [
      body.access_token,
      body.refresh_token,
      family.refresh_token,
      own.body.access_token,
    ]) {
      expect(await revoke({ token }, CONFIDENTIAL)).toEqual(DONE)
      expect(await revoke({ token, client_id: 'grace-app' })).toEqual(DONE)
    }
    expect(await isActive(signet, body.access_token)).toBe(true)
    expect(await isActive(signet, own.body.access_token)).toBe(true)
    await rotated(signet, body.refresh_token)
  })

  it('answers 200 for an unknown, malformed, forged or ended token (§2.2)', async () => {
    const family = await seedFamily(deployment)
    const { body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
    const tampered = `${body.access_token.slice(0, -4)}AAAA`
    const unknown = ['x', 'a.b.c', '...', tampered, `signet_rt_${'A'.repeat(94)}`, '\u{1f600}']
    for (const token of unknown) expect(await revoke({ token }, SERVICE)).toEqual(DONE)
    for (let turn = 0; turn < 3; turn++) {
      expect(await revoke({ token: family.refresh_token, ...APP })).toEqual(DONE)
      expect(await revoke({ token: body.access_token }, SERVICE)).toEqual(DONE)
    }
  })

  it('recognises a token in spite of a wrong hint (§2.1)', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'nonsense']) {
      const family = await seedFamily(deployment)
      const { body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
      expect(await revoke({ token: family.refresh_token, token_type_hint, ...APP })).toEqual(DONE)
      expect(await revoke({ token: body.access_token, token_type_hint }, SERVICE)).toEqual(DONE)
      expect(await refused(signet, family.refresh_token)).toEqual(INVALID_GRANT)
      expect(await isActive(signet, body.access_token)).toBe(false)
    }
  })

  it('answers without a body and without a Content-Type, by which a client would parse one (§2.2)', async () => {
    const { origin, close } = await listen(deployment)
    const body = new URLSearchParams({ token: 'unknown' })
    const { headers } = await fetch(`${origin}/revoke`, { method: 'POST', headers: SERVICE, body })
    expect(headers.get('content-type')).toBeNull()
    expect(headers.get('content-length')).toBe('0')
    expect(headers.get('transfer-encoding')).toBeNull()
    await close()
  })

  it('answers a client that asks for JSON with an empty object', async () => {
    const asked = { ...SERVICE, accept: 'application/json' }
    const { status, text, headers } = await signet.post('/revoke', { token: 'unknown' }, asked)
    expect([status, text, headers.get('content-type')]).toEqual([200, '{}', 'application/json'])
  })

  it('refuses a caller that names no client, so that a found token cannot be ended (§2.1)', async () => {
    const family = await seedFamily(deployment)
    const { status } = await signet.post('/revoke', { token: family.refresh_token })
    expect(status).toBe(401)
    const wrong = basic('confidential', SECRETS.service)
    expect((await signet.post('/revoke', { token: family.refresh_token }, wrong)).status).toBe(401)
    await rotated(signet, family.refresh_token)
  })

  it('ends no sign-in for a token that was made from a public sid without the salt', async () => {
    const family = await seedFamily(deployment)
    const token = family.tokenAt(0, { salt: new Uint8Array(16) })
    expect(await revoke({ token, ...APP })).toEqual(DONE)
    await rotated(signet, family.refresh_token)
  })

  it('keeps an entry as long as its token would have lived', async () => {
    const family = await seedFamily(deployment)
    const { body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
    await revoke({ token: family.refresh_token, ...APP })
    await revoke({ token: body.access_token }, SERVICE)
    const entries = await deployment.database.sql<{ kind: string; seconds: number }[]>`
      select kind, extract(epoch from expires_at - now())::float as seconds from revocations
      order by revoked_at desc limit 2`
    expect(entries.map(({ kind }) => kind).toSorted()).toEqual(['jti', 'sid'])
    for (const { seconds } of entries) {
      expect(seconds).toBeGreaterThan(880)
      expect(seconds).toBeLessThanOrEqual(901)
    }
  })

  it('takes effect at once on every instance, and on one that starts later (§2.1)', async () => {
    const other = await deployment.start()
    const { body } = await signet.token(CLIENT_CREDENTIALS, SERVICE)
    expect(await isActive(other, body.access_token)).toBe(true)
    await revoke({ token: body.access_token }, SERVICE)
    expect(await isActive(other, body.access_token)).toBe(false)
    await deployment.redis?.flush()
    expect(await isActive(await deployment.start(), body.access_token)).toBe(false)
  })
})
