import { type AccessTokenClaims, judgeAccessToken } from '../domain/access-token.ts'
import type { Account } from '../domain/account.ts'
import { Problem } from '../domain/problem.ts'
import type { Blocklist, Clients, Clock, Keys, Revocations } from '../ports.ts'

type Needs = Readonly<{
  keys: Keys
  clients: Clients
  revocations: Revocations
  blocklist: Blocklist
  clock: Clock
  issuer: string
}>

export type Bearer = Readonly<{ claims: AccessTokenClaims; account: Account }>

/** Reads the Authorization header of a request to the account API. Throws a 401 that tells expired from invalid. */
export type AuthenticateBearer = (authorization: string | undefined) => Promise<Bearer>

/**
 * RFC 6750 §2.1, RFC 9068 §4 – The account API is a resource like any other: it takes live tokens that are addressed to it,
 * and only those of first-party clients.
 */
export const createAuthenticateBearer =
  ({ keys, clients, revocations, blocklist, clock, issuer }: Needs): AuthenticateBearer =>
  async authorization => {
    if (authorization === undefined) throw new Problem('AUTH_TOKEN_MISSING')
    const [, token] = /^bearer +([\w.~+/=-]+)$/i.exec(authorization) ?? []
    if (token === undefined) throw new Problem('AUTH_TOKEN_INVALID', 'not_a_bearer_token')
    const judged = judgeAccessToken(keys.verify('at+jwt', token), { issuer, audience: issuer, now: clock() })
    if ('refusal' in judged) {
      throw new Problem(
        judged.refusal === 'expired' ? 'AUTH_TOKEN_EXPIRED' : 'AUTH_TOKEN_INVALID',
        judged.refusal,
      )
    }
    const { claims } = judged
    const client = await clients.find(claims.client_id)
    if (!client?.first_party) throw new Problem('AUTH_TOKEN_INVALID', 'not_first_party')
    const account = (await blocklist.has(claims)) ? null : await revocations.findAccount(claims)
    if (account === null) throw new Problem('AUTH_TOKEN_INVALID', 'revoked')
    return { claims, account }
  }
