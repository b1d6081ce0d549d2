import { besideBareSignature } from './support/bare-signature.ts'
import { drive, times } from './support/load.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench } from './support/report.ts'
import { median } from './support/statistics.ts'
import { FORM } from './support/world.ts'

const ROUNDS = 15
const SECONDS = 3
const CONNECTIONS = 16
const REQUEST = { path: '/token', headers: FORM, body: 'grant_type=client_credentials' }

/** RS256 tokens by client_credentials, with everything that a real request goes through, against the bare signature. */
export const benchToken: Bench = async world => {
  const server = await world.startSignet(await world.store(10_000))
  const callers = times(CONNECTIONS, () => ({ next: () => REQUEST }))
  const load = (seconds: number) => drive({ port: server.port, seconds, callers })
  await load(SECONDS)
  const rounds = await besideBareSignature(ROUNDS, async () => {
    const { result, milliseconds } = await measureProcessor([server.pid], () => load(SECONDS))
    return { ours: (milliseconds[0] ?? 0) / result.requests, load: result }
  })
  await server.stop()
  return [
    { what: 'bare RSA-2048 signature, processor', seen: median(rounds.map(({ bare }) => bare)), unit: 'ms' },
    { what: 'server, processor a token', seen: median(rounds.map(({ ours }) => ours)), unit: 'ms' },
    {
      what: 'server / bare signature',
      seen: median(rounds.map(({ ours, bare }) => ours / bare)),
      goal: { most: 1.3 },
    },
    { what: 'tokens a second', seen: median(rounds.map(({ load }) => load.per_second)), unit: '/s' },
    { what: 'p50', seen: median(rounds.map(({ load }) => load.p50)), unit: 'ms' },
    { what: 'p99', seen: median(rounds.map(({ load }) => load.p99)), unit: 'ms' },
  ]
}
