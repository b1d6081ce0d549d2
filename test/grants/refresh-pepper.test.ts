import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createOtherPepperText } from '../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { rowOf, seedFamily } from '../support/families.ts'
import { INVALID_GRANT, refused, rotated } from '../support/refresh.ts'

describe.each(deployments)('a refresh family while the pepper is rotated, on $name', ({ open }) => {
  let deployment: Deployment
  let fresh: string
  let stages: Readonly<Record<'old' | 'oldNew' | 'newOld' | 'new', Instance>>
  beforeAll(async () => {
    deployment = await open()
    fresh = createOtherPepperText(deployment.pepper)
    const start = (...peppers: readonly string[]) =>
      deployment.start({ environment: { REFRESH_TOKEN_PEPPER: peppers.join(',') } })
    stages = {
      old: await start(deployment.pepper),
      oldNew: await start(deployment.pepper, fresh),
      newOld: await start(fresh, deployment.pepper),
      new: await start(fresh),
    }
  })
  afterAll(() => deployment.close())

  it('refreshes through every step of the roll-out', async () => {
    const family = await seedFamily(deployment)
    let token: string = family.refresh_token
    for (const stage of [stages.old, stages.oldNew, stages.newOld, stages.oldNew, stages.newOld, stages.new])
      token = await rotated(stage, token)
    expect(token).toBe(family.tokenAt(6, { pepper: fresh }))
  })

  it.each([
    ['old', 'oldNew', 'newOld'],
    ['oldNew', 'newOld', 'oldNew'],
    ['newOld', 'oldNew', 'newOld'],
    ['newOld', 'new', 'oldNew'],
  ] as const)(
    'returns the same successor to a retry: rotated at %s, retried at %s and %s',
    async (first, second, third) => {
      const pepper = first === 'newOld' ? fresh : deployment.pepper
      const family = await seedFamily(deployment, second === 'new' ? { pepper: fresh } : {})
      const next = await rotated(stages[first], family.refresh_token, { key: 'k' })
      expect(next).toBe(family.tokenAt(1, { pepper }))
      for (const other of [second, third])
        expect(await rotated(stages[other], family.refresh_token, { key: 'k' })).toBe(next)
      await rotated(stages.newOld, next, { key: 'k2' })
    },
  )

  it('detects reuse after a change of pepper', async () => {
    const family = await seedFamily(deployment)
    const next = await rotated(stages.newOld, family.refresh_token)
    expect(await refused(stages.oldNew, family.refresh_token)).toEqual(INVALID_GRANT)
    expect(await refused(stages.newOld, next)).toEqual(INVALID_GRANT)
  })

  it('judges the current generation under another known pepper as forged', async () => {
    const family = await seedFamily(deployment)
    expect(await refused(stages.oldNew, family.tokenAt(0, { pepper: fresh }))).toEqual(INVALID_GRANT)
    expect((await rowOf(deployment, family.id)).revoke_reason).toBe('forged')
  })

  it('refuses a token under a removed or not yet configured pepper, and ends nothing', async () => {
    const [old, young] = [await seedFamily(deployment), await seedFamily(deployment, { pepper: fresh })]
    expect(await refused(stages.new, old.refresh_token)).toEqual(INVALID_GRANT)
    expect(await refused(stages.old, young.refresh_token)).toEqual(INVALID_GRANT)
    await rotated(stages.old, old.refresh_token)
    await rotated(stages.new, young.refresh_token)
  })

  it('refuses a retry whose successor was made with a pepper that this instance lacks, and ends nothing', async () => {
    const family = await seedFamily(deployment)
    const next = await rotated(stages.newOld, family.refresh_token, { key: 'k' })
    expect(await refused(stages.old, family.refresh_token, { key: 'k' })).toEqual(INVALID_GRANT)
    await rotated(stages.newOld, next)
  })
})
