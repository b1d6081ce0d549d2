import { Problem } from '../domain/problem.ts'
import { parseScope } from '../domain/scope.ts'
import type { Blocklist, Clients, Clock, Keys, Revocations } from '../ports.ts'
import { readAccessToken } from './bearer.ts'

type Needs = Readonly<{
  keys: Keys
  clients: Clients
  revocations: Revocations
  blocklist: Blocklist
  clock: Clock
  issuer: string
}>

/** Contract: what a token for administration must carry. */
export const ADMIN_SCOPE = 'signet:admin'

/** Who administers, for the log. */
export type AuthenticateAdmin = (
  authorization: string | undefined,
) => Promise<Readonly<{ client_id: string }>>

/**
 * Contract – Administration takes a live token of scope `signet:admin`, addressed to the issuer, of a confidential client: what
 * anybody can carry in a browser administers nothing. Throws a Problem.
 */
export const createAuthenticateAdmin =
  ({ clients, revocations, blocklist, ...reading }: Needs): AuthenticateAdmin =>
  async authorization => {
    const claims = readAccessToken(authorization, reading)
    const client = await clients.find(claims.client_id)
    if (client === null) throw new Problem('AUTH_TOKEN_INVALID', 'client_unknown')
    if ((await blocklist.has(claims)) || !(await revocations.isLive(claims)))
      throw new Problem('AUTH_TOKEN_INVALID', 'revoked')
    const isAllowed = parseScope(claims.scope ?? '')?.includes(ADMIN_SCOPE)
    if (!isAllowed || client.token_endpoint_auth_method === 'none') throw new Problem('SCOPE_INSUFFICIENT')
    return { client_id: client.client_id }
  }
