import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer } from '../support/answer.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { rowOf, type SeededFamily, seedFamily } from '../support/families.ts'
import {
  createBystanders,
  isActive,
  type RefreshRequest,
  refresh,
  refused,
  rotated,
} from '../support/refresh.ts'

const REDEMPTIONS = 200
const PAIRS = 150

/** The embedded database serves one process, in which the two instances share its connection. */
describe.each(deployments)(
  'RFC 9700 §4.14.2 – races of one refresh token over two instances on $name',
  ({ open }) => {
    let deployment: Deployment
    let instances: readonly [Instance, Instance]
    beforeAll(async () => {
      deployment = await open()
      instances = [await deployment.start(), await deployment.start()]
    })
    afterAll(() => deployment.close())

    const redeemAll = (token: string, request: RefreshRequest = {}): Promise<readonly Answer[]> =>
      Promise.all(
        Array.from({ length: REDEMPTIONS }, (_, turn) =>
          refresh(instances[turn % 2 === 0 ? 0 : 1], token, request),
        ),
      )
    const successorsOf = (answers: readonly Answer[]) =>
      answers.filter(({ status }) => status === 200).map(({ body }) => body.refresh_token)

    it('lets at most one request win without a retry proof, and ends the family with all its tokens', async () => {
      const family = await seedFamily(deployment)
      const bystanders = await createBystanders(deployment, family)
      const answers = await redeemAll(family.refresh_token)
      const winners = answers.filter(({ status }) => status === 200)
      expect(winners.length).toBeLessThanOrEqual(1)
      expect(new Set(answers.filter(({ status }) => status !== 200).map(({ body }) => body.error))).toEqual(
        new Set(['invalid_grant']),
      )
      const { generation, revoke_reason } = await rowOf(deployment, family.id)
      expect([generation, revoke_reason]).toEqual([1, 'reuse'])
      for (const { body } of winners) {
        for (const instance of instances) {
          expect(await isActive(instance, body.access_token)).toBe(false)
          expect(await refused(instance, body.refresh_token)).toEqual([400, 'invalid_grant'])
        }
      }
      await bystanders.expectAlive(instances[0])
    })

    it.each([
      ['with one Idempotency-Key', {}, { key: 'attempt 1' }],
      ['within a grace window', { client_id: 'grace-app' }, { client_id: 'grace-app' }],
    ])('gives every request the same successor %s, and the family lives', async (_, seed, request) => {
      const family = await seedFamily(deployment, seed)
      const successors = successorsOf(await redeemAll(family.refresh_token, request))
      expect(successors).toHaveLength(REDEMPTIONS)
      expect(new Set(successors)).toEqual(new Set([family.tokenAt(1)]))
      const { generation, revoked_at } = await rowOf(deployment, family.id)
      expect([generation, revoked_at]).toEqual([1, null])
      await rotated(instances[1], family.tokenAt(1), { ...request, key: 'attempt 2' })
    })

    it('judges the later of two requests as reuse, also when its statement began before the winner’s', async () => {
      for (let turn = 0; turn < PAIRS; turn++) {
        const family = await seedFamily(deployment)
        const pair = await Promise.all(instances.map(instance => refresh(instance, family.refresh_token)))
        expect(successorsOf(pair).length).toBeLessThanOrEqual(1)
        expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
      }
    })

    it('never leaves two living successors when the keys differ', async () => {
      const family = await seedFamily(deployment)
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, turn) =>
          refresh(instances[turn % 2 === 0 ? 0 : 1], family.refresh_token, { key: `thief ${turn}` }),
        ),
      )
      expect(successorsOf(answers).length).toBeLessThanOrEqual(1)
      expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
    })

    it('gives each of many families its own successor, the same at both instances, in opposite orders', async () => {
      const families = await Promise.all(Array.from({ length: 100 }, () => seedFamily(deployment)))
      const redeem = (instance: Instance, some: readonly SeededFamily[]) =>
        Promise.all(
          some.map(async family => ({
            id: family.id,
            answer: await refresh(instance, family.refresh_token, { key: family.id }),
          })),
        )
      const answers = await Promise.all([
        redeem(instances[0], families),
        redeem(instances[1], families.toReversed()),
      ])
      const seen = answers.flat().map(({ id, answer }) => [id, answer.body.refresh_token] as const)
      expect(seen).toHaveLength(2 * families.length)
      const successors = new Map(families.map(family => [family.id, family.tokenAt(1)]))
      expect(seen.filter(([id, token]) => token !== successors.get(id))).toEqual([])
    })

    it('never leaves both alive when two generations of a family come at once', async () => {
      for (let turn = 0; turn < 20; turn++) {
        const family = await seedFamily(deployment)
        const current = await rotated(instances[0], family.refresh_token)
        const answers = await Promise.all([
          refresh(instances[0], family.refresh_token),
          refresh(instances[1], current),
        ])
        for (const token of successorsOf(answers)) {
          expect(await refused(instances[0], token)).toEqual([400, 'invalid_grant'])
        }
        expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
      }
    })
  },
)
