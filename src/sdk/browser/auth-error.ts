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
  fields?: Readonly<Record<string, string>>
  /** `handle` of a sign-in that needs a second factor. */
  problem?: Readonly<Record<string, unknown>>
  cause?: unknown
}>

/** The one error that this library throws. */
export class AuthError extends Error {
  override readonly name = 'AuthError'
  declare readonly code: AuthErrorCode
  declare readonly reason: string | undefined
  declare readonly status: number | undefined
  declare readonly retry_after_seconds: number | undefined
  declare readonly fields: Readonly<Record<string, string>>
  declare readonly problem: Readonly<Record<string, unknown>>

  constructor(code: AuthErrorCode, message: string, detail: Detail = {}) {
    super(message, detail)
    Object.assign(this, { fields: {}, problem: {} }, detail, { code })
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
