import { type AccessTokenClaims, audiencesOf } from './access-token.ts'
import { type AudiencePolicy, allowedAmong } from './audience.ts'
import { type Client, credentialsHashOf } from './client.ts'
import { scopeLeft } from './scope.ts'

/** The rights that a token still has: never more than its claims. */
export type RemainingGrant = Readonly<{ scope: string; audience: readonly string[] }>

/**
 * Ours – The rights of a token within its client's present registration, which may have been narrowed since the token was issued. Null
 * when the client may no longer have such a token: no audience is left, the grant is gone, or the token names credentials that have
 * changed.
 */
export const remainingGrantOf = (
  claims: AccessTokenClaims,
  client: Client,
  policy: AudiencePolicy,
): RemainingGrant | null => {
  if (claims.act !== undefined) return remainingExchangeOf(claims, client, policy)
  if (!mayHave(client, claims, policy)) return null
  const { credentials_hash } = claims
  if (credentials_hash !== undefined && credentials_hash !== credentialsHashOf(client)) return null
  const audience = allowedAmong(client, audiencesOf(claims), policy)
  return audience.length === 0 ? null : { scope: scopeLeft(claims.scope ?? '', client.scope), audience }
}

/** RFC 8693 §2.2.1 – What the client may still get by exchange: its own scope and audiences play no part in that. */
const remainingExchangeOf = (
  claims: AccessTokenClaims,
  { grant_types, token_exchange }: Client,
  { issuer }: AudiencePolicy,
): RemainingGrant | null => {
  if (!grant_types.includes('urn:ietf:params:oauth:grant-type:token-exchange')) return null
  const [audience, ...others] = audiencesOf(claims)
  const exchange = token_exchange.find(each => each.audience === audience && audience !== issuer)
  if (exchange === undefined || others.length > 0) return null
  return { scope: scopeLeft(claims.scope ?? '', exchange.scope), audience: [exchange.audience] }
}

/**
 * A client's own token depends on its grant. A person's token that is addressed to the issuer depends on `first_party`, which the account
 * API asks for; with `openid` it is good at /userinfo (OpenID Connect Core §5.3), for every client.
 */
const mayHave = (client: Client, claims: AccessTokenClaims, { issuer }: AudiencePolicy): boolean =>
  claims.sid === undefined
    ? mayActForItself(client)
    : client.first_party || isForUserinfo(claims) || !audiencesOf(claims).includes(issuer)

const isForUserinfo = ({ scope = '' }: AccessTokenClaims): boolean => scope.split(' ').includes('openid')

/** RFC 6749 §4.4.2 – True for confidential clients that are registered for the grant. */
export const mayActForItself = ({ grant_types, token_endpoint_auth_method }: Client): boolean =>
  token_endpoint_auth_method !== 'none' && grant_types.includes('client_credentials')
