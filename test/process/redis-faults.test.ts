import { afterEach, describe, expect, it } from 'vitest'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import { stopProgram } from '../support/process.ts'
import {
  type FaultyRedis,
  openFaultyRedis,
  openTraffic,
  type Traffic,
} from '../support/services/redis-faults.ts'

/** The length of each fault: more than the pause between two reads of the feed, and than the time limit of a command. */
const FAULT_MILLISECONDS = 700

describe.skipIf(!hasPostgres || !hasRedis)('two servers on one Redis', () => {
  let place: FaultyRedis
  let traffic: Traffic
  afterEach(async () => {
    await traffic.stop()
    await place.close()
  })

  it('survive each of its faults under traffic, and recover', async () => {
    place = await openFaultyRedis()
    traffic = openTraffic(place)
    for (const { begin, end } of Object.values(place.faults)) {
      await begin()
      await new Promise(resolve => setTimeout(resolve, FAULT_MILLISECONDS))
      await end()
      expect(place.programs.map(program => program.process.exitCode)).toEqual([null, null])
    }
    const { turns, faults } = await traffic.stop()
    expect(faults).toEqual([])
    expect(turns).toBeGreaterThan(0)
    for (const { ask } of place.servers)
      await expect.poll(async () => (await ask('/readyz')).body.status, { timeout: 10_000 }).toBe('ready')
    for (const program of place.programs) {
      expect(program.err()).not.toMatch(/unhandled|Error/i)
      expect(await stopProgram(program)).toMatchObject({ code: 0 })
    }
  }, 60_000)
})
