import { TOKEN_ANSWER, TOKEN_REFUSAL } from './admin-answers.ts'
import { AdminError } from './admin-error.ts'
import { askServer } from './admin-fetch.ts'
import type { AdminSettings } from './admin-settings.ts'

export type AdminScope = 'signet:viewer' | 'signet:admin'

/** The token of a command. `renew` drops one that the server no longer takes; false: there is no other. */
export type AdminToken = Readonly<{ get: () => Promise<string>; renew: () => boolean }>

/** Keeps the token for as long as the command runs, and asks for the least that the command needs. */
export const createAdminToken = ({ credentials }: AdminSettings, scope: AdminScope): AdminToken => {
  if ('token' in credentials) return { get: async () => credentials.token, renew: () => false }
  let kept: string | null = null
  return {
    get: async () => {
      kept ??= await requestToken(credentials, scope)
      return kept
    },
    renew: () => {
      kept = null
      return true
    },
  }
}

type Client = Exclude<AdminSettings['credentials'], { token: string }>

const requestToken = async (client: Client, scope: AdminScope): Promise<string> => {
  const answer = await askForToken(client, scope)
  if ('access_token' in answer) return answer.access_token
  // A client that may change everything need not be registered for looking too.
  const wider = answer.error === 'invalid_scope' && scope === 'signet:viewer'
  const last = wider ? await askForToken(client, 'signet:admin') : answer
  if ('access_token' in last) return last.access_token
  throw new AdminError(
    'misconfigured',
    `the server gives the client ${client.client_id} no token of the administration (${last.error}): look at SIGNET_ADMIN_CLIENT_ID, its secret and its scopes`,
  )
}

type Asked = Readonly<{ access_token: string } | { error: string }>

/** RFC 6749 §4.4, RFC 8707 §2 – The token is for the issuer alone, whatever else the client may address. */
const askForToken = async (
  { issuer, client_id, client_secret }: Client,
  scope: AdminScope,
): Promise<Asked> => {
  const what = 'the token endpoint'
  // RFC 6749 §2.3.1 – Both are form-encoded first.
  const pair = [client_id, client_secret].map(encodeURIComponent).join(':')
  const { status, json } = await askServer(what, `${issuer}/token`, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
      'Content-Type': 'application/x-www-form-urlencoded',
    },
    body: String(new URLSearchParams({ grant_type: 'client_credentials', scope, resource: issuer })),
  })
  const token = TOKEN_ANSWER.safeParse(json)
  if (status === 200 && token.success) return token.data
  const refusal = TOKEN_REFUSAL.safeParse(json)
  if (status < 500 && refusal.success) return refusal.data
  throw new AdminError(
    'unreachable',
    `${what} at ${issuer} answers ${status}: look whether ISSUER leads to Signet`,
    status,
  )
}
