import type { TokenErrorCode } from './token-error.ts'

/** RFC 6750 §2.1 – Case-insensitive, as every scheme (RFC 9110 §11.1). */
const BEARER = /^bearer(?: |$)/i
const CREDENTIALS = /^bearer +([\w.~+/-]+=*) *$/i

type Presented = Readonly<{ token: string }> | Readonly<{ refusal: TokenErrorCode }>

/**
 * RFC 6750 §2.1 – The token of an Authorization header. A header of another scheme counts as none. Tokens in bodies and
 * queries are ignored, because bodies and queries end up in logs.
 */
export const bearerOf = (authorization: string | null | undefined): Presented => {
  if (typeof authorization !== 'string' || !BEARER.test(authorization)) return { refusal: 'token_missing' }
  const token = CREDENTIALS.exec(authorization)?.[1]
  return token === undefined ? { refusal: 'request_malformed' } : { token }
}
