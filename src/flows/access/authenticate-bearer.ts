import { accountAt } from '../../domain/account/account.ts'
import { type AboutSignIn, aboutSignIn } from '../../domain/base/log-fields.ts'
import {
  type AccessTokenClaims,
  judgeAccessToken,
  presentedTokenOf,
} from '../../domain/oauth/access-token.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Blocklist, Revocations } from '../../ports/revocations.ts'
import type { Owner } from './actor.ts'
import type { JudgeSender, Presenting, SenderRefusal } from './require-sender.ts'

type Reading = Readonly<{ keys: Keys; clock: Clock; issuer: string; judgeSender: JudgeSender }>
type Needs = Reading &
  Readonly<{
    clients: Clients
    revocations: Revocations
    blocklist: Blocklist
    second_factor_roles: readonly string[]
  }>

/** A person who acts by an access token. */
export type Bearer = Owner & Readonly<{ claims: AccessTokenClaims }>

/** The parts of a request that present an access token. */
export type TokenRequest = Pick<Presenting, 'proof' | 'method' | 'path'> &
  Readonly<{ authorization: string | undefined }>

type BearerRequest = TokenRequest & Readonly<{ request_id: string }>

/** Reads the Authorization header of a request to the account API. Throws a 401 whose code tells an expired token from an invalid one. */
export type AuthenticateBearer = (request: BearerRequest) => Promise<Bearer>

/**
 * RFC 6750 §2.1, RFC 9068 §4 – Takes a live token that is addressed to the account API alone and was issued to a first-party client.
 */
export const createAuthenticateBearer =
  ({ clients, revocations, blocklist, second_factor_roles, ...reading }: Needs): AuthenticateBearer =>
  async ({ request_id, ...request }) => {
    const claims = await readAccessToken(request, reading)
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
      jkt: claims.cnf?.jkt ?? null,
      auth_time,
      request_id,
    }
  }

/**
 * RFC 6750 §2.1, RFC 9449 §7.1 – The claims of a token that is addressed to the issuer alone, from a sender who may use it. A revocation is
 * not looked for here. Throws a 401.
 */
export const readAccessToken = async (
  { authorization, ...shown }: TokenRequest,
  { keys, clock, issuer, judgeSender }: Reading,
): Promise<AccessTokenClaims> => {
  if (authorization === undefined) throw new Problem('AUTH_TOKEN_MISSING')
  const presented = presentedTokenOf(authorization)
  if (presented === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'not_a_bearer_token' })
  const judged = judgeAccessToken(keys.verify('at+jwt', presented.token), {
    issuer,
    sole_audience: issuer,
    now: clock(),
  })
  if ('claims' in judged) {
    const { claims } = judged
    const refused = await judgeSender({ ...shown, presented, claims })
    if (refused === null) return claims
    throw senderProblem(refused, aboutSignIn(claims))
  }
  const { refusal: reason, presented: refused } = judged
  const about = refused === null ? {} : aboutSignIn(refused)
  if (reason === 'expired') throw new Problem('AUTH_TOKEN_EXPIRED', { reason, about })
  throw new Problem('AUTH_TOKEN_INVALID', { reason, about })
}

const senderProblem = (refused: SenderRefusal, about: AboutSignIn): Problem => {
  switch (refused.refusal) {
    case 'token_bound':
    case 'token_not_bound':
    case 'token_of_another_key':
      return new Problem('AUTH_TOKEN_INVALID', { reason: refused.refusal, about })
    case 'token_proof_invalid':
      return new Problem('AUTH_PROOF_INVALID', { reason: refused.fault, about })
    case 'token_nonce_needed':
      return new Problem('AUTH_PROOF_NONCE_NEEDED', { about })
  }
}
