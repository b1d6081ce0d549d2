import { DPOP_ALGORITHMS } from '../../domain/oauth/dpop-proof.ts'

type RefusalRow = readonly [status: 400 | 401 | 403 | 503, error: string | null, description: string]

/** Keeps the codes as a union, and the texts out of the types of the package, which are packed twice. */
const refusalTable = <Code extends string>(rows: Readonly<Record<Code, RefusalRow>>) => rows

/**
 * RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3 – Every way in which a token is refused: the HTTP status, the `error` of the challenge
 * (null where the RFC wants none), and the public text. The code is for the service's own log and tests.
 */
export const REFUSALS = refusalTable({
  token_missing: [401, null, 'An access token is required.'],
  request_malformed: [400, 'invalid_request', 'The request must carry exactly one well-formed bearer token.'],
  token_malformed: [401, 'invalid_token', 'The access token is malformed.'],
  token_type: [401, 'invalid_token', 'The token is not an access token of the kind that is accepted here.'],
  key_unknown: [401, 'invalid_token', 'The access token is signed by an unknown key.'],
  signature_invalid: [401, 'invalid_token', 'The signature of the access token is invalid.'],
  issuer_mismatch: [401, 'invalid_token', 'The access token is of another issuer.'],
  audience_mismatch: [401, 'invalid_token', 'The access token is for another audience.'],
  claims_invalid: [401, 'invalid_token', 'A claim of the access token is missing or malformed.'],
  token_expired: [401, 'invalid_token', 'The access token expired.'],
  token_not_yet_valid: [401, 'invalid_token', 'The access token is not valid yet.'],
  token_bound: [401, 'invalid_token', 'The access token is bound to a key and no bearer token.'],
  token_not_bound: [401, 'invalid_token', 'An access token that is bound to a key is required here.'],
  key_mismatch: [401, 'invalid_token', 'The access token is bound to another key than that of the proof.'],
  proof_invalid: [401, 'invalid_dpop_proof', 'The DPoP proof is not acceptable, or was used before.'],
  nonce_needed: [401, 'use_dpop_nonce', 'The DPoP proof needs the nonce of the header DPoP-Nonce.'],
  token_revoked: [401, 'invalid_token', 'The access token was revoked.'],
  scope_insufficient: [403, 'insufficient_scope', 'The access token lacks a scope that is required here.'],
  role_insufficient: [403, 'insufficient_scope', 'The access token lacks a role that is required here.'],
  authentication_insufficient: [
    401,
    'insufficient_user_authentication',
    'A stronger or more recent sign-in is required here.',
  ],
  keys_unavailable: [503, null, 'The keys of the issuer cannot be had at the moment.'],
  revocations_stale: [503, null, 'Whether the access token was revoked cannot be told at the moment.'],
})

export type TokenErrorCode = keyof typeof REFUSALS

/** Parameters of a challenge (RFC 9110 §11.2). The values come from the service's own code, never from a token. */
export type ChallengeParameters = Readonly<Record<string, string>>

/** `isDpopOffered`: a request without a token is told that it may come with a proof. */
type Told = Readonly<{ cause?: unknown; isDpopTaken?: boolean; isDpopOffered?: boolean }>

/** The error of every refused token, with the reason and the answer to send. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly code: TokenErrorCode
  /** The HTTP status to answer with. */
  readonly status: 400 | 401 | 403 | 503
  /** RFC 6750 §3, RFC 9449 §7.1 – The value of WWW-Authenticate. */
  readonly challenge: string
  /** RFC 9449 §9 – The value of DPoP-Nonce; null where no nonce is asked for. */
  nonce: string | null = null

  constructor(
    code: TokenErrorCode,
    parameters: ChallengeParameters = {},
    { cause, isDpopTaken = false, isDpopOffered = false }: Told = {},
  ) {
    const [status, error, description] = REFUSALS[code]
    super(description, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = status
    const fault = error === null ? {} : { error, error_description: description }
    const isAboutBinding = isDpopTaken && BINDING_CODES.has(code)
    const challenge = challengeOf(
      isAboutBinding ? 'DPoP' : 'Bearer',
      fault,
      isAboutBinding ? DPOP : {},
      parameters,
    )
    // RFC 9110 §11.6.1 – Both schemes, where the request has used none.
    this.challenge =
      isDpopOffered && code === 'token_missing'
        ? [challenge, challengeOf('DPoP', DPOP)].join(', ')
        : challenge
  }

  withNonce(nonce: string | undefined): this {
    this.nonce = nonce ?? null
    return this
  }
}

/** RFC 9449 §7.1 */
const DPOP: ChallengeParameters = { algs: DPOP_ALGORITHMS.join(' ') }

/** The refusals that say how a token has to be presented. */
const BINDING_CODES: ReadonlySet<TokenErrorCode> = new Set([
  'token_bound',
  'token_not_bound',
  'key_mismatch',
  'proof_invalid',
  'nonce_needed',
])

const challengeOf = (scheme: 'Bearer' | 'DPoP', ...groups: readonly ChallengeParameters[]): string => {
  const parameters = groups.flatMap(group => Object.entries(group))
  return [scheme, parameters.map(([name, value]) => `${name}="${quotable(value)}"`).join(', ')]
    .join(' ')
    .trimEnd()
}

/** RFC 9110 §5.6.4 – Defence in depth: requirements and options were checked when they were made. */
const quotable = (value: string): string => value.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')

/** The answer of a guard. RFC 6750 §3: no challenge where the credentials are not at fault. */
export type Answer = Readonly<{
  status: 400 | 401 | 403 | 503
  headers: Readonly<Record<string, string>>
  body: Readonly<Record<string, string>>
}>

export const answerFor = (error: TokenError): Answer => {
  const [status, code, error_description] = REFUSALS[error.code]
  const nonce = error.nonce === null ? {} : { 'DPoP-Nonce': error.nonce }
  const headers = status === 503 ? { 'Retry-After': '5' } : { 'WWW-Authenticate': error.challenge, ...nonce }
  return {
    status,
    headers: { ...headers, 'Cache-Control': 'no-store' },
    body: code === null ? { error_description } : { error: code, error_description },
  }
}
