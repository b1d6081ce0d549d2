import { type AccessTokenClaims, audiencesOf } from './access-token.ts'
import { type AudiencePolicy, allowedAmong } from './audience.ts'
import { type Client, credentialsHashOf } from './client.ts'
import { scopeLeft } from './scope.ts'

/** What is left of a token: never more than it says. */
export type RemainingGrant = Readonly<{ scope: string; audience: readonly string[] }>

/**
 * Ours – What a token still allows by its client's registration as it is now, which may have been narrowed since. Null, and it allows
 * nothing, when the client may not have such a token any more: none of its audiences, not that grant, or, where the token names
 * them, not with the credentials that it was issued for.
 */
export const remainingGrantOf = (
  claims: AccessTokenClaims,
  client: Client,
  policy: AudiencePolicy,
): RemainingGrant | null => {
  if (!mayHave(client, claims, policy)) return null
  const { credentials_hash } = claims
  if (credentials_hash !== undefined && credentials_hash !== credentialsHashOf(client)) return null
  const audience = allowedAmong(client, audiencesOf(claims), policy)
  return audience.length === 0 ? null : { scope: scopeLeft(claims.scope ?? '', client.scope), audience }
}

/** A client's own token is by its grant; a person's for the account API by `first_party`. */
const mayHave = (client: Client, claims: AccessTokenClaims, { issuer }: AudiencePolicy): boolean =>
  claims.sid === undefined
    ? mayActForItself(client)
    : client.first_party || !audiencesOf(claims).includes(issuer)

/** RFC 6749 §4.4.2 – Confidential clients alone, with that grant. */
export const mayActForItself = ({ grant_types, token_endpoint_auth_method }: Client): boolean =>
  token_endpoint_auth_method !== 'none' && grant_types.includes('client_credentials')
