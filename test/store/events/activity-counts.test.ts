import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createActivityMeter } from '../../../src/flows/events/activity-meter.ts'
import { createWriteActivity } from '../../../src/flows/events/write-activity.ts'
import { absentMetrics } from '../../../src/platform/metrics.ts'
import { createActivityCounts } from '../../../src/store/events/activity-counts.ts'
import { createSweep } from '../../../src/store/janitor.ts'
import { backends, type OpenBackend } from '../../support/backends.ts'
import { createClock, createLog } from '../../support/effects.ts'

describe.each(backends)('the activity on $name', ({ open }) => {
  let backend: OpenBackend
  beforeAll(async () => {
    backend = await open()
  })
  afterAll(() => backend.close())

  const instanceAt = (time: ReturnType<typeof createClock>) => {
    const meter = createActivityMeter({ metrics: absentMetrics, clock: time.clock })
    const activity = createActivityCounts(backend.database)
    const { log, lines } = createLog()
    let degraded: readonly 'redis_away'[] = []
    const write = createWriteActivity({
      activity,
      meter,
      instance: randomUUID(),
      degradations: () => degraded,
      log,
    })
    return {
      ...meter.metrics,
      followers: meter.followers,
      write,
      lines,
      read: (hours: 24 | 720) => activity.read({ hours, now: time.clock() }),
      degrade: (isSo: boolean) => {
        degraded = isSo ? ['redis_away'] : []
      },
    }
  }

  it('adds up what instances count, in buckets of a day and of a month, and unites degraded minutes', async () => {
    const time = createClock(new Date('2026-05-10T12:04:30Z'))
    const [one, two, restarted] = [instanceAt(time), instanceAt(time), instanceAt(time)]
    one.signedIn('signed_in')
    one.judged('rotated')
    two.judged('rotated')
    two.issued('authorization_code')
    two.ended('signed_out', 3)
    one.degrade(true)
    await Promise.all([one.write(), two.write()])
    one.judged('rotated')
    restarted.judged('rotated')
    await Promise.all([one.write(), restarted.write()])
    time.advance(60)
    await one.write()
    time.advance(600)
    one.degrade(false)
    one.judged('rotated')
    await one.write()

    const day = await one.read(24)
    expect(day).toMatchObject({ bucket_seconds: 600, from: new Date('2026-05-09T12:20:00Z'), instances: 1 })
    expect(day.series.refreshes?.['rotated']).toHaveLength(144)
    expect(day.series.refreshes?.['rotated']?.slice(-3)).toEqual([0, 4, 1])
    expect(day.series).toMatchObject({ grants: {}, sign_ins: { signed_in: expect.any(Array) } })
    expect(day.series.endings?.['signed_out']?.at(-2)).toBe(3)
    expect(day.degradations).toEqual([
      { what: 'redis_away', from: new Date('2026-05-10T12:04:00Z'), until: new Date('2026-05-10T12:06:00Z') },
    ])
    const month = await one.read(720)
    expect(month.series.refreshes?.['rotated']).toHaveLength(240)
    expect(month.series.refreshes?.['rotated']?.at(-1)).toBe(5)
    expect([one.lines, two.lines]).toEqual([[], []])
  })

  it('says how long requests for tokens took, who follows the feed now, and how far behind the slowest was', async () => {
    const time = createClock(new Date('2026-06-10T12:04:30Z'))
    const [one, two] = [instanceAt(time), instanceAt(time)]
    expect(await one.read(24)).toMatchObject({
      token_p99_seconds: null,
      followers: { count: null, p99_seconds: null, most_seconds: null },
    })
    const asked = { method: 'POST', status: 200 }
    for (let times = 0; times < 99; times++) one.answered({ ...asked, route: '/token', seconds: 0.004 })
    two.answered({ ...asked, route: '/auth/refresh', seconds: 0.3 })
    two.answered({ ...asked, route: '/jwks', seconds: 9 })
    for (let times = 0; times < 199; times++) one.followers.told(0.26)
    two.followers.told(40)
    const leave = [one.followers.enter(), one.followers.enter(), two.followers.enter()]
    leave[1]?.()
    await Promise.all([one.write(), two.write()])
    expect(await one.read(24)).toMatchObject({
      token_p99_seconds: 0.005,
      followers: { count: 3, p99_seconds: 0.3, most_seconds: 60 },
    })
    time.advance(60)
    await one.write()
    expect((await one.read(24)).followers.count).toBe(2)
    for (let minute = 0; minute < 4; minute++) {
      time.advance(60)
      await two.write()
    }
    expect((await one.read(24)).followers.count).toBe(1)
    expect((await one.read(720)).followers).toEqual({ count: 1, p99_seconds: 0.3, most_seconds: 60 })
  })

  it('is deleted by the janitor when it has expired, which counts the living sign-ins', async () => {
    const instance = instanceAt(createClock(new Date('2025-01-01T00:00:00Z')))
    instance.judged('rotated')
    await instance.write()
    const present = instanceAt(createClock())
    present.judged('rotated')
    await present.write()
    await createSweep(backend.database, { holder: randomUUID() })()
    expect(await instance.read(720)).toMatchObject({ series: {} })
    expect(await present.read(24)).toMatchObject({ instances: 1, living_sign_ins: 0 })
    expect((await present.read(24)).series.refreshes?.['rotated']?.at(-1)).toBe(1)
  })
})
