/**
 * RFC 6749 §4.1.2.1, §5.2, RFC 6750 §3.1, RFC 7591 §3.2.2, RFC 8707 §2, RFC 9449 §5, §7.1, §8, OpenID Connect Core §3.1.2.6 – The errors of the OAuth
 * endpoints: the HTTP status and the `error` on the wire. An error that is only ever answered by a redirect has the status that a page
 * would have.
 */
export const ERRORS = {
  invalid_request: [400, 'invalid_request'],
  invalid_client: [401, 'invalid_client'],
  invalid_grant: [400, 'invalid_grant'],
  unauthorized_client: [400, 'unauthorized_client'],
  unsupported_grant_type: [400, 'unsupported_grant_type'],
  invalid_scope: [400, 'invalid_scope'],
  invalid_target: [400, 'invalid_target'],
  token_missing: [401, 'invalid_token'],
  invalid_token: [401, 'invalid_token'],
  invalid_dpop_proof: [400, 'invalid_dpop_proof'],
  use_dpop_nonce: [400, 'use_dpop_nonce'],
  /** The same of a proof that comes with an access token. */
  token_proof_invalid: [401, 'invalid_dpop_proof'],
  token_nonce_needed: [401, 'use_dpop_nonce'],
  /** Of a token that is to be presented with a proof. */
  token_proof_needed: [401, 'invalid_token'],
  insufficient_scope: [403, 'insufficient_scope'],
  /** RFC 7591 §3.2.2 */
  invalid_redirect_uri: [400, 'invalid_redirect_uri'],
  invalid_client_metadata: [400, 'invalid_client_metadata'],
  registration_token_missing: [401, 'invalid_token'],
  not_found: [404, 'invalid_request'],
  method_not_allowed: [405, 'invalid_request'],
  body_too_large: [413, 'invalid_request'],
  too_many_requests: [429, 'temporarily_unavailable'],
  access_denied: [403, 'access_denied'],
  /** RFC 8628 §3.5 – Answers of the token endpoint, where RFC 6749 §5.2 has 400 for `access_denied` too. */
  authorization_pending: [400, 'authorization_pending'],
  slow_down: [400, 'slow_down'],
  expired_token: [400, 'expired_token'],
  device_denied: [400, 'access_denied'],
  unsupported_response_type: [400, 'unsupported_response_type'],
  request_uri_not_supported: [400, 'request_uri_not_supported'],
  invalid_request_object: [400, 'invalid_request_object'],
  invalid_request_uri: [400, 'invalid_request_uri'],
  login_required: [400, 'login_required'],
  account_selection_required: [400, 'account_selection_required'],
  consent_required: [400, 'consent_required'],
  interaction_required: [400, 'interaction_required'],
  /** OpenID Connect Core Error Code unmet_authentication_requirements 1.0 */
  unmet_authentication_requirements: [400, 'unmet_authentication_requirements'],
} as const

export type ErrorCode = keyof typeof ERRORS

/** RFC 7591 §3.2.2 – The author of a client is told which member is wrong, which is the cause. No other cause leaves the process. */
const CAUSE_TOLD: ReadonlySet<ErrorCode> = new Set(['invalid_client_metadata', 'invalid_redirect_uri'])

const CAUSE_MOST_CHARACTERS = 300

/** RFC 6749 §5.2 – What a client is told of a refusal, in the characters that a description may have. */
export const describeRefusal = (
  code: ErrorCode,
  { text, cause }: Readonly<{ text: string; cause: string | undefined }>,
): string => {
  if (cause === undefined || !CAUSE_TOLD.has(code)) return text
  const told = cause.slice(0, CAUSE_MOST_CHARACTERS).replaceAll('"', "'")
  return `${text} ${told.replaceAll(/[^\x20-\x5b\x5d-\x7e]/g, '?')}`
}
