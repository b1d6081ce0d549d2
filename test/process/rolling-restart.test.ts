import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { hasPostgres } from '../support/backends.ts'
import { startFrontProxy } from '../support/services/front-proxies.ts'
import { openPair, type Pair, startWorkers } from '../support/services/rolling-restart.ts'
import type { Service } from '../support/services/services.ts'

/** The longest that a proxy takes to see `/readyz`, on a machine that is busy. */
const DRAIN_SECONDS = '4'
const WORKERS = 16

describe.skipIf(!hasPostgres || !inject('has_proxies'))(
  'docs/deploy.md – a rolling restart of two instances',
  { timeout: 120_000 },
  () => {
    let pair: Pair
    const proxies: Service[] = []
    beforeAll(async () => {
      pair = await openPair({ DRAIN_SECONDS })
      for (const name of ['haproxy', 'nginx', 'caddy'] as const)
        proxies.push(await startFrontProxy(name, pair.ports))
    })
    afterAll(async () => {
      for (const proxy of proxies) await proxy.stop()
      await pair.close()
    })

    it('fails no request behind HAProxy, nginx and Caddy, by clients that repeat none', async () => {
      const clients = proxies.map((_, place) => `127.0.1.${place + 1}`)
      const loads = await Promise.all(
        proxies.map(({ url }, place) =>
          startWorkers(url, { pair, count: WORKERS, from: clients[place] ?? '' }),
        ),
      )
      expect(await pair.restart(clients)).toEqual([0, 0])
      const outcomes = await Promise.all(loads.map(({ stop }) => stop()))
      expect(outcomes.map(({ failed }) => failed)).toEqual([[], [], []])
      for (const { answered } of outcomes) expect(answered).toBeGreaterThan(WORKERS)
    })
  },
)
