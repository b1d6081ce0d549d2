import { generateKeyPairSync } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { refreshCallers } from './refresh.ts'
import { openConnection } from './support/connection.ts'
import { type Caller, drive, times } from './support/load.ts'
import { measureProcessor } from './support/processor.ts'
import type { Bench } from './support/report.ts'
import { type Server, startProgram } from './support/server.ts'
import { median } from './support/statistics.ts'
import { CLIENT_SECRET, FORM, type World } from './support/world.ts'

const CONNECTIONS = 16
const ROUNDS = 9
const SECONDS = 3
const GRANT = 'grant_type=client_credentials'

/** Compares Signet with oidc-provider: the same work on the same Postgres, in turns. */
export const benchPeer: Bench = async world => {
  const store = await world.store(10_000)
  const signet = await world.startSignet(store)
  const peer = await startPeer(store.url)
  const token = times(CONNECTIONS, () => ({ next: () => ({ path: '/token', headers: FORM, body: GRANT }) }))
  const refresh = { signet: refreshCallers(store), peer: await peerRefreshers(peer) }
  const rounds: { token: Pair; refresh: Pair }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = async (ours: readonly Caller[], theirs: readonly Caller[]) => ({
      signet: await processorOf(world, signet, ours),
      peer: await processorOf(world, peer, theirs),
    })
    rounds.push({ token: await pair(token, token), refresh: await pair(refresh.signet, refresh.peer) })
  }
  await Promise.all([signet.stop(), peer.stop()])
  // The first round warms up.
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.slice(1).map(pick))
  const goal = (most: number) => ({ goal: { most } })
  return [
    { what: 'oidc-provider, a token, server', seen: of(({ token }) => token.peer.server), unit: 'ms' },
    { what: 'Signet, a token, server', seen: of(({ token }) => token.signet.server), unit: 'ms' },
    {
      what: 'Signet / oidc-provider, a token',
      seen: of(({ token }) => token.signet.server / token.peer.server),
      ...goal(0.7),
    },
    {
      what: 'oidc-provider, a refresh, with Postgres',
      seen: of(({ refresh }) => refresh.peer.all),
      unit: 'ms',
    },
    { what: 'Signet, a refresh, with Postgres', seen: of(({ refresh }) => refresh.signet.all), unit: 'ms' },
    {
      what: 'Signet / oidc-provider, a refresh, with Postgres',
      seen: of(({ refresh }) => refresh.signet.all / refresh.peer.all),
      ...goal(0.55),
    },
  ]
}

type Cost = Readonly<{ server: number; all: number }>
type Pair = Readonly<{ signet: Cost; peer: Cost }>

/** Milliseconds of processor time a request: of the server alone, and of the server with Postgres. */
const processorOf = async (
  { postgres_pid }: World,
  { port, pid }: Server,
  callers: readonly Caller[],
): Promise<Cost> => {
  const work = () => drive({ port, seconds: SECONDS, callers })
  const { result, milliseconds } = await measureProcessor([pid, postgres_pid], work)
  const [server = 0, postgres = 0] = milliseconds.map(total => total / result.requests)
  return { server, all: server + postgres }
}

const startPeer = (url: string): Promise<Server> => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const client = {
    client_id: 'bench',
    client_secret: CLIENT_SECRET,
    grant_types: ['client_credentials', 'refresh_token', 'authorization_code'],
    redirect_uris: ['https://app.bench.example/callback'],
    response_types: ['code'],
    scope: 'offline_access read write',
  }
  return startProgram([fileURLToPath(new URL('support/peer-server.mjs', import.meta.url))], {
    path: '/.well-known/openid-configuration',
    environment: {
      NODE_ENV: 'production',
      DATABASE_URL: url,
      CLIENT: JSON.stringify(client),
      JWKS: JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig' }] }),
    },
  })
}

const peerRefreshers = ({ port }: Server): Promise<readonly Caller[]> =>
  Promise.all(
    times(CONNECTIONS, async () => {
      const connection = openConnection(port)
      let token = (await connection.send({ method: 'GET', path: '/mint' })).body
      connection.close()
      return {
        next: () => ({
          path: '/token',
          headers: FORM,
          body: `grant_type=refresh_token&refresh_token=${token}`,
        }),
        take: ({ body }) => {
          token = JSON.parse(body).refresh_token
        },
      } satisfies Caller
    }),
  )
