/** Why a request was not sent. */
export const OUTBOUND_REFUSALS = [
  'url_malformed',
  'user_information',
  /** Neither https nor, to an allowed address, http. */
  'scheme_refused',
  /** An internal or special-use address that OUTBOUND_ALLOW does not name. */
  'address_refused',
  /** No slot became free in time. */
  'busy',
] as const
export type OutboundRefusal = (typeof OUTBOUND_REFUSALS)[number]

/** Why a request has no answer. The receiver may have got it. */
export const OUTBOUND_FAILURES = [
  'name_unresolved',
  'unreachable',
  'tls_failed',
  'timed_out',
  'broken_off',
  'answer_malformed',
  'headers_too_large',
  'body_too_large',
  /** A Content-Encoding that was not asked for. */
  'body_encoded',
  /** This server is stopping. */
  'stopped',
] as const
export type OutboundFailure = (typeof OUTBOUND_FAILURES)[number]
