import type { AboutSignIn } from '../../domain/base/log-fields.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import type { ProveSender } from '../../grants/dpop.ts'
import type { Rotate } from '../../grants/rotate.ts'
import type { Metrics } from '../../ports/effects.ts'
import type { ReadFirstPartyToken } from '../access/read-first-party-token.ts'
import { resourceRefused } from '../access/require-resources.ts'
import { type TokenPair, toTokenPair } from './open-sign-in.ts'

type Needs = Readonly<{
  readFirstPartyToken: ReadFirstPartyToken
  rotate: Rotate
  proveSender: ProveSender
  metrics: Metrics
}>

type RefreshRequest = Readonly<{
  refresh_token: string
  refresh_transport: RefreshTransport
  idempotency_key: string | undefined
  /** RFC 9449 §4.1 – The header `DPoP`. */
  proof: string | undefined
  /** RFC 8707 – Empty: the default resources of the sign-in. */
  resources: readonly string[]
  source: TracedSource
  /** False where the browser's origin may not act for this client. */
  admits: (client: Client) => boolean
}>

/** The new pair, and its sign-in for the log. */
type Refreshed = Readonly<{ tokens: TokenPair; about: AboutSignIn }>

/** Ours (docs/decisions/0029) – The refresh of the account API: rotates as /token does, for the tokens of any first-party client. */
export const createRefresh =
  ({ readFirstPartyToken, rotate, proveSender, metrics }: Needs) =>
  async ({ refresh_token: text, admits, proof, ...request }: RefreshRequest): Promise<Refreshed> => {
    const { token, client, about } = await readFirstPartyToken(text, admits)
    try {
      const jkt = await proveSender(client, { proof, path: '/auth/refresh' })
      const presented = { ...request, client, token, jkt, scope: null }
      const { tokens, refresh_token, family } = await rotate(presented)
      metrics.issued('refresh_token')
      return { tokens: toTokenPair(tokens, refresh_token, family), about }
    } catch (error) {
      throw error instanceof OAuthError ? toProblem(error).naming(about) : error
    }
  }

const toProblem = (error: OAuthError): Problem => {
  const { code, reason, detail } = error
  const { retry_after_seconds } = detail
  if (reason === 'refresh_limit' && retry_after_seconds !== undefined)
    return new Problem('RATE_LIMITED', { reason: 'refresh', retry_after_seconds })
  if (code === 'invalid_dpop_proof') return new Problem('AUTH_PROOF_INVALID', { cause: error })
  if (code === 'use_dpop_nonce') return new Problem('AUTH_PROOF_NONCE_NEEDED', { cause: error })
  // Another resource or less scope would be accepted; signing in again would not help.
  if (code === 'invalid_target' || reason === 'token_too_long_by_scope') return resourceRefused(error)
  const isExpired = reason === 'refresh_expired' || reason === 'refresh_idle'
  return new Problem(isExpired ? 'AUTH_TOKEN_EXPIRED' : 'AUTH_TOKEN_INVALID', { cause: error })
}
