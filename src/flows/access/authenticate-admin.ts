import type { AudiencePolicy } from '../../domain/oauth/audience.ts'
import { remainingGrantOf } from '../../domain/oauth/remaining-grant.ts'
import { ADMIN_SCOPE } from '../../domain/oauth/scope.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Blocklist, Revocations } from '../../ports/revocations.ts'
import { readAccessToken, type TokenRequest } from './authenticate-bearer.ts'
import type { JudgeSender } from './require-sender.ts'

type Needs = Readonly<{
  keys: Keys
  clients: Clients
  revocations: Revocations
  blocklist: Blocklist
  clock: Clock
  issuer: string
  judgeSender: JudgeSender
  policy: AudiencePolicy
}>

/** Authenticates an administrator. Returns the client, for the log. */
export type AuthenticateAdmin = (request: TokenRequest) => Promise<Readonly<{ client_id: string }>>

/**
 * Ours – Administration takes a live token of scope `signet:admin` that is addressed to the issuer alone and was issued to a confidential
 * client for itself: a token that a browser can hold administers nothing. The client's present registration must allow the token, and its
 * credentials must be those that the token was issued for. Throws a Problem.
 */
export const createAuthenticateAdmin =
  ({ clients, revocations, blocklist, policy, ...reading }: Needs): AuthenticateAdmin =>
  async request => {
    const claims = await readAccessToken(request, reading)
    const client = await clients.find(claims.client_id)
    if (client === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'client_unknown' })
    if ((await blocklist.has(claims)) || (await revocations.livingAt(claims)) === null)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    const remaining = remainingGrantOf(claims, client, policy)
    if (remaining === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'registration_changed' })
    if (!remaining.scope.split(' ').includes(ADMIN_SCOPE)) throw new Problem('SCOPE_INSUFFICIENT')
    // A token without the hash is of an older version, or a person's: its client's credentials are unknown.
    if (claims.credentials_hash === undefined)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'credentials_unknown' })
    return { client_id: client.client_id }
  }
