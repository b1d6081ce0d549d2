import type { AboutSignIn } from '../base/log-fields.ts'
import type { ErrorCode } from '../base/oauth-errors.ts'

const CLIENT = 'Client authentication failed.'
const ASSERTION = 'The client assertion is not acceptable.'
const CODE = 'The authorization code is invalid, expired, was used, or was issued for another request.'
const DEVICE = 'The device code is invalid, was used, or was issued to another client.'
const SUBJECT = 'The subject token is not acceptable.'
const TOKEN = 'The access token is invalid, expired or revoked.'
const PROOF = 'The DPoP proof is not acceptable, or was used before.'
const NONCE = 'The DPoP proof needs the nonce of the header DPoP-Nonce.'
const REFRESH = 'The refresh token is invalid, expired, revoked or was issued to another client.'

/**
 * Every reason for a refusal, with its code and its public text. The reason itself goes to the log and never leaves the process. Reasons
 * that an attacker must not tell apart share one text.
 */
const REFUSALS = {
  body_too_large: ['body_too_large', 'The request body is too large.'],
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

  exchange_requested_type: ['invalid_request', 'The requested_token_type must be that of an access token.'],
  exchange_subject_type: ['invalid_request', 'The subject_token_type is not supported.'],
  exchange_subject_not_living: ['invalid_request', SUBJECT],
  exchange_subject_not_addressed: ['invalid_request', SUBJECT],
  exchange_subject_of_no_person: ['invalid_request', SUBJECT],
  exchange_actor_type: [
    'invalid_request',
    'The actor_token and its type, that of an access token, belong together.',
  ],
  exchange_actor_refused: ['invalid_request', 'The actor_token must be a token of the client for itself.'],
  exchange_may_not_act: ['invalid_request', 'The subject token names another client that may exchange it.'],
  exchange_by_too_many: ['invalid_request', 'The subject token was exchanged too often.'],
  session_not_registered: [
    'unauthorized_client',
    'The client is not registered for the exchange of sessions.',
  ],
  session_not_living: ['invalid_request', SUBJECT],
  session_answer_malformed: ['invalid_request', SUBJECT],
  session_sign_in_ended: ['invalid_request', SUBJECT],
  session_account_unknown: ['invalid_request', SUBJECT],
  session_account_disabled: ['invalid_request', SUBJECT],
  exchange_of_several_targets: ['invalid_target', 'An exchanged token is for one audience.'],

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
  code_malformed: ['invalid_grant', CODE],
  code_unknown: ['invalid_grant', CODE],
  code_expired: ['invalid_grant', CODE],
  code_replayed: ['invalid_grant', CODE],
  code_replayed_after_end: ['invalid_grant', CODE],
  code_spent_by_failures: ['invalid_grant', CODE],
  code_wrong_client: ['invalid_grant', CODE],
  code_wrong_redirect_uri: ['invalid_grant', CODE],
  code_verifier_malformed: ['invalid_grant', CODE],
  code_wrong_verifier: ['invalid_grant', CODE],
  code_wrong_dpop_key: ['invalid_grant', CODE],
  code_account_disabled: ['invalid_grant', CODE],
  code_epoch_passed: ['invalid_grant', CODE],
  code_session_ended: ['invalid_grant', CODE],
  code_consent_withdrawn: ['invalid_grant', CODE],

  device_pending: ['authorization_pending', 'The person has not decided yet.'],
  device_too_early: ['slow_down', 'Poll less often: the interval is five seconds longer from now on.'],
  device_denied: ['device_denied', 'The person did not allow it.'],
  device_expired: ['expired_token', 'The device code has expired. Ask for another one.'],
  device_malformed: ['invalid_grant', DEVICE],
  device_unknown: ['invalid_grant', DEVICE],
  device_spent: ['invalid_grant', DEVICE],
  device_wrong_client: ['invalid_grant', DEVICE],
  device_account_disabled: ['invalid_grant', DEVICE],
  device_epoch_passed: ['invalid_grant', DEVICE],
  device_consent_withdrawn: ['invalid_grant', DEVICE],

  refresh_malformed: ['invalid_grant', REFRESH],
  refresh_unknown_family: ['invalid_grant', REFRESH],
  refresh_wrong_salt: ['invalid_grant', REFRESH],
  refresh_revoked: ['invalid_grant', REFRESH],
  refresh_idle: ['invalid_grant', REFRESH],
  refresh_expired: ['invalid_grant', REFRESH],
  refresh_epoch_passed: ['invalid_grant', REFRESH],
  refresh_account_disabled: ['invalid_grant', REFRESH],
  refresh_wrong_client: ['invalid_grant', REFRESH],
  refresh_wrong_sender_key: ['invalid_grant', REFRESH],
  refresh_wrong_transport: ['invalid_grant', REFRESH],
  refresh_reused: ['invalid_grant', REFRESH],
  refresh_forged: ['invalid_grant', REFRESH],
  refresh_pepper_gone: ['invalid_grant', REFRESH],
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
    const [code, description] = REFUSALS[reason]
    super(`${code}: ${reason}`)
    this.reason = reason
    this.code = code
    this.description = description
    this.detail = detail
  }
}
