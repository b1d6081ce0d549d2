import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPostgres, hasRedis } from '../../support/backends.ts'
import { type Deployment, type Instance, openDeployment } from '../../support/deployment.ts'
import { rowOf, seedFamily } from '../../support/families.ts'
import { isActive, refresh, rotated } from '../../support/refresh.ts'
import { findPgBouncer, type Service, startPgBouncer } from '../../support/services/services.ts'

/** In the set-up of docs/deploy.md, each statement may use another connection to Postgres, which lacks its prepared statement. */
describe.skipIf(!hasPostgres || !hasRedis || findPgBouncer() === null)(
  'behind a PgBouncer in transaction mode',
  () => {
    let deployment: Deployment
    let bouncer: Service | null
    let signet: Instance
    beforeAll(async () => {
      deployment = await openDeployment()
      bouncer = await startPgBouncer(deployment.environment['DATABASE_URL'] ?? '')
      signet = await deployment.start({ environment: { DATABASE_URL: bouncer?.url ?? '' } })
    })
    afterAll(async () => {
      await deployment.close()
      await bouncer?.stop()
    })

    it('rotates, and the new access token is active', async () => {
      const family = await seedFamily(deployment)
      const { status, body } = await refresh(signet, family.refresh_token)
      expect(status).toBe(200)
      expect(await isActive(signet, body.access_token)).toBe(true)
      await rotated(signet, body.refresh_token)
    })

    it('lets one of a hundred concurrent refreshes win, and ends the family', async () => {
      const family = await seedFamily(deployment)
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => refresh(signet, family.refresh_token)),
      )
      expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1)
      const { generation, revoke_reason } = await rowOf(deployment, family.id)
      expect([generation, revoke_reason]).toEqual([1, 'reuse'])
    })

    it('revokes permanently', async () => {
      const family = await seedFamily(deployment)
      const { body } = await refresh(signet, family.refresh_token)
      await signet.post('/revoke', { token: body.refresh_token, client_id: 'app' })
      expect(await isActive(signet, body.access_token)).toBe(false)
      expect((await refresh(signet, body.refresh_token)).body.error).toBe('invalid_grant')
    })
  },
)
