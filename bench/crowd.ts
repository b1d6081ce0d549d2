import { signIn, signUp } from './endpoints.ts'
import { refreshCallers } from './refresh.ts'
import { openConnection } from './support/connection.ts'
import { drive, times } from './support/load.ts'
import type { Bench } from './support/report.ts'

const CROWD = 100
const SECONDS = 4

/** How long other requests wait while a hundred people sign in at once: password work must not delay them. */
export const benchCrowd: Bench = async world => {
  const store = await world.store(10_000)
  const server = await world.startSignet(store)
  await signUp(server)
  const crowd = times(CROWD, () => openConnection(server.port))
  const started = performance.now()
  const signIns = Promise.all(crowd.map(connection => connection.send(signIn)))
  const jwks = { next: () => ({ method: 'GET' as const, path: '/.well-known/jwks.json' }) }
  const refreshers = refreshCallers(store).slice(0, 2)
  const [keys, refreshes] = await Promise.all([
    drive({ port: server.port, seconds: SECONDS, callers: [jwks] }),
    drive({ port: server.port, seconds: SECONDS, callers: refreshers }),
  ])
  const answers = await signIns
  const seconds = (performance.now() - started) / 1000
  for (const connection of crowd) connection.close()
  await server.stop()
  const failed = answers.filter(({ status }) => status !== 200).length
  return [
    { what: 'sign-ins answered with anything but 200', seen: failed, goal: { most: 0 } },
    { what: 'until the last sign-in was answered', seen: seconds, unit: 's' },
    { what: 'JWKS, p99 meanwhile', seen: keys.p99, unit: 'ms', goal: { most: 25 } },
    { what: 'refresh, p99 meanwhile', seen: refreshes.p99, unit: 'ms', goal: { most: 50 } },
  ]
}
