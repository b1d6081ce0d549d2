import type { Client } from '../oauth/client.ts'
import { IDENTITY_SCOPES } from '../oauth/identity-claims.ts'

/** Ours – What a client that no operator has registered may ask for. */
export type SelfRegistrationPolicy = Readonly<{
  audiences: readonly string[]
  scopes: readonly string[]
}>

/** Ours: scopes with this prefix are for the server itself. */
const OWN_SCOPES = 'signet:'

/** Ours – The scopes of REGISTRATION_SCOPES; where it is unset, those of OpenID Connect and of SCOPES_FILE. Never one of the server's own. */
export const registrableScopes = (
  configured: readonly string[] | null,
  catalogue: Iterable<string>,
): readonly string[] => {
  const scopes = configured ?? [...IDENTITY_SCOPES, ...catalogue]
  return [...new Set(scopes)].filter(scope => !scope.startsWith(OWN_SCOPES))
}

/** A stranger's client that asks people for a device's code is how they are deceived most: an operator registers a client for that grant. */
const GRANTS: ReadonlySet<string> = new Set(['authorization_code', 'refresh_token'])

/**
 * Ours – A client that no operator has registered, within what such clients may be and ask for. One that names no scope may ask for each
 * that is allowed; its audiences are those of the policy, and none where the policy has none.
 */
export const withinPolicy = (client: Client, { audiences, scopes }: SelfRegistrationPolicy): Client => {
  const named = client.scope.split(' ').filter(Boolean)
  const scope = named.length === 0 ? scopes : named.filter(each => scopes.includes(each))
  return {
    ...client,
    first_party: false,
    grant_types: client.grant_types.filter(grant => GRANTS.has(grant)),
    protected_resources: [],
    token_exchange: [],
    session_exchange: false,
    refresh_grace_seconds: 0,
    scope: scope.join(' '),
    audience: audiences,
  }
}
