/** RFC 9457 – Every problem that the account API may answer: the stable `code`, its HTTP status and its title. */
export const PROBLEMS = {
  REQUEST_MALFORMED: [400, 'The request body is not well-formed JSON.'],
  LINK_INVALID: [400, 'This link is not valid, or not any more.'],
  ORIGIN_NOT_ALLOWED: [403, 'This origin may not do that.'],
  SCOPE_INSUFFICIENT: [403, 'The token may not do that.'],
  AUTHENTICATION_UNMET: [403, 'This account cannot sign in that strongly.'],
  AUTH_TOTP_CLOSED: [
    403,
    'Too many wrong codes of the authenticator application. Use a passkey, a recovery code or a link for a new password.',
  ],
  AUTH_CREDENTIALS_INVALID: [401, 'E-mail or password is wrong.'],
  AUTH_TOKEN_MISSING: [401, 'A token is needed here.'],
  AUTH_TOKEN_INVALID: [401, 'The token is not valid.'],
  AUTH_TOKEN_EXPIRED: [401, 'The token has expired.'],
  AUTH_SECOND_FACTOR_REQUIRED: [401, 'A second factor is needed.'],
  AUTH_SECOND_FACTOR_INVALID: [401, 'The second factor is wrong or was used.'],
  AUTH_CEREMONY_OVER: [401, 'This is over: too late, too many tries, or used. Begin again.'],
  AUTH_STEP_UP_REQUIRED: [401, 'A fresher or stronger sign-in is needed.'],
  NOT_FOUND: [404, 'There is nothing here.'],
  MAIL_OFF: [404, 'This server sends no mail.'],
  METHOD_NOT_ALLOWED: [405, 'This method is not supported here.'],
  CURSOR_GONE: [410, 'This cursor leads nowhere any more. Begin again without one.'],
  EMAIL_TAKEN: [409, 'An account with this e-mail exists.'],
  FACTOR_EXISTS: [409, 'This factor exists.'],
  RECOVERY_CODES_CHANGED: [
    409,
    'New recovery codes have just been made. Use those, or ask again in a moment.',
  ],
  PAYLOAD_TOO_LARGE: [413, 'The request body is too large.'],
  CONTENT_TYPE_UNSUPPORTED: [415, 'The content type must be application/json.'],
  FIELDS_INVALID: [422, 'Some fields are not acceptable.'],
  RATE_LIMITED: [429, 'Too many requests. Try again later.'],
  INTERNAL: [500, 'Something went wrong here.'],
  TIME_UNSUPPORTED: [501, 'Only the present is known here.'],
  UNAVAILABLE: [503, 'Temporarily unavailable. Try again later.'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemCode = keyof typeof PROBLEMS

/** A field that was refused: `pointer` is a JSON pointer in URI fragment form (RFC 6901 §6), as in RFC 9457 §3. */
export type FieldError = Readonly<{ pointer: string; detail: string }>

/** What a refusal tells beside its code. */
export type ProblemMore = Readonly<{
  /** RFC 9457 §3.2 – Extension members. */
  members?: Readonly<Record<string, unknown>>
  /** RFC 9470 §3 – What would be enough. */
  demand?: Readonly<{ acr_values: string | null; max_age_seconds: number | null }>
}>

/** A refusal of the account API. `reason` is for the log alone. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly reason: string
  readonly errors: readonly FieldError[]
  /** Whole seconds after which a retry makes sense; null where none does. */
  readonly retry_after_seconds: number | null
  readonly more: ProblemMore

  constructor(
    code: ProblemCode,
    reason: string = code.toLowerCase(),
    errors: readonly FieldError[] = [],
    retry_after_seconds: number | null = null,
    more: ProblemMore = {},
  ) {
    super(`${code}: ${reason}`)
    this.code = code
    this.reason = reason
    this.errors = errors
    this.retry_after_seconds = retry_after_seconds
    this.more = more
  }
}

/** A refusal of one field. */
export const fieldInvalid = (error: FieldError, reason = 'fields_invalid'): Problem =>
  new Problem('FIELDS_INVALID', reason, [error])
