/**
 * Why a call failed.
 *
 * - `network`: no answer within ten seconds, or no connection. The sign-in is kept; try again.
 * - `server`: a 5xx or an answer that is not Signet's. The sign-in is kept; try again.
 * - `rate_limited`: too many requests; `retry_after_seconds` says when to try again. The sign-in is kept.
 * - `signed_out`: this browser has no sign-in, or the server has ended it. Show a way to sign in.
 * - `refused`: the server refused the request; `reason` has its code, and `fields` the form's fields that are wrong.
 * - `callback`: the address of the callback does not belong to a sign-in that this tab began.
 */
export type AuthErrorCode = 'network' | 'server' | 'rate_limited' | 'signed_out' | 'refused' | 'callback'

type Detail = Readonly<{
  /** The code of the server: `error` of RFC 6749, or `code` of the account API's problem details. */
  reason?: string | undefined
  status?: number | undefined
  retry_after_seconds?: number | undefined
  /** The wrong fields of a form, each with what to say beside it. */
  fields?: Readonly<Record<string, string>> | undefined
  /** `handle` of a sign-in that needs a second factor. */
  problem?: Readonly<Record<string, unknown>> | undefined
  cause?: unknown
}>

/** The one error that this library throws. */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  readonly code: AuthErrorCode
  readonly reason: string | undefined
  readonly status: number | undefined
  readonly retry_after_seconds: number | undefined
  readonly fields: Readonly<Record<string, string>>
  readonly problem: Readonly<Record<string, unknown>>

  constructor(code: AuthErrorCode, message: string, detail: Detail = {}) {
    super(message, detail.cause === undefined ? {} : { cause: detail.cause })
    this.code = code
    this.reason = detail.reason
    this.status = detail.status
    this.retry_after_seconds = detail.retry_after_seconds
    this.fields = detail.fields ?? {}
    this.problem = detail.problem ?? {}
  }

  /** True where the same call can succeed later, and the sign-in is kept meanwhile. */
  get isTemporary(): boolean {
    return this.code === 'network' || this.code === 'server' || this.code === 'rate_limited'
  }
}

export const asAuthError = (error: unknown): AuthError =>
  error instanceof AuthError
    ? error
    : new AuthError('network', 'The server could not be reached.', { cause: error })
