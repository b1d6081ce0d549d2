import { afterEach, expect, it, vi } from 'vitest'
import { elapsedBy } from '../../../src/sdk/verify/elapsed.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

/** The clocks of a machine, as the test sets them. */
const setUp = () => {
  const clocks = { steady: 0, wall: 1_000_000 }
  vi.spyOn(performance, 'now').mockImplementation(() => clocks.steady)
  vi.spyOn(Date, 'now').mockImplementation(() => Math.floor(clocks.wall))
  const elapsed = elapsedBy(undefined)
  const began = elapsed()
  return { clocks, since: () => elapsed() - began }
}

it('counts the time during which the machine was suspended', () => {
  const { clocks, since } = setUp()
  clocks.wall += 3_600_000
  expect(since()).toBe(3600)
  clocks.wall -= 7_200_000
  expect(since()).toBe(3600)
})

it('counts no time twice, however often the clocks are read', () => {
  const { clocks, since } = setUp()
  for (let count = 0; count < 10_000; count += 1) {
    clocks.steady += 0.25
    clocks.wall += 0.25
    since()
  }
  expect(since()).toBeCloseTo(2.5)
})
