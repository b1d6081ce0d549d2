import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Answer } from '../support/answer.ts'
import { assertionClaims, createClientKey, signAssertion, withAssertion } from '../support/assertions.ts'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import { CLIENT_CREDENTIALS, CLIENTS, SERVICE } from '../support/clients.ts'
import { type Deployment, type Instance, openDeployment } from '../support/deployment.ts'
import { rowOf, seedFamily } from '../support/families.ts'
import { INVALID_GRANT, isActive, refresh, refused, rotated } from '../support/refresh.ts'
import { type FaultProxy, openFaultProxy } from '../support/services/fault-proxy.ts'

const proxyOf = async (url: string) => {
  const { hostname, port } = new URL(url)
  const proxy = await openFaultProxy({ host: hostname, port: Number(port) })
  const through = new URL(url)
  through.host = `127.0.0.1:${proxy.port}`
  return { proxy, url: through.href }
}

describe.skipIf(!hasPostgres || !hasRedis)('an outage', () => {
  let deployment: Deployment
  let postgres: FaultProxy
  let redis: FaultProxy
  let signet: Instance
  let key: Awaited<ReturnType<typeof createClientKey>>
  beforeAll(async () => {
    key = await createClientKey('ES256')
    const jwt = {
      client_id: 'jwt',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      grant_types: ['client_credentials'],
    }
    deployment = await openDeployment([...CLIENTS, jwt])
    const database = await proxyOf(deployment.environment['DATABASE_URL'] ?? '')
    const cache = await proxyOf(deployment.environment['REDIS_URL'] ?? '')
    postgres = database.proxy
    redis = cache.proxy
    signet = await deployment.start({ environment: { DATABASE_URL: database.url, REDIS_URL: cache.url } })
  })
  afterAll(async () => {
    await deployment.close()
    await Promise.all([postgres.close(), redis.close()])
  })

  const expectUnavailable = ({ status, body, headers }: Answer) => {
    expect([status, body.error]).toEqual([503, 'temporarily_unavailable'])
    expect(Number(headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).not.toHaveProperty('access_token')
  }
  const answersAgain = () =>
    vi.waitFor(async () => expect((await signet.fetch('/readyz')).status).toBe(200), { timeout: 10_000 })

  describe('of Postgres', () => {
    it('is answered with 503 wherever the database is needed, changes nothing, and ends by itself', async () => {
      const family = await seedFamily(deployment)
      const token = (await signet.token(CLIENT_CREDENTIALS, SERVICE)).body.access_token
      const assertion = await signAssertion(key, assertionClaims('jwt'))
      await postgres.refuse()
      expectUnavailable(await refresh(signet, family.refresh_token))
      expectUnavailable(await signet.token(CLIENT_CREDENTIALS, SERVICE))
      expectUnavailable(await signet.post('/introspect', { token }, SERVICE))
      expectUnavailable(await signet.post('/revoke', { token }, SERVICE))
      expectUnavailable(await signet.post('/revoke', { token: family.refresh_token, client_id: 'app' }))
      expectUnavailable(await signet.token(withAssertion(assertion)))
      for (const path of ['/status-lists', '/status-lists/0'])
        expect((await signet.fetch(path)).status).toBe(503)
      const ready = await signet.fetch('/readyz')
      expect([ready.status, ready.body['missing']]).toEqual([503, ['database']])
      for (const path of ['/livez', '/.well-known/jwks.json', '/.well-known/oauth-authorization-server'])
        expect((await signet.fetch(path)).status).toBe(200)
      await postgres.accept()
      await answersAgain()
      expect((await rowOf(deployment, family.id)).generation).toBe(0)
      await rotated(signet, family.refresh_token)
      expect(await isActive(signet, token)).toBe(true)
      expect((await signet.token(withAssertion(assertion))).status).toBe(200)
      expect((await signet.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
    })

    it('is answered with 503 to a client too, as its token could not be revoked', async () => {
      await postgres.refuse()
      await vi.waitFor(async () => expectUnavailable(await signet.token(CLIENT_CREDENTIALS, SERVICE)), {
        timeout: 10_000,
      })
      await postgres.accept()
      await answersAgain()
      expect((await signet.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
    })

    it('within a rotation ends no sign-in, as the retry has its proof', async () => {
      const family = await seedFamily(deployment)
      let token: string = family.refresh_token
      for (let turn = 0; turn < 10; turn++) {
        const attempt = { key: `attempt ${turn}` }
        const pending = refresh(signet, token, attempt)
        postgres.cut()
        const { status } = await pending
        expect([200, 503]).toContain(status)
        await answersAgain()
        token = await rotated(signet, token, attempt)
      }
      expect((await rowOf(deployment, family.id)).generation).toBe(10)
    })

    it('does not keep garbage from being refused', async () => {
      await postgres.refuse()
      expect(await refused(signet, 'x')).toEqual(INVALID_GRANT)
      const { text } = await signet.post('/introspect', { token: 'x' }, SERVICE)
      expect(text).toBe('{"active":false}')
      await postgres.accept()
      await answersAgain()
    })
  })

  describe('of Redis', () => {
    it('lets no revoked token pass, as Postgres is asked', async () => {
      const family = await seedFamily(deployment)
      const { body } = await refresh(signet, family.refresh_token)
      await signet.post('/revoke', { token: body.refresh_token, client_id: 'app' })
      await redis.refuse()
      expect(await isActive(signet, body.access_token)).toBe(false)
      expect(await refused(signet, body.refresh_token)).toEqual(INVALID_GRANT)
      await redis.accept()
    })

    it('does not keep tokens from being issued, refreshed and revoked for good', async () => {
      const family = await seedFamily(deployment)
      await redis.refuse()
      const { body } = await refresh(signet, family.refresh_token)
      expect(await isActive(signet, body.access_token)).toBe(true)
      expect((await signet.post('/revoke', { token: body.refresh_token, client_id: 'app' })).status).toBe(200)
      expect(await isActive(signet, body.access_token)).toBe(false)
      await redis.accept()
      await vi.waitFor(async () => expect((await signet.fetch('/readyz')).body['status']).toBe('ready'), {
        timeout: 10_000,
      })
      expect(await isActive(signet, body.access_token)).toBe(false)
    })

    it('without an answer delays no answer beyond its time limit', async () => {
      const token = (await signet.token(CLIENT_CREDENTIALS, SERVICE)).body.access_token
      redis.stall()
      const started = performance.now()
      expect(await isActive(signet, token)).toBe(true)
      expect((await signet.token(CLIENT_CREDENTIALS, SERVICE)).status).toBe(200)
      expect(performance.now() - started).toBeLessThan(3_000)
      redis.cut()
      redis.heal()
    })
  })
})
