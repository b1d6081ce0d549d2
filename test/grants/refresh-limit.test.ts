import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { times } from '../support/ask.ts'
import { SERVICE } from '../support/clients.ts'
import { type Deployment, deployments, type Instance } from '../support/deployment.ts'
import { rowOf, type SeededFamily, seedFamily } from '../support/families.ts'
import { createBystanders, isActive, refresh, rotated } from '../support/refresh.ts'

const LIMITS = { RATE_LIMIT_REFRESH: '20/60', RATE_LIMIT_REVOKE: '40/60' }
const APP = { client_id: 'app' }

describe.each(deployments)('the limits of one sign-in, over two instances on $name', ({ name, open }) => {
  let deployment: Deployment
  let instances: readonly [Instance, Instance]
  beforeAll(async () => {
    deployment = await open()
    instances = [
      await deployment.start({ environment: LIMITS }),
      await deployment.start({ environment: LIMITS }),
    ]
  })
  afterAll(() => deployment.close())
  // Without a Redis each instance counts by itself, so that the test asks one of them.
  const at = (turn: number): Instance => instances[name === 'embedded' || turn % 2 === 0 ? 0 : 1]

  const refreshOften = async (family: SeededFamily, count: number) => {
    const statuses: number[] = []
    let token: string = family.refresh_token
    for (const turn of times(count)) {
      const { status, body } = await refresh(at(turn), token)
      statuses.push(status)
      if (status === 200) token = body.refresh_token
    }
    return { statuses, token }
  }

  it('refuse refreshes at /token beyond the limit, spend no token for it, and spare other sign-ins', async () => {
    const family = await seedFamily(deployment)
    const bystanders = await createBystanders(deployment, family)
    const { statuses, token } = await refreshOften(family, 30)
    const passed = statuses.filter(status => status === 200).length
    expect(passed).toBe(20)
    expect(statuses.slice(20)).toEqual(times(10).map(() => 429))
    const refused = await refresh(at(0), token)
    expect(refused.headers.get('retry-after')).toMatch(/^[1-9]\d?$/)
    expect(refused.body.error).toBe('temporarily_unavailable')
    expect(await rowOf(deployment, family.id)).toMatchObject({ generation: 20, revoked_at: null })
    await bystanders.expectAlive(at(0))
  })

  it('still end a family when its spent token comes back beyond the limit', async () => {
    const family = await seedFamily(deployment)
    await refreshOften(family, 21)
    expect((await refresh(at(0), family.tokenAt(3))).body.error).toBe('invalid_grant')
    expect((await rowOf(deployment, family.id)).revoke_reason).toBe('reuse')
  })

  it('refuse a retry beyond the limit, and spend nothing', async () => {
    const family = await seedFamily(deployment)
    const request = { key: 'the same attempt' }
    const statuses: number[] = []
    for (const turn of times(25))
      statuses.push((await refresh(at(turn), family.refresh_token, request)).status)
    expect(statuses.filter(status => status === 200)).toHaveLength(20)
    expect(await rowOf(deployment, family.id)).toMatchObject({ generation: 1, revoked_at: null })
  })

  it('revoke single access tokens up to the limit, and then end the family with one entry', async () => {
    const family = await seedFamily(deployment)
    const bystanders = await createBystanders(deployment, family)
    const unlimited = await deployment.start()
    let token: string = family.refresh_token
    const access: string[] = []
    for (const _ of times(36)) {
      const { body } = await refresh(unlimited, token)
      token = body.refresh_token
      access.push(body.access_token)
    }
    const entries = async () => {
      const rows = await deployment.database.sql<{ kind: string; count: number }[]>`
        select kind, count(*)::int as count from revocations group by kind`
      return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]))
    }
    const before = await entries()
    const statuses: number[] = []
    for (const [turn, each] of access.entries()) {
      const answer = await at(turn).post('/revoke', { ...APP, token: each })
      statuses.push(answer.status)
      // A client without an answer asks again: the family is ended once.
      if (turn < 4) await at(turn).post('/revoke', { ...APP, token: each })
    }
    expect(statuses).toEqual(times(36).map(() => 200))
    const after = await entries()
    expect((after['jti'] ?? 0) - (before['jti'] ?? 0)).toBe(30)
    expect((after['sid'] ?? 0) - (before['sid'] ?? 0)).toBe(1)
    expect((await rowOf(deployment, family.id)).revoke_reason).toBe('tokens_revoked')
    for (const each of access) expect(await isActive(at(0), each)).toBe(false)
    expect((await refresh(unlimited, token)).body.error).toBe('invalid_grant')
    await bystanders.expectAlive(at(1))
  })

  /** A revocation is counted after it is done, so that each instance may do one more until it knows of the limit. */
  const expectAbout40 = (statuses: readonly number[]) => {
    expect(statuses.slice(0, 40)).toEqual(times(40).map(() => 200))
    expect(statuses.slice(42)).toEqual(statuses.slice(42).map(() => 429))
  }
  const accessTokenOf = async (user_id?: string) => {
    const { refresh_token } = await seedFamily(deployment, user_id === undefined ? {} : { user_id })
    return (await refresh(at(0), refresh_token)).body.access_token
  }

  it('revoke access tokens of one account at one client up to the limit, and still allow a sign-out', async () => {
    const own = await seedFamily(deployment)
    const statuses: number[] = []
    for (const turn of times(46)) {
      const token = await accessTokenOf(own.user_id)
      statuses.push((await at(turn).post('/revoke', { ...APP, token })).status)
      if (statuses.at(-1) === 429) expect(await isActive(at(0), token)).toBe(true)
    }
    expectAbout40(statuses)
    expect((await at(0).post('/revoke', { ...APP, token: own.refresh_token })).status).toBe(200)
    expect((await rowOf(deployment, own.id)).revoke_reason).toBe('revoked')
    const stranger = await accessTokenOf()
    expect((await at(0).post('/revoke', { ...APP, token: stranger })).status).toBe(200)
    expect(await isActive(at(0), stranger)).toBe(false)
  })

  it('count no token twice, so that one stolen token does not use them up', async () => {
    const own = await seedFamily(deployment)
    const [stolen, mine] = [await accessTokenOf(own.user_id), await accessTokenOf(own.user_id)]
    for (const turn of times(60))
      expect((await at(turn).post('/revoke', { ...APP, token: stolen })).status).toBe(200)
    expect((await at(0).post('/revoke', { ...APP, token: mine })).status).toBe(200)
    expect(await isActive(at(1), mine)).toBe(false)
    await rotated(at(1), own.refresh_token)
  })

  it('revoke a client’s own tokens up to the limit', async () => {
    const statuses: number[] = []
    for (const turn of times(46)) {
      const { body } = await at(turn).token({ grant_type: 'client_credentials' }, SERVICE)
      statuses.push((await at(turn).post('/revoke', { token: body.access_token }, SERVICE)).status)
    }
    expectAbout40(statuses)
  })

  it('start anew when no single token was revoked for the lifetime of an access token', async () => {
    const family = await seedFamily(deployment)
    await deployment.database.sql`
      update refresh_families
      set tokens_revoked = 30, tokens_revoked_since = now() - interval '901 seconds'
      where id = ${family.id}`
    const { body } = await refresh(at(0), family.refresh_token)
    await at(0).post('/revoke', { ...APP, token: body.access_token })
    expect(await isActive(at(1), body.access_token)).toBe(false)
    await rotated(at(1), body.refresh_token)
  })
})
