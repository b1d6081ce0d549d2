import { besideBareSignature } from './support/bare-signature.ts'
import { locationOf } from './support/connection.ts'
import { sendAll } from './support/load.ts'
import { authorizePath, codeIn, exchangeOf, signInPeople } from './support/people.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench } from './support/report.ts'
import { countStatements, forgetStatements } from './support/statement-counts.ts'
import { median, quantile } from './support/statistics.ts'
import type { World } from './support/world.ts'

const ROUNDS = 9
const PEOPLE = 2_500
const CONNECTIONS = 16
/** An access token and an ID token. */
const SIGNATURES = 2

/**
 * Codes from /authorize for people who are signed in and have consented, then their exchange for an access token, an ID token and a
 * refresh token, against the two bare signatures.
 */
export const benchCode: Bench = async world => {
  const store = await world.store(10_000)
  const cookies = await signInPeople(store.sql, PEOPLE)
  const server = await world.startSignet(store)
  const round = () => exchangeCodes(world, server, cookies)
  await round()
  await forgetStatements(store.sql)
  const rounds = await besideBareSignature(ROUNDS, round)
  const statements = (await countStatements(store.sql)) / (ROUNDS * PEOPLE)
  await server.stop()
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick))
  return [
    { what: 'bare RSA-2048 signature, processor', seen: of(({ bare }) => bare), unit: 'ms' },
    { what: 'server, processor a code at /authorize', seen: of(({ authorize }) => authorize), unit: 'ms' },
    { what: 'server, processor an exchange', seen: of(({ exchange }) => exchange), unit: 'ms' },
    { what: 'Postgres, processor an exchange', seen: of(({ postgres }) => postgres), unit: 'ms' },
    {
      what: 'server / the two bare signatures',
      seen: of(({ exchange, bare }) => exchange / (SIGNATURES * bare)),
      goal: { most: 1.7 },
    },
    { what: 'statements from /authorize to the tokens', seen: statements, goal: { most: 3.05 } },
    { what: 'exchanges a second', seen: of(({ per_second }) => per_second), unit: '/s' },
    { what: 'p50', seen: of(({ p50 }) => p50), unit: 'ms' },
    { what: 'p99', seen: of(({ p99 }) => p99), unit: 'ms' },
  ]
}

type Server = Readonly<{ port: number; pid: number }>

/** One code and one exchange for each person. */
const exchangeCodes = async ({ postgres_pid }: World, { port, pid }: Server, cookies: readonly string[]) => {
  const path = authorizePath('bench-web')
  const begun = await measureProcessor([pid], () =>
    sendAll({
      port,
      connections: CONNECTIONS,
      requests: cookies.map(Cookie => ({ method: 'GET', path, headers: { Cookie } })),
      take: answer => codeIn(locationOf(answer)),
    }),
  )
  const started = performance.now()
  const ended = await measureProcessor([pid, postgres_pid], () =>
    sendAll({
      port,
      connections: CONNECTIONS,
      requests: begun.result.results.map(code => exchangeOf(code)),
      take: ({ status, body }) => {
        if (status !== 200 || !body.includes('"id_token":"')) throw new Error(`/token: ${status} ${body}`)
      },
    }),
  )
  const seconds = (performance.now() - started) / 1000
  const { milliseconds } = ended.result
  return {
    authorize: (begun.milliseconds[0] ?? 0) / cookies.length,
    exchange: (ended.milliseconds[0] ?? 0) / cookies.length,
    postgres: (ended.milliseconds[1] ?? 0) / cookies.length,
    per_second: cookies.length / seconds,
    p50: quantile(milliseconds, 0.5),
    p99: quantile(milliseconds, 0.99),
  }
}
