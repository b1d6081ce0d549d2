import type { ErrorCode } from './oauth-errors.ts'

const SUBJECT = 'The subject token is not acceptable.'
const ID_JAG = 'The assertion is not acceptable.'
const CODE = 'The authorization code is invalid, expired, was used, or was issued for another request.'
const DEVICE = 'The device code is invalid, was used, or was issued to another client.'
const REFRESH = 'The refresh token is invalid, expired, revoked or was issued to another client.'

/** Why a grant was refused: the code and the text for the client, and the reason for the log. */
export const GRANT_REFUSALS = {
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
  refresh_too_old_to_tell: ['invalid_grant', REFRESH],
  refresh_reused: ['invalid_grant', REFRESH],
  refresh_forged: ['invalid_grant', REFRESH],
  refresh_pepper_gone: ['invalid_grant', REFRESH],

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

  id_jag_refused: ['invalid_grant', ID_JAG],
  id_jag_of_another_client: ['invalid_grant', ID_JAG],
  id_jag_issuer_not_for_client: ['invalid_grant', ID_JAG],
  id_jag_account_unknown: ['invalid_grant', ID_JAG],
  id_jag_account_disabled: ['invalid_grant', ID_JAG],
  id_jag_of_another_key: ['invalid_grant', ID_JAG],
  id_jag_replayed: ['invalid_grant', ID_JAG],
} as const satisfies Record<string, readonly [ErrorCode, string]>
