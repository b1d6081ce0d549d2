import { describe, expect, it } from 'vitest'
import { BACKOFF_SECONDS, backoffAfter, backoffOfBeginning } from '../../../src/sdk/feed/backoff.ts'

const EARLIEST = () => 0
const LATEST = () => 1
const { least, most } = BACKOFF_SECONDS
/** Seconds within which a follower has to be right after its issuer has come back. */
const RIGHT_SECONDS = 2
const LONG_OUTAGE = [6, 20, 1000, 100_000]

describe('the backoff of a follower', () => {
  it('begins with a tenth of a second and doubles, with a jitter of half of it', () => {
    expect([1, 2, 3, 4].map(failures => backoffAfter(failures, LATEST))).toEqual([0.1, 0.2, 0.4, 0.8])
    expect([1, 2, 3, 4].map(failures => backoffAfter(failures, EARLIEST))).toEqual([0.05, 0.1, 0.2, 0.4])
    expect(backoffAfter(1, LATEST)).toBe(least)
  })

  it('leaves half a second for the answer after an outage of any length, so that the follower is right in two', () => {
    expect(LONG_OUTAGE.map(failures => backoffAfter(failures, LATEST))).toEqual(LONG_OUTAGE.map(() => most))
    expect(most).toBeLessThanOrEqual(RIGHT_SECONDS - 0.5)
  })

  it('spreads the followers of a server that is away over as much time as each waits at least', () => {
    expect(LONG_OUTAGE.map(failures => backoffAfter(failures, EARLIEST))).toEqual(
      LONG_OUTAGE.map(() => most / 2),
    )
  })

  it('waits longer before it asks for everything again, and at most half of the staleness bound', () => {
    const after = (gone: number) => backoffOfBeginning({ gone, max_stale_seconds: 30 }, LATEST)
    expect([2, 3, 4, 5, 100].map(after)).toEqual([2, 4, 8, 15, 15])
  })
})
