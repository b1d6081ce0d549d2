import type { Reason } from '../oauth/oauth-error.ts'
import type { CodeVerdict } from './authorization-code.ts'

/** RFC 6749 §5.2, RFC 8707 §2.2 – The reason for which a code is refused, by its verdict. The reasons are told apart in the log alone. */
export const CODE_REFUSALS = {
  replayed: 'code_replayed',
  replayed_after_end: 'code_replayed_after_end',
  unknown_code: 'code_unknown',
  expired: 'code_expired',
  spent_by_failures: 'code_spent_by_failures',
  wrong_client: 'code_wrong_client',
  wrong_redirect_uri: 'code_wrong_redirect_uri',
  wrong_verifier: 'code_wrong_verifier',
  wrong_dpop_key: 'code_wrong_dpop_key',
  resource_exceeded: 'resource_not_granted',
  account_disabled: 'code_account_disabled',
  epoch_passed: 'code_epoch_passed',
  session_ended: 'code_session_ended',
  consent_withdrawn: 'code_consent_withdrawn',
} as const satisfies Record<Exclude<CodeVerdict, 'redeemed' | 'repeated'>, Reason>
