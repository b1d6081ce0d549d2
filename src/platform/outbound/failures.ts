import { errorCodeOf } from '../../domain/base/error-code.ts'
import type { OutboundFailure } from '../../domain/outbound/outbound-verdicts.ts'

/** By a pattern for the codes of Node's sockets, of its HTTP parser and of OpenSSL. The first match counts. */
const FAILURES: readonly (readonly [RegExp, OutboundFailure])[] = [
  [/^(?:ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT|EACCES|EPERM)$/, 'unreachable'],
  [/^HPE_HEADER_OVERFLOW$/, 'headers_too_large'],
  [/^HPE_/, 'answer_malformed'],
  [/CERT|_TLS_|_SSL_|^EPROTO$|^UNABLE_TO_|SELF_SIGNED|^HOSTNAME_MISMATCH$|^CRL_|^INVALID_/, 'tls_failed'],
  // Names of headers and the like, which come from this process.
  [/^(?!ERR_(?:INVALID|HTTP|UNESCAPED)_)./, 'broken_off'],
]

/** Null for an error that no other server can cause. */
export const outboundFailureOf = (error: unknown): OutboundFailure | null => {
  const code = errorCodeOf(error) ?? ''
  return FAILURES.find(([pattern]) => pattern.test(code))?.[1] ?? null
}
