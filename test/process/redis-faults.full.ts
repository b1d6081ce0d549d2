import { afterEach, describe, expect, it } from 'vitest'
import { hasPostgres, hasRedis } from '../support/backends.ts'
import {
  type FaultyRedis,
  openFaultyRedis,
  openTraffic,
  type Traffic,
} from '../support/services/redis-faults.ts'

const NONE = { begin: async () => {}, end: async () => {} }
const MINUTE_MILLISECONDS = 60_000
/** The longest fault, which outlasts the marker of a complete blocklist. */
const LONGEST_MILLISECONDS = 7_000

describe.skipIf(!hasPostgres || !hasRedis)('two servers on one Redis for a minute', () => {
  let place: FaultyRedis
  let traffic: Traffic
  afterEach(async () => {
    await traffic.stop()
    await place.close()
  })

  it('survive its faults in any order and of any length', async () => {
    place = await openFaultyRedis()
    traffic = openTraffic(place)
    const deadline = performance.now() + MINUTE_MILLISECONDS
    const faults = Object.entries(place.faults)
    while (performance.now() < deadline) {
      const [name, { begin, end }] = faults[Math.floor(Math.random() * faults.length)] ?? ['none', NONE]
      const milliseconds = Math.random() ** 2 * LONGEST_MILLISECONDS
      await begin()
      await new Promise(resolve => setTimeout(resolve, milliseconds))
      await end()
      const codes = place.programs.map(program => program.process.exitCode)
      expect({ name, milliseconds, codes }).toEqual({ name, milliseconds, codes: [null, null] })
    }
    expect((await traffic.stop()).faults).toEqual([])
    for (const { ask } of place.servers)
      await expect.poll(async () => (await ask('/readyz')).body.status, { timeout: 10_000 }).toBe('ready')
  }, 120_000)
})
