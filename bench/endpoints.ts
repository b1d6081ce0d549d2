import { openConnection, type Request } from './support/connection.ts'
import { type Caller, drive, times } from './support/load.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench, Row } from './support/report.ts'
import type { Server } from './support/server.ts'
import { FORM, type World } from './support/world.ts'

const CONNECTIONS = 16
const SECONDS = 4
const JSON_HEADERS = { 'Content-Type': 'application/json' }

/** Introspection and revocation of access tokens, and sign-ins with their password check. */
export const benchEndpoints: Bench = async world => {
  const server = await world.startSignet(await world.store(10_000))
  const tokens = await accessTokens(server, 4000)
  await signUp(server)
  const rows = [
    ...(await measure(world, server, 'introspect', goRound(tokens, '/introspect'))),
    ...(await measure(world, server, 'revoke', goRound(tokens, '/revoke'))),
    ...(await measure(
      world,
      server,
      'sign-in (bcrypt, cost 10)',
      times(4, () => ({ next: () => signIn })),
    )),
  ]
  await server.stop()
  return rows
}

const measure = async (
  { postgres_pid }: World,
  { port, pid }: Server,
  what: string,
  callers: readonly Caller[],
): Promise<readonly Row[]> => {
  await drive({ port, seconds: 1, callers })
  const work = () => drive({ port, seconds: SECONDS, callers })
  const { result, milliseconds } = await measureProcessor([pid, postgres_pid], work)
  const [server = 0, postgres = 0] = milliseconds.map(total => total / result.requests)
  return [
    { what: `${what}: server, processor a request`, seen: server, unit: 'ms' },
    { what: `${what}: Postgres, processor a request`, seen: postgres, unit: 'ms' },
    { what: `${what}: requests a second`, seen: result.per_second, unit: '/s' },
    { what: `${what}: p50`, seen: result.p50, unit: 'ms' },
    { what: `${what}: p99`, seen: result.p99, unit: 'ms' },
  ]
}

/** Each connection takes its own share of the tokens, one after the other. */
const goRound = (tokens: readonly string[], path: string): readonly Caller[] =>
  times(CONNECTIONS, index => {
    let turn = index
    return {
      next: () => {
        turn = (turn + CONNECTIONS) % tokens.length
        return { path, headers: FORM, body: `token=${tokens[turn]}` }
      },
    }
  })

const accessTokens = async ({ port }: Server, count: number): Promise<readonly string[]> => {
  const tokens: string[] = []
  const connections = times(CONNECTIONS, () => openConnection(port))
  await Promise.all(
    connections.map(async connection => {
      while (tokens.length < count) {
        const { body } = await connection.send({ path: '/token', headers: FORM, body: GRANT })
        tokens.push(JSON.parse(body).access_token)
      }
      connection.close()
    }),
  )
  return tokens
}

const GRANT = 'grant_type=client_credentials'
const CREDENTIALS = JSON.stringify({ email: 'someone@bench.example', password: 'correct horse battery' })

export const signIn: Request = { path: '/auth/login', headers: JSON_HEADERS, body: CREDENTIALS }

/** Registers the account that `signIn` signs in. */
export const signUp = async ({ port }: Server): Promise<void> => {
  const connection = openConnection(port)
  await connection.send({ path: '/auth/register', headers: JSON_HEADERS, body: CREDENTIALS })
  connection.close()
}
