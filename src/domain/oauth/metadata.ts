import { ACR_VALUES } from './acr.ts'
import { AUTH_METHODS } from './client.ts'

/**
 * RFC 8414 §2 – The metadata of the authorization server, derived from the registered grants. Members without a value are absent;
 * `response_types_supported`, which §2 requires, is empty while there is no authorization endpoint.
 */
export const authorizationServerMetadata = (server: {
  issuer: string
  grant_types: readonly string[]
  assertion_algorithms: readonly string[]
}) => {
  const { issuer, grant_types, assertion_algorithms } = server
  const confidential = AUTH_METHODS.filter(method => method !== 'none')
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: assertion_algorithms,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    response_types_supported: [],
    grant_types_supported: grant_types,
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: assertion_algorithms,
    global_token_revocation_endpoint: `${issuer}/global-token-revocation`,
    // RFC 9470 §7
    acr_values_supported: ACR_VALUES,
    status_list_aggregation_endpoint: `${issuer}/status-lists`,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: assertion_algorithms,
  }
}
