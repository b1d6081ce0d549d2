import { beforeEach, describe, expect, it } from 'vitest'
import {
  createTimelines,
  type HeldConnection,
  type Timelines,
} from '../../../src/store/timelines/timelines.ts'
import { createLog } from '../../support/effects.ts'

const SYSTEM = 'cluster'
const STANDBY = { is_standby: true, timeline: null, system: SYSTEM }
const primaryOf = (timeline: number) => ({ is_standby: false, timeline, system: SYSTEM })

describe('the connections that are open', () => {
  let timelines: Timelines
  let told: string[]
  beforeEach(() => {
    timelines = createTimelines({ memory: null, log: createLog().log })
    told = []
  })
  const connectionTo = (host: string): HeldConnection => ({
    host: () => host,
    destroy: () => told.push(`${host} is ended`),
    doubt: () => told.push(`${host} is doubted`),
  })
  const open = async (host: string, timeline: number) =>
    expect(await timelines.admit(connectionTo(host), primaryOf(timeline))).toBe('primary')

  it('are ended when a higher timeline is seen, and the others live', async () => {
    await open('former', 6)
    await open('newer', 7)
    expect(told).toEqual(['former is ended'])
  })

  it.each([
    ['a standby', STANDBY, 'standby'],
    ['a former primary', primaryOf(6), 'former_primary'],
  ] as const)(
    'are doubted and not ended where their address leads to %s too',
    async (_, identity, verdict) => {
      await open('mixed', 7)
      await open('other', 7)
      expect(await timelines.admit(connectionTo('mixed'), identity)).toBe(verdict)
      expect(told).toEqual(['mixed is doubted'])
    },
  )

  it('are not touched once they were released', async () => {
    const released = connectionTo('mixed')
    await timelines.admit(released, primaryOf(7))
    timelines.release(released)
    await timelines.note('mixed', STANDBY)
    expect(told).toEqual([])
  })
})
