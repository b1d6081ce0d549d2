import { beforeEach, describe, expect, it } from 'vitest'
import { createLevel } from '../../src/platform/timing-floor.ts'

const WINDOW = 600_000

describe('the level of refusals', () => {
  let clock: number
  let waits: number[]
  let level: ReturnType<typeof createLevel>
  beforeEach(() => {
    clock = 1
    waits = []
    level = createLevel({ wait: async milliseconds => void waits.push(milliseconds), now: () => clock })
  })
  /** How long a refusal that took so long takes in the end. */
  const total = async (milliseconds: number) => {
    waits = []
    await level.hold(milliseconds, 1)
    return milliseconds + (waits[0] ?? 0)
  }

  it('holds nobody before it has seen an unusual digest', async () => {
    expect(await total(80)).toBe(80)
  })

  it('is the same for whatever was tried, before and after', async () => {
    level.learn(100)
    expect([await total(1), await total(80), await total(100)]).toEqual([256, 256, 256])
    // A cheaper one, and one that took a little longer, move nothing: the next attempt would tell of them.
    level.learn(85)
    level.learn(120)
    expect(await total(80)).toBe(256)
    level.learn(171)
    expect(await total(80)).toBe(512)
  })

  it('holds nobody who took longer by himself, and nobody for longer than four seconds', async () => {
    level.learn(100)
    expect(await total(257)).toBe(257)
    level.learn(60_000)
    expect(await total(80)).toBe(4096)
  })

  it('ends one to two windows after the last unusual digest, whatever else is tried', async () => {
    clock = WINDOW - 1
    level.learn(100)
    clock = 2 * WINDOW
    expect(await total(80)).toBe(256)
    clock = 2 * WINDOW + 1
    expect(await total(80)).toBe(80)
    level.learn(100)
    clock = 9 * WINDOW
    expect(await total(80)).toBe(80)
  })
})
