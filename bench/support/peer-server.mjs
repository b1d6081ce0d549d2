// @ts-check
// oidc-provider with the minimal Postgres adapter that its documentation asks for: one row for each token.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import postgres from 'postgres'

const { PORT, DATABASE_URL = '', JWKS = '', CLIENT = '' } = process.env
const sql = postgres(DATABASE_URL, { max: 10 })
const RESOURCE = 'https://api.bench.example'

class Adapter {
  /** @param {string} name */
  constructor(name) {
    this.name = name
  }
  /** @param {string} id @param {{ grantId?: string }} payload @param {number} seconds */
  async upsert(id, payload, seconds) {
    await sql`
      insert into peer_tokens (model, id, payload, grant_id, expires_at)
      values (${this.name}, ${id}, ${JSON.stringify(payload)}::text::jsonb, ${payload.grantId ?? null}, now() + make_interval(secs => ${seconds ?? 86400}))
      on conflict (model, id) do update set payload = excluded.payload, expires_at = excluded.expires_at`
  }
  /** @param {string} id */
  async find(id) {
    const [row] = await sql`
      select payload, consumed_at from peer_tokens where model = ${this.name} and id = ${id} and expires_at > now()`
    if (row === undefined) return undefined
    const consumed = row['consumed_at'] && { consumed: Math.floor(row['consumed_at'].getTime() / 1000) }
    return { ...row['payload'], ...consumed }
  }
  /** @param {string} id */
  async consume(id) {
    await sql`update peer_tokens set consumed_at = now() where model = ${this.name} and id = ${id}`
  }
  /** @param {string} id */
  async destroy(id) {
    await sql`delete from peer_tokens where model = ${this.name} and id = ${id}`
  }
  /** @param {string} grantId */
  async revokeByGrantId(grantId) {
    await sql`delete from peer_tokens where grant_id = ${grantId}`
  }
  async findByUid() {}
  async findByUserCode() {}
}

await sql`drop table if exists peer_tokens`
await sql`
  create table peer_tokens (
    model text, id text, payload jsonb not null, grant_id text, consumed_at timestamptz, expires_at timestamptz,
    primary key (model, id)
  )`
await sql`create index on peer_tokens (grant_id)`

const provider = new Provider(`http://localhost:${PORT}`, {
  adapter: Adapter,
  clients: [JSON.parse(CLIENT)],
  jwks: JSON.parse(JWKS),
  scopes: ['openid', 'offline_access', 'read', 'write'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read write',
        audience: RESOURCE,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 900,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  findAccount: (/** @type {unknown} */ _, /** @type {string} */ sub) => ({
    accountId: sub,
    claims: () => ({ sub }),
  }),
  rotateRefreshToken: true,
})

/** A refresh token as a sign-in would leave it. */
const mint = async () => {
  const client = await provider.Client.find(JSON.parse(CLIENT).client_id)
  const accountId = randomUUID()
  const grant = new provider.Grant({ accountId, clientId: client?.clientId ?? '' })
  grant.addOIDCScope('offline_access')
  grant.addResourceScope(RESOURCE, 'read write')
  const grantId = await grant.save()
  const token = new provider.RefreshToken({
    accountId,
    client,
    grantId,
    gty: 'authorization_code',
    scope: 'offline_access read write',
    resource: RESOURCE,
    authTime: Math.floor(Date.now() / 1000),
    claims: {},
    rotations: 0,
    iiat: Math.floor(Date.now() / 1000),
  })
  return token.save()
}

const callback = provider.callback()
createServer((request, response) => {
  if (request.url === '/mint') void mint().then(token => response.end(token))
  else void callback(request, response)
}).listen(Number(PORT), '127.0.0.1')
