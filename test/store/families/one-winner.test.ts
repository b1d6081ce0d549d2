import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DeviceCode, userCodeOf } from '../../../src/domain/authorization/device-code.ts'
import { digestOf, type Plain } from '../../../src/domain/base/digest.ts'
import type { Family } from '../../../src/domain/sign-in/refresh-family.ts'
import { createDeviceAuthorizations } from '../../../src/store/codes/device-authorizations.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import { createSessionExchanges } from '../../../src/store/sessions/exchange-session.ts'
import {
  authorizationStores,
  proofOf,
  redemptionOf,
  seedCode,
  seedSession,
} from '../../support/authorization/codes.ts'
import { backends, createDatabaseWithSchema } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES, presentation, rowOf, seedFamily } from '../../support/families.ts'

const ROUNDS = 3
const AT_ONCE = 8
const POOLS = 4

/** Pools of one database, as of several instances. The embedded database has one connection, which all share. */
const openPools = async (
  name: string,
  open: (typeof backends)[number]['open'],
): Promise<Readonly<{ pools: readonly Database[]; close: () => Promise<void> }>> => {
  if (name === 'embedded') {
    const backend = await open()
    return { pools: [backend.database], close: backend.close }
  }
  const place = await createDatabaseWithSchema()
  const pools = Array.from({ length: POOLS }, () => openDatabase({ url: place.url, pool_size: 4 }))
  // Each pool knows by its first connection whether the database is distributed.
  for (const pool of pools) await pool.ping()
  const close = async () => {
    for (const pool of pools) await pool.close()
    await place.drop()
  }
  return { pools, close }
}

describe.each(backends)('eight at once, over several instances on $name', ({ name, open }) => {
  let opened: Awaited<ReturnType<typeof openPools>>
  let database: Database
  beforeAll(async () => {
    opened = await openPools(name, open)
    const [first] = opened.pools
    if (first === undefined) throw new Error('there is a pool')
    database = first
  })
  afterAll(() => opened.close())

  const atOnce = <T>(make: (database: Database) => Promise<T>): Promise<readonly T[]> =>
    Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) =>
        make(opened.pools[index % opened.pools.length] ?? database),
      ),
    )
  /** How often each verdict was given, and the families that were handed out. */
  const summaryOf = (outcomes: readonly Readonly<{ verdict: string; bought?: { family: Family } }>[]) => {
    const verdicts: Record<string, number> = {}
    for (const { verdict } of outcomes) verdicts[verdict] = 1 + (verdicts[verdict] ?? 0)
    return { verdicts, families: [...new Set(outcomes.flatMap(({ bought }) => bought?.family.id ?? []))] }
  }
  const familiesOf = async (user_id: string) => {
    const rows = await database.sql<{ id: string; revoke_reason: string | null }[]>`
      select id, revoke_reason from refresh_families where user_id = ${user_id}`
    return rows.map(({ id, revoke_reason }) => [id, revoke_reason])
  }
  const everyRound = async (round: () => Promise<void>) => {
    for (let left = ROUNDS; left > 0; left--) await round()
  }

  it('redeem a code once, and the first replay ends what it bought', () =>
    everyRound(async () => {
      const [{ code, user_id }, bystander] = [await seedCode(database), await seedFamily(groundOf(database))]
      const outcomes = await atOnce(pool => authorizationStores(pool).codes.redeem(redemptionOf(code)))
      const { verdicts, families } = summaryOf(outcomes)
      expect(verdicts).toEqual({ redeemed: 1, replayed: 1, replayed_after_end: AT_ONCE - 2 })
      expect(await familiesOf(user_id)).toEqual(families.map(id => [id, 'code_replayed']))
      expect((await rowOf(groundOf(database), bystander.id)).revoked_at).toBeNull()
    }))

  const allowDevice = async () => {
    const { user_id, session } = await seedSession(database)
    const digest = digestOf(randomBytes(32).toString('base64url') as DeviceCode)
    const asked = { digest, client_id: 'app', scope: 'openid read', audience: [] }
    const devices = createDeviceAuthorizations(database, LIFETIMES)
    const source = { ip: '127.0.0.1', user_agent: 'test' }
    await devices.add({ ...asked, user_code: userCodeOf(randomBytes(32)), source })
    const decided = {
      user_id,
      session_id: session.id,
      consent_version: null,
      isRefreshable: true,
      claims: null,
    }
    expect(await devices.allow({ ...asked, ...decided })).toBe(true)
    return { user_id, digest }
  }
  const redeemDevice = (
    pool: Database,
    { digest, user_id }: Awaited<ReturnType<typeof allowDevice>>,
    key?: string,
  ) =>
    createDeviceAuthorizations(pool, LIFETIMES).redeem({
      ...redemptionOf({ user_id, digest: digestOf('' as Plain<'authorization_code'>) }),
      digest,
      retry_proof: key === undefined ? null : proofOf(key),
      isPrepared: true,
    })

  it('redeem a device code once, and its family lives', () =>
    everyRound(async () => {
      const device = await allowDevice()
      const { verdicts, families } = summaryOf(await atOnce(pool => redeemDevice(pool, device)))
      expect(verdicts).toEqual({ redeemed: 1, spent: AT_ONCE - 1 })
      expect(await familiesOf(device.user_id)).toEqual(families.map(id => [id, null]))
      expect(families).toHaveLength(1)
    }))

  it('get the one family of a device code when they are retries of one another', () =>
    everyRound(async () => {
      const device = await allowDevice()
      const { verdicts, families } = summaryOf(
        await atOnce(pool => redeemDevice(pool, device, 'one attempt')),
      )
      expect(verdicts).toEqual({ redeemed: 1, repeated: AT_ONCE - 1 })
      expect(await familiesOf(device.user_id)).toEqual(families.map(id => [id, null]))
      expect(families).toHaveLength(1)
    }))

  it('open one family for a session', () =>
    everyRound(async () => {
      const { user_id } = await seedSession(database)
      const now = Math.floor(Date.now() / 1000)
      const shown = { digest: digestOf(user_id as Plain<'outside_session'>), auth_time: now, exp: now + 600 }
      const outcomes = await atOnce(pool =>
        createSessionExchanges(pool, LIFETIMES).exchange({
          ...redemptionOf({ user_id, digest: digestOf('' as Plain<'authorization_code'>) }),
          ...shown,
          external_id: null,
          scope: 'read',
          audience: [],
          claims: null,
        }),
      )
      const { verdicts, families } = summaryOf(outcomes)
      expect(verdicts).toEqual({ opened: 1, joined: AT_ONCE - 1 })
      expect(await familiesOf(user_id)).toEqual(families.map(id => [id, null]))
      expect(families).toHaveLength(1)
    }))

  it.each([1, 2] as const)('rotate a refresh token of version %s once, and end its family', token_version =>
    everyRound(async () => {
      const family = await seedFamily(groundOf(database), { token_version })
      const rotations = await atOnce(pool =>
        createRefreshFamilies(pool, LIFETIMES).rotate(presentation(family, 0)),
      )
      const outcomes = summaryOf(rotations.map(({ outcome }) => ({ verdict: outcome }))).verdicts
      expect(outcomes).toEqual({ rotated: 1, reused: 1, denied: AT_ONCE - 2 })
      expect(await rowOf(groundOf(database), family.id)).toMatchObject({
        generation: 1,
        revoke_reason: 'reuse',
      })
    }),
  )
})

const groundOf = (database: Database) => ({ database, pepper: PEPPER })

const PEPPER = randomBytes(32).toString('base64url')
