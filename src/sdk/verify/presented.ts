import type { ProofFault } from '../../domain/oauth/dpop-proof.ts'
import { type Claims, keyBindingOf } from './claims.ts'
import type { TokenErrorCode } from './token-error.ts'

/** A request that presents an access token: what the guards read of it. */
export type PresentedRequest = Readonly<{
  authorization: string | null | undefined
  /** The header `DPoP`. */
  proof: string | null | undefined
  method: string
  /** Of the request; its query does not count. */
  path: string
}>

/** RFC 6750 §2.1, RFC 9449 §7.1 – Case-insensitive, as every scheme (RFC 9110 §11.1). */
const SCHEME = /^(bearer|dpop)(?: |$)/i
const CREDENTIALS = /^\w+ +([\w.~+/-]+=*) *$/

/**
 * True also for a token that is malformed, and for one behind credentials of another scheme: a request with it is judged by it, and by nothing
 * else.
 */
export const presentsToken = (authorization: string | null | undefined): boolean =>
  /(?:^|,)\s*(?:bearer|dpop)(?:\s|,|$)/i.test(authorization ?? '')

type Credentials =
  | Readonly<{ scheme: 'bearer' | 'dpop'; token: string }>
  | Readonly<{ refusal: TokenErrorCode }>

/**
 * RFC 6750 §2.1, RFC 9449 §7.1 – The token of an Authorization header. A header of another scheme counts as none. Tokens in bodies and
 * queries are ignored, because bodies and queries end up in logs.
 */
export const credentialsOf = (authorization: string | null | undefined): Credentials => {
  const scheme = typeof authorization === 'string' ? SCHEME.exec(authorization)?.[1] : undefined
  if (typeof authorization !== 'string' || scheme === undefined) return { refusal: 'token_missing' }
  const token = CREDENTIALS.exec(authorization)?.[1]
  if (token === undefined) return { refusal: 'request_malformed' }
  return { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token }
}

/** How a service takes bound tokens. */
export type ProofSettings = Readonly<{
  /** Where clients reach the service, without a slash at the end. */
  public_url: string
  /** True: a request without a token is told of it. */
  isOffered: boolean
  /** True: a bearer token is refused. */
  isRequired: boolean
  /** Null: no nonce is asked for. */
  nonce_secret: string | null
  memory_size: number
}>

type ShownProof = Pick<PresentedRequest, 'proof' | 'method' | 'path'> &
  Readonly<{
    token: string
    /** Thumbprint of the key that the token is bound to. */
    jkt: string
  }>

/** Null for a good proof. `nonce`: what the next proof has to have. */
export type ProofVerdict = Readonly<{ fault: ProofFault | 'foreign_key'; nonce?: string }> | null

/** RFC 9449 §4.3, §7 – `now` in seconds since 1970. */
export type JudgeOwnProof = (shown: ShownProof, now: number) => Promise<ProofVerdict>
export type CreateProofJudge = (settings: ProofSettings) => JudgeOwnProof

type Presented = Readonly<{ claims: Claims; token: string; request: PresentedRequest | null }>
type Misuse = Readonly<{ code: TokenErrorCode; fault?: string; nonce?: string | undefined }> | null

/**
 * RFC 9449 §7.1, §7.2 – Judges whether the sender of a token may use it. No promise for a bearer token, since each turn of the microtask
 * queue costs time.
 */
export const createJudgeBinding = (
  settings: ProofSettings | null,
  createProofJudge: CreateProofJudge | null,
) => {
  const judgeProof = settings === null || createProofJudge === null ? null : createProofJudge(settings)
  return ({ claims, token, request }: Presented, now: number): Misuse | Promise<Misuse> => {
    const binding = keyBindingOf(claims)
    if (request === null || judgeProof === null) {
      if (binding !== null) return { code: 'token_bound' }
      return settings?.isRequired === true ? { code: 'token_not_bound' } : null
    }
    if (binding === null) return { code: 'token_not_bound' }
    if (binding === 'unknown') return { code: 'token_bound' }
    const { proof, method, path } = request
    return judgeProof({ proof, method, path, token, ...binding }, now).then(misuseOf)
  }
}

const misuseOf = (verdict: ProofVerdict): Misuse => {
  if (verdict === null) return null
  const { fault, nonce } = verdict
  if (fault === 'foreign_key') return { code: 'key_mismatch', fault }
  return { code: fault === 'nonce_wrong' ? 'nonce_needed' : 'proof_invalid', fault, nonce }
}
