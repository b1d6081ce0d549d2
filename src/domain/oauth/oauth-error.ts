import type { AboutSignIn } from '../base/log-fields.ts'
import { GRANT_REFUSALS } from '../refusals/grant-refusals.ts'
import { describeRefusal, type ErrorCode } from '../refusals/oauth-errors.ts'

const CLIENT = 'Client authentication failed.'
const ASSERTION = 'The client assertion is not acceptable.'
const TOKEN = 'The access token is invalid, expired or revoked.'
const PROOF = 'The DPoP proof is not acceptable, or was used before.'
const NONCE = 'The DPoP proof needs the nonce of the header DPoP-Nonce.'

/**
 * Every reason for a refusal, with its code and its public text. The reason itself goes to the log and never leaves the process. Reasons
 * that an attacker must not tell apart share one text.
 */
const REFUSALS = {
  body_too_large: ['body_too_large', 'The request body is too large.'],
  address_unknown: ['not_found', 'There is nothing at this address.'],
  method_not_allowed: [
    'method_not_allowed',
    'This address takes other methods, which the header Allow lists.',
  ],
  body_cut_off: ['invalid_request', 'The request body is incomplete.'],
  body_unreadable: ['invalid_request', 'The request body is not well-formed form data in UTF-8.'],
  content_type: ['invalid_request', 'The content type must be application/x-www-form-urlencoded.'],
  parameter_in_query: ['invalid_request', 'Parameters belong in the request body, not in the query.'],
  parameter_repeated: ['invalid_request', 'A parameter is given more than once.'],
  parameter_missing: ['invalid_request', 'A required parameter is missing.'],
  parameter_malformed: [
    'invalid_request',
    'A parameter holds characters that it may not hold, or is too long.',
  ],

  client_authentication_missing: ['invalid_client', CLIENT],
  client_authentication_scheme: ['invalid_client', CLIENT],
  client_authentication_repeated: ['invalid_request', 'Use exactly one client authentication method.'],
  client_id_mismatch: ['invalid_request', 'client_id differs from the client that authenticates.'],
  client_unknown: ['invalid_client', CLIENT],
  client_document_refused: ['invalid_client', CLIENT],
  client_withheld: ['invalid_client', CLIENT],
  client_document_limit: ['too_many_requests', 'Too many unknown clients. Try again later.'],
  client_method_not_registered: ['invalid_client', CLIENT],
  client_secret_wrong: ['invalid_client', CLIENT],
  client_credentials_malformed: ['invalid_client', CLIENT],
  assertion_type_unsupported: ['invalid_client', ASSERTION],
  assertion_malformed: ['invalid_client', ASSERTION],
  assertion_signature: ['invalid_client', ASSERTION],
  assertion_claims: ['invalid_client', ASSERTION],
  assertion_lifetime: ['invalid_client', ASSERTION],
  assertion_replayed: ['invalid_client', ASSERTION],
  token_failures_limit: ['too_many_requests', 'Too many failed attempts. Try again later.'],

  refresh_limit: ['too_many_requests', 'Too many refreshes of one sign-in. Try again later.'],
  push_limit: ['too_many_requests', 'Too many pushed requests. Try again later.'],
  device_limit: ['too_many_requests', 'Too many device codes. Try again later.'],
  revoke_limit: ['too_many_requests', 'Too many revocations. Try again later.'],

  registration_off: ['not_found', 'This server registers no clients.'],
  registration_not_json: [
    'invalid_client_metadata',
    'The body must be a JSON object of the type application/json.',
  ],
  registration_metadata: ['invalid_client_metadata', 'The client metadata cannot be registered.'],
  registration_redirect_uri: ['invalid_redirect_uri', 'A redirect URI cannot be registered.'],
  registration_limit: ['too_many_requests', 'Too many registrations. Try again later.'],
  registration_token_missing: ['registration_token_missing', 'A bearer token is needed here.'],
  initial_access_token_invalid: ['invalid_token', 'The initial access token is unknown, expired or used up.'],
  registration_token_invalid: [
    'invalid_token',
    'The registration access token is not the one of this client.',
  ],
  registration_deleted: ['invalid_token', 'The registration access token is not the one of this client.'],
  registration_refused: ['access_denied', 'An operator has disabled this client.'],

  token_missing: ['token_missing', 'An access token is needed here.'],
  token_shown_twice: ['invalid_request', 'Send the access token in exactly one way.'],
  token_not_bearer: ['invalid_token', TOKEN],
  token_not_living: ['invalid_token', TOKEN],
  bound_token_not_living: ['token_proof_needed', TOKEN],
  token_of_no_account: ['invalid_token', TOKEN],
  token_of_a_client: ['insufficient_scope', 'The access token is of a client that acts for itself.'],
  token_without_openid: ['insufficient_scope', 'The access token was issued without the scope openid.'],

  dpop_proof_missing: ['invalid_dpop_proof', 'The client has to send a DPoP proof.'],
  dpop_proof_invalid: ['invalid_dpop_proof', PROOF],
  dpop_nonce_needed: ['use_dpop_nonce', NONCE],
  token_bound: ['token_proof_needed', 'The access token is bound to a key: present it with a DPoP proof.'],
  token_not_bound: ['token_proof_needed', TOKEN],
  token_of_another_key: ['token_proof_needed', TOKEN],
  token_proof_invalid: ['token_proof_invalid', PROOF],
  token_nonce_needed: ['token_nonce_needed', NONCE],

  grant_type_unsupported: ['unsupported_grant_type', 'This grant type is not supported.'],
  grant_type_not_registered: ['unauthorized_client', 'The client is not registered for this grant type.'],
  public_client: ['unauthorized_client', 'A public client may not do this.'],
  scope_malformed: ['invalid_scope', 'The scope is malformed.'],
  scope_not_registered: ['invalid_scope', 'The scope exceeds what the client is registered for.'],
  scope_not_granted: ['invalid_scope', 'The scope exceeds what was granted.'],
  resource_malformed: ['invalid_target', 'A resource must be an absolute URI without a fragment.'],
  resource_not_registered: ['invalid_target', 'The client may not ask for tokens for this resource.'],
  resource_none_allowed: ['invalid_target', 'The client may not ask for tokens for any resource.'],
  resource_mixed: ['invalid_target', 'A token for the issuer is for nothing else.'],
  token_too_long: ['invalid_target', 'The access token would be too long: ask for fewer resources.'],
  token_too_long_by_scope: ['invalid_scope', 'The access token would be too long: ask for less scope.'],
  resource_not_granted: ['invalid_target', 'The resource exceeds what was granted.'],

  response_type_unsupported: ['unsupported_response_type', 'The only response type is "code".'],
  response_mode_unsupported: ['invalid_request', 'The response mode must be "query" or "form_post".'],
  request_object_unverified: [
    'invalid_request_object',
    'The request object must be signed, and not encrypted, by a registered key of the client with a registered algorithm.',
  ],
  request_object_claims: [
    'invalid_request_object',
    'The request object must have iss and client_id of the client, aud of this server, no sub of the client, and the type oauth-authz-req+jwt or JWT.',
  ],
  request_object_lifetime: [
    'invalid_request_object',
    'The request object must have exp within an hour, or iat within ten minutes, and be valid now.',
  ],
  request_object_parameter: [
    'invalid_request_object',
    'A parameter in the request object may not be there, or is neither a text nor a number.',
  ],
  request_object_contradicted: [
    'invalid_request_object',
    'client_id and response_type beside the request object must be those in it.',
  ],
  request_not_signed: ['invalid_request', 'The client has to send its requests in signed request objects.'],
  request_and_request_uri: ['invalid_request', 'Use either request or request_uri.'],
  request_uri_unsupported: [
    'request_uri_not_supported',
    'A request_uri comes from /par: no other address is fetched.',
  ],
  request_uri_invalid: [
    'invalid_request_uri',
    'The request_uri is invalid, expired, was used, or is of another client.',
  ],
  request_uri_pushed: ['invalid_request', 'A pushed request holds no request_uri.'],
  redirect_uri_not_registered: ['invalid_request', 'The redirect_uri is not registered for the client.'],
  request_not_pushed: ['invalid_request', 'The client has to push its requests to /par.'],
  code_challenge_missing: [
    'invalid_request',
    'A code_challenge with code_challenge_method S256 is required.',
  ],
  code_challenge_malformed: ['invalid_request', 'The code_challenge must be 43 characters of base64url.'],
  code_challenge_method_unsupported: ['invalid_request', 'The code_challenge_method must be S256.'],
  prompt_unknown: ['invalid_request', 'A value of prompt is unknown.'],
  prompt_none_with_another: ['invalid_request', 'The prompt "none" stands alone.'],
  max_age_malformed: ['invalid_request', 'max_age must be a whole number of seconds.'],
  id_token_hint_invalid: ['invalid_request', 'The id_token_hint is not an ID token for this client.'],
  dpop_jkt_malformed: ['invalid_request', 'dpop_jkt must be the SHA-256 thumbprint of a key, in base64url.'],
  dpop_jkt_contradicted: ['invalid_request', 'dpop_jkt differs from the key of the DPoP proof.'],
  denied_by_person: ['access_denied', 'The person did not allow it.'],
  login_required: ['login_required', 'The person has to sign in.'],
  account_selection_required: ['account_selection_required', 'The person has to choose an account.'],
  consent_required: ['consent_required', 'The person has to consent.'],
  interaction_required: ['interaction_required', 'The person has to do something first.'],
  authentication_unmet: [
    'unmet_authentication_requirements',
    'The account cannot sign in as strongly as was asked for.',
  ],
  ...GRANT_REFUSALS,
} as const satisfies Record<string, readonly [ErrorCode, string]>

export type Reason = keyof typeof REFUSALS

/** Every reason, for the documents. */
export const OAUTH_REASONS: readonly string[] = Object.keys(REFUSALS)

/** The log fields of a refusal beside its reason. None of them is a secret. */
type Detail = AboutSignIn &
  Readonly<{
    grant_type?: string
    auth_method?: string
    /** The name of the parameter that is missing. */
    parameter?: string
    /** The length of the token that would be too long. */
    characters?: number
    /** What the library says of a client assertion, or what is wrong with a DPoP proof. */
    cause?: string
    /** Whole seconds after which a retry makes sense; told to the client too. */
    retry_after_seconds?: number
  }>

/** A refusal of an OAuth request. The reason decides the code, and with it the status and the public text. One file maps it to the wire. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly reason: Reason
  readonly code: ErrorCode
  readonly description: string
  readonly detail: Detail

  constructor(reason: Reason, detail: Detail = {}) {
    const [code, text] = REFUSALS[reason]
    super(`${code}: ${reason}`)
    this.reason = reason
    this.code = code
    this.description = describeRefusal(code, { text, cause: detail.cause })
    this.detail = detail
  }
}
