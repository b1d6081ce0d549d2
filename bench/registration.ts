import { sendAll } from './support/load.ts'
import type { Bench } from './support/report.ts'
import { quantile } from './support/statistics.ts'

const REGISTRATIONS = 10_000
const CONNECTIONS = 16

const AGENT = JSON.stringify({
  client_name: 'Agent',
  redirect_uris: ['http://localhost/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  token_endpoint_auth_method: 'none',
})

/** Ten thousand open registrations, which add no row, and the first request of each id at an instance that has never seen it. */
export const benchRegistration: Bench = async world => {
  const store = await world.store(10_000)
  const environment = {
    // The port is another one at each start, and an id is of one issuer.
    ISSUER: 'http://localhost:8080',
    REGISTRATION: 'open',
    CLIENT_ID_KEYS: Buffer.alloc(32, 'client ids').toString('base64url'),
    REGISTRATION_AUDIENCES: 'https://api.bench.example',
    RATE_LIMIT_CLIENT_REGISTRATIONS: 'off',
  }
  const rows = async () => {
    const [counted] = await store.sql<{ rows: number }[]>`
      select (select count(*) from clients) + (select count(*) from client_changes) as rows`
    return Number(counted?.rows)
  }
  const before = await rows()
  const server = await world.startSignet(store, environment)
  const registered = await sendAll({
    port: server.port,
    connections: CONNECTIONS,
    requests: Array.from({ length: REGISTRATIONS }, () => ({
      path: '/register',
      headers: { 'Content-Type': 'application/json' },
      body: AGENT,
    })),
    take: ({ body }) => String(JSON.parse(body).client_id),
  })
  await server.stop()
  const other = await world.startSignet(store, environment)
  const known = await sendAll({
    port: other.port,
    connections: CONNECTIONS,
    requests: registered.results.map(client_id => ({
      method: 'GET' as const,
      path: authorizePathOf(client_id),
    })),
    take: ({ status }) => status,
  })
  await other.stop()
  return [
    { what: 'a registration: p50', seen: quantile(registered.milliseconds, 0.5), unit: 'ms' },
    { what: 'a registration: p99', seen: quantile(registered.milliseconds, 0.99), unit: 'ms' },
    { what: 'rows that ten thousand registrations add', seen: (await rows()) - before, goal: { most: 0 } },
    {
      what: 'ids that an instance started afterwards does not know',
      seen: known.results.filter(status => status !== 303).length,
      goal: { most: 0 },
    },
    { what: 'its first request with an id: p50', seen: quantile(known.milliseconds, 0.5), unit: 'ms' },
  ]
}

const authorizePathOf = (client_id: string): string =>
  `/authorize?${new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri: 'http://localhost:7777/callback',
    scope: 'openid',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  }).toString()}`
