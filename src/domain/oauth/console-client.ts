import { type Client, FIRST_PARTY, SHORT_GRACE_SECONDS } from './client.ts'
import { ADMIN_SCOPE, VIEWER_SCOPE } from './scope.ts'

/** The built-in client of the console. */
export const CONSOLE_CLIENT_ID = 'signet-console'

/**
 * Ours (docs/decisions/0058) – The client of the console. It has no secret: this server alone redeems its codes, in process, so that no
 * request at the token endpoint can be its own. The account API takes none of its tokens, for it is not `first_party`.
 */
export const consoleClient = ({
  issuer,
  console_url,
}: Readonly<Record<'issuer' | 'console_url', string>>): Client => ({
  ...FIRST_PARTY,
  client_id: CONSOLE_CLIENT_ID,
  client_name: 'Signet console',
  token_endpoint_auth_method: 'client_secret_basic',
  redirect_uris: [`${console_url}/console/callback`],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  scope: `openid email ${ADMIN_SCOPE} ${VIEWER_SCOPE}`,
  audience: [issuer],
  first_party: false,
  refresh_grace_seconds: SHORT_GRACE_SECONDS,
})

/** Ours – True for a client of the operator's own, whose people are not asked for consent. */
export const isConsentImplied = ({
  client_id,
  first_party,
}: Pick<Client, 'client_id' | 'first_party'>): boolean => first_party || client_id === CONSOLE_CLIENT_ID
