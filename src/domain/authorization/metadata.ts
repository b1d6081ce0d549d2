import { ACR_VALUES } from '../oauth/acr.ts'
import { AUTH_METHODS } from '../oauth/client.ts'
import { DPOP_ALGORITHMS } from '../oauth/dpop-proof.ts'
import { CLAIMS, IDENTITY_SCOPES } from '../oauth/identity-claims.ts'

/** OpenID Connect Core §3.1.2.1, OpenID Connect Prompt Create §4.1 */
const PROMPTS = ['none', 'login', 'consent', 'select_account', 'create']

/** What the metadata depend on. */
type Described = Readonly<{
  issuer: string
  grant_types: readonly string[]
  /** Whether every client has to push its authorization requests. */
  isPushRequired: boolean
  /** Whether clients may register themselves, if with an initial access token. */
  isRegistrationOpen: boolean
  /** Whether a client may be described by a document at its `client_id`. */
  areDocumentsTaken: boolean
  /** RFC 7523: the profiles of assertions of listed issuers. Empty where none is listed. */
  grant_profiles: readonly string[]
  /** The algorithms in which clients may sign assertions and request objects. */
  signing_algorithms: readonly string[]
}>

/**
 * RFC 8414 §2, OpenID Connect Discovery §3 – The metadata of the server, derived from the registered grants.
 * Members without a value are absent.
 */
export const authorizationServerMetadata = (server: Described) => {
  const {
    issuer,
    grant_types,
    isPushRequired,
    isRegistrationOpen,
    areDocumentsTaken,
    grant_profiles,
    signing_algorithms,
  } = server
  const confidential = AUTH_METHODS.filter(method => method !== 'none')
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    // RFC 9126 §5
    pushed_authorization_request_endpoint: `${issuer}/par`,
    require_pushed_authorization_requests: isPushRequired,
    // RFC 8628 §4
    device_authorization_endpoint: `${issuer}/device_authorization`,
    // RFC 7591 §3
    ...(isRegistrationOpen ? { registration_endpoint: `${issuer}/register` } : {}),
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    code_challenge_methods_supported: ['S256'],
    // RFC 9207 §3
    authorization_response_iss_parameter_supported: true,
    prompt_values_supported: PROMPTS,
    // RFC 9101 §10.5, OpenID Connect Discovery §3: of request_uri those of /par alone, and absent would mean true.
    request_parameter_supported: true,
    request_uri_parameter_supported: false,
    require_signed_request_object: false,
    request_object_signing_alg_values_supported: signing_algorithms,
    scopes_supported: IDENTITY_SCOPES,
    claims_supported: CLAIMS,
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
    userinfo_endpoint: `${issuer}/userinfo`,
    // OpenID Connect RP-Initiated Logout §2.1
    end_session_endpoint: `${issuer}/logout`,
    // OpenID Connect Back-Channel Logout §2.1
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    // draft-ietf-oauth-client-id-metadata-document §5
    ...(areDocumentsTaken ? { client_id_metadata_document_supported: true } : {}),
    token_endpoint: `${issuer}/token`,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: signing_algorithms,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    grant_types_supported: grant_types,
    // draft-ietf-oauth-identity-assertion-authz-grant
    ...(grant_profiles.length > 0 ? { authorization_grant_profiles_supported: grant_profiles } : {}),
    // RFC 9449 §5.1
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: signing_algorithms,
    global_token_revocation_endpoint: `${issuer}/global-token-revocation`,
    // RFC 9470 §7
    acr_values_supported: ACR_VALUES,
    status_list_aggregation_endpoint: `${issuer}/status-lists`,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: confidential,
    introspection_endpoint_auth_signing_alg_values_supported: signing_algorithms,
  }
}
