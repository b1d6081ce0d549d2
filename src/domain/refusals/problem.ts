import type { AboutSignIn, ProblemReason } from '../base/log-fields.ts'

/** RFC 9457 – Every problem that the account API and the administration may answer: the stable `code`, its HTTP status and its title. */
export const PROBLEMS = {
  REQUEST_MALFORMED: [400, 'The request body is not well-formed JSON.'],
  LINK_INVALID: [400, 'This link is invalid or has expired. Please request a new one.'],
  FORM_UNREADABLE: [400, 'The form could not be read.'],
  AUTHORIZATION_REQUEST_INVALID: [400, 'The application that sent you here made a mistake.'],
  PAGE_EXPIRED: [400, 'This page has expired.'],
  PAGE_FOREIGN: [400, 'This page belongs to another browser, or cookies are blocked.'],
  ORIGIN_NOT_ALLOWED: [403, 'Requests from this origin are not allowed.'],
  SIGN_UP_CLOSED: [403, 'Accounts are opened by the operator of this server alone.'],
  INVITATION_NEEDED: [
    403,
    'Accounts are opened by invitation here. Ask the operator of this server for one, and open the link in its mail.',
  ],
  INVITATION_INVALID: [
    403,
    'This invitation is not valid, has been used or has expired. Ask the operator of this server for another one.',
  ],
  SCOPE_INSUFFICIENT: [403, 'The access token does not permit this request.'],
  AUTHENTICATION_UNMET: [403, 'This account cannot reach the requested authentication level.'],
  AUTH_TOTP_CLOSED: [
    403,
    'Too many wrong codes of the authenticator application. Use a passkey or a recovery code, or reset the password.',
  ],
  AUTH_CREDENTIALS_INVALID: [401, 'E-mail or password is wrong.'],
  AUTH_TOKEN_MISSING: [401, 'A token is required.'],
  AUTH_TOKEN_INVALID: [401, 'The token is not valid.'],
  AUTH_TOKEN_EXPIRED: [401, 'The token has expired.'],
  AUTH_PROOF_INVALID: [401, 'The DPoP proof is not valid.'],
  AUTH_PROOF_NONCE_NEEDED: [401, 'The DPoP proof needs the nonce of the header DPoP-Nonce.'],
  AUTH_SECOND_FACTOR_REQUIRED: [401, 'A second factor is required.'],
  AUTH_SECOND_FACTOR_INVALID: [401, 'The second factor is wrong or has already been used.'],
  AUTH_CEREMONY_OVER: [401, 'This attempt has expired. Please start again.'],
  AUTH_STEP_UP_REQUIRED: [401, 'A more recent or stronger sign-in is required.'],
  NOT_FOUND: [404, 'This resource does not exist.'],
  MAIL_OFF: [404, 'This server sends no mail.'],
  METHOD_NOT_ALLOWED: [405, 'This method is not supported here.'],
  UPSTREAM_OVER: [400, 'This sign-in at another provider is over. Please start again.'],
  UPSTREAM_INVALID: [400, 'The answer of the other provider could not be verified.'],
  UPSTREAM_NOT_RECENT: [403, 'The other provider does not confirm a recent sign-in.'],
  UPSTREAM_NOT_ADMITTED: [403, 'This identity has no account here.'],
  UPSTREAM_TAKEN: [409, 'This identity is linked to another account.'],
  UPSTREAM_LAST_WAY: [409, 'This is the last way to sign in to the account.'],
  UPSTREAM_AWAY: [503, 'The other provider does not answer. Try again later.'],
  CHANGED_MEANWHILE: [412, 'This has been changed meanwhile. Look at it again, and then decide.'],
  KEYS_UNCHANGED: [409, 'The signing keys were not changed.'],
  CLIENT_ID_TAKEN: [409, 'Another client has this client_id already.'],
  CLIENTS_FULL: [409, 'There are as many clients as a server keeps. Delete one first.'],
  CLIENT_READ_ONLY: [409, 'This client is registered elsewhere: in CLIENTS_FILE, or by itself.'],
  CLIENT_WITHOUT_SECRET: [409, 'This client authenticates without a secret.'],
  EXTERNAL_ID_TAKEN: [409, 'Another account has this external id already.'],
  CURSOR_GONE: [410, 'This cursor is no longer known. Start again without a cursor.'],
  EMAIL_TAKEN: [409, 'An account with this e-mail already exists.'],
  FACTOR_EXISTS: [409, 'This factor already exists.'],
  FACTOR_LAST_WAY: [409, 'This is the last way to sign in to the account.'],
  RECOVERY_CODES_CHANGED: [
    409,
    'New recovery codes have just been created. Use those, or try again in a moment.',
  ],
  PAYLOAD_TOO_LARGE: [413, 'The request body is too large.'],
  CONTENT_TYPE_UNSUPPORTED: [415, 'The content type must be application/json.'],
  FIELDS_INVALID: [422, 'Some fields are invalid.'],
  RATE_LIMITED: [429, 'Too many requests. Try again later.'],
  INTERNAL: [500, 'Something went wrong here.'],
  TIME_UNSUPPORTED: [501, 'Only the current status is available.'],
  UNAVAILABLE: [503, 'Temporarily unavailable. Try again later.'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemCode = keyof typeof PROBLEMS

/** A field that was refused: `pointer` is a JSON pointer in URI fragment form (RFC 6901 §6), as in RFC 9457 §3. */
export type FieldError = Readonly<{ pointer: string; detail: string }>

/** The details of a refusal beside its code. */
type Told<C extends ProblemCode> = Readonly<{
  /** For the log alone: the reason, and the sign-in that is refused. */
  reason?: ProblemReason<C>
  about?: AboutSignIn
  errors?: readonly FieldError[]
  /** Whole seconds after which the client should retry. */
  retry_after_seconds?: number
  /** RFC 9457 §3.2 – Extension members. */
  members?: Readonly<Record<string, unknown>>
  /** RFC 9470 §3 – The authentication that would suffice. */
  demand?: Demand
  /** A refusal of an OAuth request that this one translates. The log names its reason. */
  cause?: Error
}>

type Demand = Readonly<{ acr_values: string | null; max_age_seconds: number | null }>

/** Each code with the details that it may have. */
type Arguments = { [C in ProblemCode]: readonly [code: C, told?: Told<C>] }[ProblemCode]

/** A refusal of the account API. The code decides the status and the public text. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly reason: ProblemReason | null
  readonly errors: readonly FieldError[]
  readonly retry_after_seconds: number | null
  readonly members: Readonly<Record<string, unknown>>
  readonly demand: Demand | null
  #about: AboutSignIn

  constructor(...[code, told = {}]: Arguments) {
    super(told.reason === undefined ? code : `${code}: ${told.reason}`, { cause: told.cause })
    this.code = code
    this.reason = told.reason ?? null
    this.errors = told.errors ?? []
    this.retry_after_seconds = told.retry_after_seconds ?? null
    this.members = told.members ?? {}
    this.demand = told.demand ?? null
    this.#about = told.about ?? {}
  }

  /** What is known of the sign-in that is refused, for the log alone. */
  get about(): AboutSignIn {
    return this.#about
  }

  /** The same refusal, of a sign-in of which this is known too. */
  naming(about: AboutSignIn): this {
    this.#about = { ...about, ...this.#about }
    return this
  }
}

/** A refusal of one field. */
export const fieldInvalid = (error: FieldError, told: Told<'FIELDS_INVALID'> = {}): Problem =>
  new Problem('FIELDS_INVALID', { ...told, errors: [error] })
