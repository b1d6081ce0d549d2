import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API, basic, OTHER_API, SECRETS } from '../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { rowOf, seedFamily } from '../support/families.ts'
import { createBystanders, INVALID_GRANT, isActive, refresh, refused, rotated } from '../support/refresh.ts'

describe.each(deployments)('retries of a rotation, on $name', ({ open }) => {
  let deployment: Deployment
  let signet: Instance
  beforeAll(async () => {
    deployment = await open()
    signet = await deployment.start()
  })
  afterAll(() => deployment.close())

  describe('with the same Idempotency-Key', () => {
    it('return the same successor and a fresh access token each time, and change no row', async () => {
      const family = await seedFamily(deployment)
      const first = await refresh(signet, family.refresh_token, { key: 'attempt 1' })
      const before = await rowOf(deployment, family.id)
      const seen = new Set([first.body.access_token])
      for (let turn = 0; turn < 3; turn++) {
        const retry = await refresh(signet, family.refresh_token, { key: 'attempt 1' })
        expect(retry.status).toBe(200)
        expect(retry.body.refresh_token).toBe(first.body.refresh_token)
        expect(await isActive(signet, retry.body.access_token)).toBe(true)
        seen.add(retry.body.access_token)
      }
      expect(seen.size).toBe(4)
      expect(await rowOf(deployment, family.id)).toEqual(before)
      await rotated(signet, first.body.refresh_token, { key: 'attempt 2' })
    })

    it('are answered by another instance too', async () => {
      const other = await deployment.start()
      const family = await seedFamily(deployment)
      const next = await rotated(signet, family.refresh_token, { key: 'attempt 1' })
      expect(await rotated(other, family.refresh_token, { key: 'attempt 1' })).toBe(next)
    })

    it.each([
      ['another key', { key: 'thief' }],
      ['no key', {}],
      ['an empty key', { key: '' }],
      ['the key with other scope', { key: 'attempt 1', form: { scope: 'read' } }],
      ['the key with other resources', { key: 'attempt 1', form: { resource: API } }],
    ])('are judged as reuse with %s', async (_, request) => {
      const family = await seedFamily(deployment)
      const bystanders = await createBystanders(deployment, family)
      const next = await rotated(signet, family.refresh_token, { key: 'attempt 1' })
      expect(await refused(signet, family.refresh_token, request)).toEqual(INVALID_GRANT)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
      expect(await refused(signet, next)).toEqual(INVALID_GRANT)
      await bystanders.expectAlive(signet)
    })

    it('are judged as reuse when the rotation had no key', async () => {
      for (const key of [undefined, '', 'attempt 1']) {
        const family = await seedFamily(deployment)
        await rotated(signet, family.refresh_token, key === '' ? { key } : {})
        const request = key === undefined ? {} : { key }
        expect(await refused(signet, family.refresh_token, request)).toEqual(INVALID_GRANT)
      }
    })

    it('need the same scope and resources, in any order', async () => {
      const family = await seedFamily(deployment)
      const both = [API, OTHER_API].map(resource => ['resource', resource] as const)
      const form = [['scope', 'read'] as const, ...both]
      const next = await rotated(signet, family.refresh_token, { key: 'k', form })
      const turned = [...both.toReversed(), ['scope', 'read'] as const]
      expect(await rotated(signet, family.refresh_token, { key: 'k', form: turned })).toBe(next)
    })

    it('are refused to another client, and end nothing', async () => {
      const family = await seedFamily(deployment)
      const next = await rotated(signet, family.refresh_token, { key: 'k' })
      const headers = basic('stranger', SECRETS.stranger)
      expect(await refused(signet, family.refresh_token, { key: 'k', headers })).toEqual(INVALID_GRANT)
      await rotated(signet, next, { key: 'k2' })
    })

    it('reach back one generation and not two', async () => {
      const family = await seedFamily(deployment)
      const second = await rotated(signet, family.refresh_token, { key: 'a' })
      await rotated(signet, second, { key: 'b' })
      expect(await refused(signet, family.refresh_token, { key: 'a' })).toEqual(INVALID_GRANT)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
    })

    it.each([2, 3, 4, 5])('are not proved by a key that never changes: %i rotations', async rotations => {
      const family = await seedFamily(deployment)
      let token: string = family.refresh_token
      for (let turn = 1; turn < rotations; turn++) token = await rotated(signet, token, { key: 'device' })
      const next = await rotated(signet, token, { key: 'device' })
      expect(await refused(signet, token, { key: 'device' })).toEqual(INVALID_GRANT)
      expect(await refused(signet, next, { key: 'device' })).toEqual(INVALID_GRANT)
    })

    it('are proved again as soon as the key changes', async () => {
      const family = await seedFamily(deployment)
      const second = await rotated(signet, family.refresh_token, { key: 'device' })
      const third = await rotated(signet, second, { key: 'device' })
      const fourth = await rotated(signet, third, { key: 'fresh' })
      expect(await rotated(signet, third, { key: 'fresh' })).toBe(fourth)
    })

    it('do not revive a dead family', async () => {
      const family = await seedFamily(deployment)
      await rotated(signet, family.refresh_token, { key: 'k' })
      await signet.post('/revoke', { token: family.refresh_token, client_id: 'app' })
      expect(await refused(signet, family.refresh_token, { key: 'k' })).toEqual(INVALID_GRANT)
    })
  })

  describe('within the grace window of a client that is registered with one', () => {
    const GRACE = { client_id: 'grace-app' }
    const setBack = (id: string, seconds: number) =>
      deployment.database
        .sql`update refresh_families set rotated_at = statement_timestamp() - make_interval(secs => ${seconds}) where id = ${id}`

    it('return the same successor without a key', async () => {
      const family = await seedFamily(deployment, GRACE)
      const next = await rotated(signet, family.refresh_token, GRACE)
      const before = await rowOf(deployment, family.id)
      expect(await rotated(signet, family.refresh_token, GRACE)).toBe(next)
      expect(await rowOf(deployment, family.id)).toEqual(before)
      await rotated(signet, next, GRACE)
    })

    it('are judged as reuse once the window has passed', async () => {
      const family = await seedFamily(deployment, GRACE)
      const next = await rotated(signet, family.refresh_token, GRACE)
      await setBack(family.id, 25)
      expect(await rotated(signet, family.refresh_token, GRACE)).toBe(next)
      await setBack(family.id, 30)
      expect(await refused(signet, family.refresh_token, GRACE)).toEqual(INVALID_GRANT)
      expect(await refused(signet, next, GRACE)).toEqual(INVALID_GRANT)
    })

    it('do not extend the window', async () => {
      const family = await seedFamily(deployment, GRACE)
      await rotated(signet, family.refresh_token, GRACE)
      await setBack(family.id, 20)
      const { rotated_at } = await rowOf(deployment, family.id)
      for (let turn = 0; turn < 3; turn++) await rotated(signet, family.refresh_token, GRACE)
      expect((await rowOf(deployment, family.id)).rotated_at).toEqual(rotated_at)
    })

    it('reach back one generation and not two', async () => {
      const family = await seedFamily(deployment, GRACE)
      const second = await rotated(signet, family.refresh_token, GRACE)
      const third = await rotated(signet, second, GRACE)
      expect(await refused(signet, family.refresh_token, GRACE)).toEqual(INVALID_GRANT)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
      expect(await refused(signet, third, GRACE)).toEqual(INVALID_GRANT)
    })

    it('are judged as reuse for every other client, also when the statement began before the rotation', async () => {
      const family = await seedFamily(deployment)
      await rotated(signet, family.refresh_token)
      await setBack(family.id, -60)
      expect(await refused(signet, family.refresh_token)).toEqual(INVALID_GRANT)
    })
  })
})
