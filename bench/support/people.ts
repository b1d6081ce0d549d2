import { randomBytes } from 'node:crypto'
import type { Sql } from 'postgres'
import { grantsOf } from '../../src/domain/authorization/consent.ts'
import { challengeOf } from '../../src/domain/oauth/pkce.ts'
import { parseSessionSecret, sessionSecretOf } from '../../src/domain/sign-in/browser-session.ts'
import { openConnection } from './connection.ts'
import { familyId } from './families.ts'

const API = 'https://api.bench.example'
const SCOPE = 'openid profile email offline_access read'
const SECRET = 'bench-web-secret-0123456789-0123456789-0123456'
export const REDIRECT_URI = 'https://web.bench.example/callback'
const VERIFIER = 'verifier-of-the-bench-0123456789-0123456789-01'

const common = {
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [REDIRECT_URI],
  scope: SCOPE,
  audience: API,
}

/** A client like those of other people, which asks for consent, and one of the operator's own, which does not. */
export const WEB_CLIENTS = [
  { ...common, client_id: 'bench-web', client_secret: SECRET },
  { ...common, client_id: 'bench-app', token_endpoint_auth_method: 'none', first_party: true },
]

/** RFC 6749 §4.1.1 – The authorization request of a client, as a path. */
export const authorizePath = (client_id: string): string => {
  const parameters = {
    response_type: 'code',
    client_id,
    redirect_uri: REDIRECT_URI,
    scope: SCOPE,
    state: 'state-of-the-bench',
    nonce: 'nonce-of-the-bench',
    code_challenge: challengeOf(VERIFIER) ?? '',
    code_challenge_method: 'S256',
  }
  return `/authorize?${new URLSearchParams(parameters).toString()}`
}

/** The code of the answer that leads back to the client. */
export const codeIn = (location: string): string => {
  const code = new URL(location).searchParams.get('code')
  if (code === null || !location.startsWith(REDIRECT_URI)) throw new Error(`no code: ${location}`)
  return code
}

/** RFC 6749 §4.1.3 – The token request for a code; a public client names itself in the form. */
export const exchangeOf = (code: string, client_id?: string) => {
  const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER }
  const basic = { Authorization: `Basic ${Buffer.from(`bench-web:${SECRET}`).toString('base64')}` }
  return {
    path: '/token',
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      ...(client_id === undefined ? basic : {}),
    },
    body: new URLSearchParams({ ...form, ...(client_id === undefined ? {} : { client_id }) }).toString(),
  }
}

/** Signs people in by their rows, with their consent to `bench-web`, and returns the Cookie header of each. */
export const signInPeople = async (sql: Sql, people: number): Promise<readonly string[]> => {
  const ids = Array.from({ length: people }, (_, number) => familyId(number))
  const secrets = ids.map(user_id => sessionSecretOf({ user_id, random: randomBytes(32) }))
  const digests = secrets.map(secret => Buffer.from(parseSessionSecret(secret)?.digest ?? []).toString('hex'))
  await sql`
    insert into browser_sessions (
      user_id, id, digest, credential_epoch, auth_time, amr, idle_expires_at, expires_at, last_ip, last_user_agent
    )
    select
      id, gen_random_uuid(), decode(digest, 'hex'), 0, now(), '{pwd}', now() + interval '7 days',
      now() + interval '30 days', '127.0.0.1', 'bench'
    from unnest(${ids}::uuid[], ${digests}::text[]) given (id, digest)`
  await sql`
    insert into consents (user_id, client_id, granted)
    select id, 'bench-web', ${grantsOf(SCOPE.split(' '), [API])}::text[]
    from unnest(${ids}::uuid[]) given (id)
    on conflict do nothing`
  return secrets.map(secret => `signet-session=${secret}`)
}

export const PASSWORD = 'correct horse battery'

/** Gives people the password of an account that is registered for it, and returns their e-mails. */
export const givePasswords = async (port: number, sql: Sql, people: number): Promise<readonly string[]> => {
  const connection = openConnection(port)
  const email = 'pages@bench.example'
  const body = JSON.stringify({ email, password: PASSWORD })
  const headers = { 'Content-Type': 'application/json' }
  const { status } = await connection.send({ path: '/auth/register', headers, body })
  connection.close()
  if (status !== 201) throw new Error(`/auth/register: ${status}`)
  const rows = await sql<{ email: string }[]>`
    update users
    set password_digest = (select password_digest from users where email = ${email})
    where id = any(${Array.from({ length: people }, (_, number) => familyId(number))}::uuid[])
    returning email`
  return rows.map(row => row.email)
}
