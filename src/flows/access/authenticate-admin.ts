import { Problem } from '../../domain/base/problem.ts'
import type { AudiencePolicy } from '../../domain/oauth/audience.ts'
import { remainingGrantOf } from '../../domain/oauth/remaining-grant.ts'
import { ADMIN_SCOPE } from '../../domain/oauth/scope.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Blocklist, Revocations } from '../../ports/revocations.ts'
import { readAccessToken } from './authenticate-bearer.ts'

type Needs = Readonly<{
  keys: Keys
  clients: Clients
  revocations: Revocations
  blocklist: Blocklist
  clock: Clock
  issuer: string
  policy: AudiencePolicy
}>

/** Who administers, for the log. */
export type AuthenticateAdmin = (
  authorization: string | undefined,
) => Promise<Readonly<{ client_id: string }>>

/**
 * Ours – Administration takes a live token of scope `signet:admin`, addressed to the issuer alone, that a confidential client got
 * for itself: what anybody can carry in a browser administers nothing. It allows what the registration allows now; an administrator
 * whose credentials were changed has to use the new ones first. Throws a Problem.
 */
export const createAuthenticateAdmin =
  ({ clients, revocations, blocklist, policy, ...reading }: Needs): AuthenticateAdmin =>
  async authorization => {
    const claims = readAccessToken(authorization, reading)
    const client = await clients.find(claims.client_id)
    if (client === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'client_unknown' })
    if ((await blocklist.has(claims)) || !(await revocations.isLive(claims)))
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    const remaining = remainingGrantOf(claims, client, policy)
    if (remaining === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'registration_changed' })
    if (!remaining.scope.split(' ').includes(ADMIN_SCOPE)) throw new Problem('SCOPE_INSUFFICIENT')
    // Issued by a version that did not write the hash, or to a person: with which credentials, nothing tells.
    if (claims.credentials_hash === undefined)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'credentials_unknown' })
    return { client_id: client.client_id }
  }
