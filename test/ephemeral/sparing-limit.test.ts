import { describe, expect, it } from 'vitest'
import { createLimits } from '../../src/ephemeral/limits.ts'
import { createSparingLimit } from '../../src/ephemeral/sparing-limit.ts'
import { absentMetrics } from '../../src/platform/metrics.ts'
import { times } from '../support/ask.ts'

describe('a limit that consults the shared count only for busy keys', () => {
  const limits = createLimits({ redis: null, metrics: absentMetrics })
  const rate = { count: 100, window_seconds: 60 }

  it('allows a tenth of the limit by its own count, and adds that tenth to the shared count with the next request', async () => {
    const shared = limits('refresh', rate)
    const [one, other] = [createSparingLimit(shared, rate), createSparingLimit(shared, rate)]
    for (const _ of times(10)) expect(await one.consume('a')).toBeNull()
    expect(await one.consume('a')).toMatchObject({ isAllowed: true, remaining: 89 })
    for (const _ of times(10)) await other.consume('a')
    expect(await other.consume('a')).toMatchObject({ isAllowed: true, remaining: 78 })
    for (const _ of times(78)) await one.consume('a')
    expect(await one.consume('a')).toMatchObject({ isAllowed: false })
    expect(await other.consume('a')).toMatchObject({ isAllowed: false })
    expect(await other.consume('b')).toBeNull()
  })

  it('is exact for a small limit, and absent without a limit', async () => {
    const small = { count: 3, window_seconds: 60 }
    const limit = createSparingLimit(limits('refresh', small), small)
    for (const _ of times(3)) expect(await limit.consume('a')).toMatchObject({ isAllowed: true })
    expect(await limit.consume('a')).toMatchObject({ isAllowed: false })
    expect(await createSparingLimit(limits('refresh', null), null).consume('a')).toBeNull()
  })
})
