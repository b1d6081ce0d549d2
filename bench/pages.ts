import { measureRendering } from './rendering.ts'
import { locationOf } from './support/connection.ts'
import { drive, times } from './support/load.ts'
import { authorizePath, codeIn, exchangeOf, givePasswords, PASSWORD, signInPeople } from './support/people.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench, Row } from './support/report.ts'
import { openVisitor, pathOf } from './support/visitor.ts'

const CROWD = 100
const SECONDS = 4
const CONNECTIONS = 4

/** How long other requests wait while a hundred people sign in on the pages at once, each to the tokens of an application. */
export const benchPagesCrowd: Bench = async world => {
  const store = await world.store(10_000)
  const server = await world.startSignet(store)
  const emails = await givePasswords(server.port, store.sql, CROWD)
  const started = performance.now()
  const signIns = Promise.allSettled(emails.map(email => signInOnPages(server.port, email)))
  const jwks = { next: () => ({ method: 'GET' as const, path: '/.well-known/jwks.json' }) }
  const keys = await drive({ port: server.port, seconds: SECONDS, callers: [jwks] })
  const ended = await signIns
  const seconds = (performance.now() - started) / 1000
  await server.stop()
  const faults = ended.flatMap(result => (result.status === 'rejected' ? [String(result.reason)] : []))
  for (const fault of new Set(faults)) console.log(`  ${fault.slice(0, 200)}`)
  return [
    { what: 'people who did not get their tokens', seen: faults.length, goal: { most: 0 } },
    { what: 'until the last one had them', seen: seconds, unit: 's' },
    { what: 'JWKS, p99 meanwhile', seen: keys.p99, unit: 'ms', goal: { most: 25 } },
  ]
}

/** From the authorization request over the sign-in page to the tokens. Rejects where a step is answered otherwise. */
const signInOnPages = async (port: number, email: string): Promise<void> => {
  const visitor = openVisitor(port)
  const page = await visitor.open(pathOf(await visitor.open(authorizePath('bench-app'))))
  const signedIn = await visitor.submit(page, { email, password: PASSWORD })
  const { status, body } = await visitor.send(exchangeOf(codeIn(locationOf(signedIn)), 'bench-app'))
  visitor.close()
  if (status !== 200 || !body.includes('"id_token":"')) throw new Error(`/token: ${status} ${body}`)
}

/** The processor time of rendering, and of whole requests for pages with their statements. */
export const benchPages: Bench = async world => {
  const store = await world.store(10_000)
  const [cookie = ''] = await signInPeople(store.sql, 1)
  const server = await world.startSignet(store)
  const stranger = openVisitor(server.port)
  const signIn = pathOf(await stranger.open(authorizePath('bench-web')))
  const pages = [
    { what: 'sign-in', path: signIn, Cookie: stranger.cookies() },
    { what: 'the devices of the account', path: '/account/devices', Cookie: cookie },
  ]
  const rows: Row[] = [...measureRendering()]
  for (const { what, path, Cookie } of pages) {
    const callers = times(CONNECTIONS, () => ({
      next: () => ({ method: 'GET' as const, path, headers: { Cookie } }),
    }))
    const load = () => drive({ port: server.port, seconds: SECONDS, callers })
    await load()
    const { result, milliseconds } = await measureProcessor([server.pid], load)
    const seen = (milliseconds[0] ?? 0) / result.requests
    rows.push({ what: `${what}: server, processor a request`, seen, unit: 'ms' })
  }
  stranger.close()
  await server.stop()
  return rows
}
