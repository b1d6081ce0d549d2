import { accountAt } from '../../domain/account/account.ts'
import { Problem } from '../../domain/base/problem.ts'
import { type AccessTokenClaims, bearerTokenOf, judgeAccessToken } from '../../domain/oauth/access-token.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Blocklist, Revocations } from '../../ports/revocations.ts'
import type { Actor } from './actor.ts'

type Reading = Readonly<{ keys: Keys; clock: Clock; issuer: string }>
type Needs = Reading &
  Readonly<{
    clients: Clients
    revocations: Revocations
    blocklist: Blocklist
    second_factor_roles: readonly string[]
  }>

export type Bearer = Actor & Readonly<{ claims: AccessTokenClaims }>

/** Reads the Authorization header of a request to the account API. Throws a 401 that tells expired from invalid. */
export type AuthenticateBearer = (authorization: string | undefined) => Promise<Bearer>

/**
 * RFC 6750 §2.1, RFC 9068 §4 – The account API is a resource like any other: it takes live tokens that are addressed to it alone,
 * and only those of first-party clients.
 */
export const createAuthenticateBearer =
  ({ clients, revocations, blocklist, second_factor_roles, ...reading }: Needs): AuthenticateBearer =>
  async authorization => {
    const claims = readAccessToken(authorization, reading)
    const client = await clients.find(claims.client_id)
    if (!client?.first_party) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'not_first_party' })
    const account = (await blocklist.has(claims)) ? null : await revocations.findAccount(claims)
    if (account === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    const acts_by = { sid: claims.sid ?? null }
    return { claims, account: accountAt(account, claims.acr, second_factor_roles), acts_by }
  }

/** RFC 6750 §2.1 – The claims of a bearer token that is addressed to the issuer alone; whether it is still live is not judged here. Throws a 401. */
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
  if (judged.refusal === 'expired') throw new Problem('AUTH_TOKEN_EXPIRED', { reason: judged.refusal })
  throw new Problem('AUTH_TOKEN_INVALID', { reason: judged.refusal })
}
