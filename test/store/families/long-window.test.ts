import { randomBytes } from 'node:crypto'
import { array, assert, asyncProperty, constant, constantFrom, integer, oneof, record } from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROTATIONS_REMEMBERED } from '../../../src/domain/sign-in/refresh-family.ts'
import type { RefreshFamilies } from '../../../src/ports/sign-ins.ts'
import { createRefreshFamilies } from '../../../src/store/families/refresh-families.ts'
import { createDatabaseWithSchema, hasCitus, hasPostgres, type OwnDatabase } from '../../support/backends.ts'
import { type Database, openDatabase } from '../../support/database.ts'
import { LIFETIMES, presentation, rowOf, type SeededFamily, seedFamily } from '../../support/families.ts'
import { openDatabaseClock } from '../../support/services/database-clock.ts'

const WINDOW = 1_800

// Not on Citus: the clock of the test is a function of one Postgres, and each node judges by its own.
describe.skipIf(!hasPostgres || hasCitus)('docs/refresh-families.md – the long window', () => {
  let own: OwnDatabase
  let ground: Readonly<{ database: Database; pepper: string }>
  let clock: Awaited<ReturnType<typeof openDatabaseClock>>
  let families: RefreshFamilies
  beforeAll(async () => {
    own = await createDatabaseWithSchema()
    ground = {
      database: openDatabase({ url: own.url, pool_size: 2 }),
      pepper: randomBytes(32).toString('base64url'),
    }
    clock = await openDatabaseClock(ground.database)
    families = createRefreshFamilies(clock.database, LIFETIMES)
  })
  afterAll(async () => {
    clock.close()
    await ground.database.close()
    await own.drop()
  })

  /** Presents the token of a generation. Returns the denial of a denied one, else the outcome with the generation of the answer. */
  const present = async (family: SeededFamily, generation: number, grace_seconds = WINDOW) => {
    const rotation = await families.rotate(presentation(family, generation, { grace_seconds }))
    if (rotation.outcome === 'denied') return rotation.denial
    return 'family' in rotation ? `${rotation.outcome} ${rotation.family.generation}` : rotation.outcome
  }
  /** Rotates to a generation, with so many seconds before each rotation. */
  const rotateTo = async (family: SeededFamily, { last, every = 0 }: { last: number; every?: number }) => {
    for (let generation = (await rowOf(ground, family.id)).generation; generation < last; generation++) {
      await clock.advance(every)
      expect(await present(family, generation)).toBe(`rotated ${generation + 1}`)
    }
  }

  it('answers every token that was superseded within it with the current one, and is not moved by that', async () => {
    const family = await seedFamily(ground)
    await rotateTo(family, { last: 3 })
    const before = await rowOf(ground, family.id)
    await clock.advance(WINDOW - 1)
    for (const generation of [0, 1, 2]) expect(await present(family, generation)).toBe('replayed 3')
    expect(await rowOf(ground, family.id)).toEqual(before)
    await clock.advance(1)
    expect(await present(family, 2)).toBe('reused')
  })

  it('ends at its last microsecond, for a token of any age', async () => {
    for (const generation of [0, 1]) {
      const [inside, outside] = [await seedFamily(ground), await seedFamily(ground)]
      for (const family of [inside, outside]) await rotateTo(family, { last: 2 })
      await clock.advance(WINDOW - 0.000_001)
      expect(await present(inside, generation)).toBe('replayed 2')
      await clock.advance(0.000_001)
      expect(await present(outside, generation)).toBe('reused')
      expect((await rowOf(ground, outside.id)).revoke_reason).toBe('reuse')
      expect(await present(inside, 2)).toBe('rotated 3')
    }
  })

  it('counts for each token from when it was superseded itself', async () => {
    const family = await seedFamily(ground)
    await rotateTo(family, { last: 2, every: 1_000 })
    await clock.advance(900)
    expect(await present(family, 1)).toBe('replayed 2')
    expect(await present(family, 0)).toBe('reused')
  })

  it('refuses a token that is older than the last rotations, and ends nothing while it cannot tell its age', async () => {
    const last = ROTATIONS_REMEMBERED + 2
    const family = await seedFamily(ground)
    await rotateTo(family, { last })
    expect((await rowOf(ground, family.id)).rotation_times).toHaveLength(ROTATIONS_REMEMBERED)
    const before = await rowOf(ground, family.id)
    for (const generation of [0, 1]) expect(await present(family, generation)).toBe('too_old_to_tell')
    for (const generation of [2, last - 1]) expect(await present(family, generation)).toBe(`replayed ${last}`)
    expect(await rowOf(ground, family.id)).toEqual(before)
    await clock.advance(WINDOW - 0.000_001)
    expect(await present(family, 1)).toBe('too_old_to_tell')
    await clock.advance(0.000_001)
    expect(await present(family, 1)).toBe('reused')
  })

  it('keeps no times in the row of another client, nor when a client asks for it no more', async () => {
    const short = await seedFamily(ground)
    for (const generation of [0, 1]) await present(short, generation, 60)
    expect((await rowOf(ground, short.id)).rotation_times).toBeNull()
    expect(await present(short, 1, 60)).toBe('replayed 2')
    expect(await present(short, 0, 60)).toBe('reused')

    const changed = await seedFamily(ground)
    await rotateTo(changed, { last: 2 })
    expect(await present(changed, 2, 0)).toBe('rotated 3')
    expect((await rowOf(ground, changed.id)).rotation_times).toBeNull()
    expect(await present(changed, 2, 0)).toBe('reused')
  })

  it('begins with what the row knows when a client asks for it anew', async () => {
    const family = await seedFamily(ground)
    for (const generation of [0, 1]) await present(family, generation, 0)
    expect(await present(family, 1)).toBe('replayed 2')
    expect(await present(family, 0)).toBe('too_old_to_tell')
    await rotateTo(family, { last: 3 })
    expect((await rowOf(ground, family.id)).rotation_times).toHaveLength(2)
    expect(await present(family, 1)).toBe('replayed 3')
    await clock.advance(WINDOW)
    expect(await present(family, 0)).toBe('reused')
  })

  it('trusts no times that a server of the version before has passed over', async () => {
    const family = await seedFamily(ground)
    await rotateTo(family, { last: 2 })
    await clock.advance(10)
    // What such a server writes: the generation and its time, without the list.
    expect(await present(family, 2, 0)).toBe('rotated 3')
    await ground.database.sql`
      update refresh_families
      set rotation_times = array[rotated_at - interval '10 seconds', rotated_at - interval '10 seconds']
      where id = ${family.id}`
    expect(await present(family, 2)).toBe('replayed 3')
    expect(await present(family, 1)).toBe('too_old_to_tell')
    await rotateTo(family, { last: 4 })
    expect((await rowOf(ground, family.id)).rotation_times).toHaveLength(2)
  })

  it('judges as a list of all rotations would', async () => {
    const step = oneof(
      { weight: 3, arbitrary: constant(0) },
      { weight: 1, arbitrary: integer({ min: 1, max: 60 }) },
    )
    const wait = oneof(integer({ min: 0, max: 90 }), constantFrom(0, WINDOW / 2, WINDOW))
    const steps = array(record({ back: step, wait }), { minLength: 20, maxLength: 60 })
    await assert(
      asyncProperty(steps, async plan => {
        const family = await seedFamily(ground)
        const superseded: number[] = []
        let now = 0
        for (const { back, wait: seconds } of plan) {
          await clock.advance(seconds)
          now += seconds
          const generation = Math.max(0, superseded.length - back)
          const expected = judgeByAll(superseded, { generation, now })
          expect(await present(family, generation)).toBe(expected)
          if (expected.startsWith('rotated')) superseded.push(now)
          if (expected === 'reused') return
        }
      }),
      { numRuns: 20 },
    )
  })
})

/** The verdict by the times at which each generation was superseded, from the first one on. */
const judgeByAll = (
  superseded: readonly number[],
  { generation, now }: Readonly<{ generation: number; now: number }>,
): string => {
  const current = superseded.length
  if (generation === current) return `rotated ${current + 1}`
  const isWithin = (superseded_at = 0) => now - superseded_at < WINDOW
  if (current - generation <= ROTATIONS_REMEMBERED)
    return isWithin(superseded[generation]) ? `replayed ${current}` : 'reused'
  return isWithin(superseded[current - ROTATIONS_REMEMBERED]) ? 'too_old_to_tell' : 'reused'
}
