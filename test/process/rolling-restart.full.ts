import { describe, expect, inject, it } from 'vitest'
import { hasPostgres } from '../support/backends.ts'
import { startFrontProxy } from '../support/services/front-proxies.ts'
import { openPair, startWorkers } from '../support/services/rolling-restart.ts'

const WORKERS = 16
const ROUNDS = 4
const CLIENT = '127.0.1.1'
const unchanged = (snippet: string) => snippet

describe.skipIf(!hasPostgres || !inject('has_proxies'))(
  'docs/deploy.md – rolling restarts, one after the other, with the default DRAIN_SECONDS',
  () => {
    it.each([
      { name: 'haproxy', as: 'as documented', change: unchanged },
      {
        name: 'haproxy',
        as: 'with a check without arguments',
        change: (snippet: string) => snippet.replace('httpchk GET /readyz', 'httpchk'),
      },
      { name: 'nginx', as: 'as documented', change: unchanged },
      { name: 'caddy', as: 'as documented', change: unchanged },
    ] as const)('$name, $as: no request of 16 workers fails', async ({ name, change }) => {
      const pair = await openPair({ DRAIN_SECONDS: '' })
      const proxy = await startFrontProxy(name, pair.ports, change)
      try {
        const load = await startWorkers(proxy.url, { pair, count: WORKERS, from: CLIENT })
        for (let round = 0; round < ROUNDS; round++) expect(await pair.restart([CLIENT])).toEqual([0, 0])
        const { answered, failed } = await load.stop()
        process.stdout.write(`${name}, ${ROUNDS} restarts: ${answered} requests answered\n`)
        expect(failed).toEqual([])
      } finally {
        await proxy.stop()
        await pair.close()
      }
    })
  },
)
