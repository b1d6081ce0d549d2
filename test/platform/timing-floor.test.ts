import { beforeEach, describe, expect, it } from 'vitest'
import { createTimingFloor } from '../../src/platform/timing-floor.ts'

const WINDOW = 600_000

describe('the timing floor of refusals', () => {
  let clock: number
  let waits: number[]
  let floor: ReturnType<typeof createTimingFloor>
  beforeEach(() => {
    clock = 1
    waits = []
    floor = createTimingFloor({ wait: async milliseconds => void waits.push(milliseconds), now: () => clock })
  })
  /** How long a refusal that took so long takes in the end. */
  const total = async (milliseconds: number) => {
    waits = []
    await floor.hold(milliseconds, 1)
    return milliseconds + (waits[0] ?? 0)
  }

  it('delays no refusal before the first digest of unusual cost', async () => {
    expect(await total(80)).toBe(80)
  })

  it('is the next power of two above the slowest digest, for every attempt', async () => {
    floor.learn(100)
    expect([await total(1), await total(80), await total(100)]).toEqual([256, 256, 256])
    // A cheaper one, and one that took a little longer, move nothing: the next attempt would tell of them.
    floor.learn(85)
    floor.learn(120)
    expect(await total(80)).toBe(256)
    floor.learn(171)
    expect(await total(80)).toBe(512)
  })

  it('delays no refusal that took longer than the floor, and none beyond 4,096 ms', async () => {
    floor.learn(100)
    expect(await total(257)).toBe(257)
    floor.learn(60_000)
    expect(await total(80)).toBe(4096)
  })

  it('ends one to two windows after the last digest of unusual cost, regardless of other attempts', async () => {
    clock = WINDOW - 1
    floor.learn(100)
    clock = 2 * WINDOW
    expect(await total(80)).toBe(256)
    clock = 2 * WINDOW + 1
    expect(await total(80)).toBe(80)
    floor.learn(100)
    clock = 9 * WINDOW
    expect(await total(80)).toBe(80)
  })
})
