import { accountAt } from '../../domain/account/account.ts'
import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { Problem } from '../../domain/base/problem.ts'
import { type AccessTokenClaims, bearerTokenOf, judgeAccessToken } from '../../domain/oauth/access-token.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Blocklist, Revocations } from '../../ports/revocations.ts'
import type { Owner } from './actor.ts'

type Reading = Readonly<{ keys: Keys; clock: Clock; issuer: string }>
type Needs = Reading &
  Readonly<{
    clients: Clients
    revocations: Revocations
    blocklist: Blocklist
    second_factor_roles: readonly string[]
  }>

/** A person who acts by an access token. */
export type Bearer = Owner & Readonly<{ claims: AccessTokenClaims }>

type BearerRequest = Readonly<{ authorization: string | undefined; request_id: string }>

/** Reads the Authorization header of a request to the account API. Throws a 401 whose code tells an expired token from an invalid one. */
export type AuthenticateBearer = (request: BearerRequest) => Promise<Bearer>

/**
 * RFC 6750 §2.1, RFC 9068 §4 – Takes a live token that is addressed to the account API alone and was issued to a first-party client.
 */
export const createAuthenticateBearer =
  ({ clients, revocations, blocklist, second_factor_roles, ...reading }: Needs): AuthenticateBearer =>
  async ({ authorization, request_id }) => {
    const claims = readAccessToken(authorization, reading)
    const about = aboutSignIn(claims)
    const client = await clients.find(claims.client_id)
    if (!client?.first_party) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'not_first_party', about })
    const account = (await blocklist.has(claims)) ? null : await revocations.findAccount(claims)
    if (account === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked', about })
    const { client_id, sid = null, acr = null, amr = [], auth_time = 0 } = claims
    return {
      claims,
      account: accountAt(account, acr, second_factor_roles),
      acts_by: { sid },
      client_id,
      amr,
      acr,
      auth_time,
      request_id,
    }
  }

/**
 * RFC 6750 §2.1 – The claims of a bearer token that is addressed to the issuer alone. A revocation is not looked for here. Throws a 401.
 */
export const readAccessToken = (
  authorization: string | undefined,
  { keys, clock, issuer }: Reading,
): AccessTokenClaims => {
  if (authorization === undefined) throw new Problem('AUTH_TOKEN_MISSING')
  const token = bearerTokenOf(authorization)
  if (token === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'not_a_bearer_token' })
  const judged = judgeAccessToken(keys.verify('at+jwt', token), {
    issuer,
    sole_audience: issuer,
    now: clock(),
  })
  if ('claims' in judged) return judged.claims
  const { refusal: reason, presented } = judged
  const about = presented === null ? {} : aboutSignIn(presented)
  if (reason === 'expired') throw new Problem('AUTH_TOKEN_EXPIRED', { reason, about })
  throw new Problem('AUTH_TOKEN_INVALID', { reason, about })
}
