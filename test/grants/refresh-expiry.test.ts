import { decodeJwt } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { ageFamily, rowOf, seedFamily } from '../support/families.ts'
import { INVALID_GRANT, isActive, refresh, refused, rotated } from '../support/refresh.ts'

const DAY = 86_400_000
const IDLE = 7 * DAY

describe.each(deployments)('the lifetime of a refresh family, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  const age = (id: string, seconds: number) => ageFamily(deployment.database, id, seconds)

  it('extends the idle expiry at each refresh', async () => {
    const family = await seedFamily(deployment)
    await age(family.id, 6 * 86_400)
    const before = await rowOf(deployment, family.id)
    await rotated(signet, family.refresh_token)
    const after = await rowOf(deployment, family.id)
    expect(after.idle_expires_at.getTime() - before.idle_expires_at.getTime()).toBeGreaterThan(5 * DAY)
    expect(Math.abs(after.idle_expires_at.getTime() - Date.now() - IDLE)).toBeLessThan(60_000)
  })

  it('RFC 9700 §4.14.2 – ends after the idle time, and not a second earlier', async () => {
    const [young, old] = [await seedFamily(deployment), await seedFamily(deployment)]
    await age(young.id, 7 * 86_400 - 30)
    await age(old.id, 7 * 86_400)
    await rotated(signet, young.refresh_token)
    expect(await refused(signet, old.refresh_token)).toEqual(INVALID_GRANT)
  })

  it('never moves the absolute expiry, and never extends the idle expiry beyond it', async () => {
    const family = await seedFamily(deployment)
    const { expires_at } = await rowOf(deployment, family.id)
    let token: string = family.refresh_token
    let aged = 0
    for (const days of [6, 6, 6, 6, 5]) {
      aged += days * DAY
      await age(family.id, days * 86_400)
      token = await rotated(signet, token, { key: `${aged}` })
      await rotated(signet, family.tokenAt((await rowOf(deployment, family.id)).generation - 1), {
        key: `${aged}`,
      })
      const row = await rowOf(deployment, family.id)
      expect(row.expires_at.getTime()).toBe(expires_at.getTime() - aged)
      expect(row.idle_expires_at.getTime()).toBeLessThanOrEqual(row.expires_at.getTime())
    }
    const { idle_expires_at, expires_at: end } = await rowOf(deployment, family.id)
    expect(idle_expires_at).toEqual(end)
    await age(family.id, 86_400)
    expect(await refused(signet, token)).toEqual(INVALID_GRANT)
  })

  it('issues no access token that outlives the sign-in', async () => {
    const family = await seedFamily(deployment)
    await deployment.database
      .sql`update refresh_families set expires_at = now() + interval '100 seconds' where id = ${family.id}`
    const { body } = await refresh(signet, family.refresh_token)
    const { iat = 0, exp = 0 } = decodeJwt(body.access_token)
    expect(exp - iat).toBe(body['expires_in'])
    expect(exp - iat).toBeGreaterThan(90)
    expect(exp - iat).toBeLessThanOrEqual(100)
  })

  it('is not revived by a retry or within a grace window', async () => {
    const GRACE = { client_id: 'grace-app', key: 'k' }
    for (const column of ['idle_expires_at', 'expires_at']) {
      const family = await seedFamily(deployment, GRACE)
      await rotated(signet, family.refresh_token, GRACE)
      const { sql } = deployment.database
      await sql`update refresh_families set ${sql(column)} = now() where id = ${family.id}`
      expect(await refused(signet, family.refresh_token, GRACE)).toEqual(INVALID_GRANT)
      expect((await rowOf(deployment, family.id)).revoked_at).toBeNull()
    }
  })

  it('has no active access token once the account is disabled or its credential epoch is raised', async () => {
    const { sql } = deployment.database
    for (const end of [
      (id: string) => sql`update users set disabled_at = now() where id = ${id}`,
      (id: string) => sql`update users set credential_epoch = credential_epoch + 1 where id = ${id}`,
    ]) {
      const family = await seedFamily(deployment)
      const { body } = await refresh(signet, family.refresh_token)
      expect(await isActive(signet, body.access_token)).toBe(true)
      await end(family.user_id)
      expect(await isActive(signet, body.access_token)).toBe(false)
    }
  })
})
