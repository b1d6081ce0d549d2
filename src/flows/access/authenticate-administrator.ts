import { accountAt } from '../../domain/account/account.ts'
import type { AccessTokenClaims } from '../../domain/oauth/access-token.ts'
import type { AudiencePolicy } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { CONSOLE_CLIENT_ID } from '../../domain/oauth/console-client.ts'
import { remainingGrantOf } from '../../domain/oauth/remaining-grant.ts'
import { ADMIN_SCOPE, scopeLeft, VIEWER_SCOPE } from '../../domain/oauth/scope.ts'
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
  second_factor_roles: readonly string[]
}>

/** A caller of the administration. A viewer reads, and changes nothing. */
export type Administrator = Readonly<{
  role: 'admin' | 'viewer'
  actor: Readonly<{ type: 'client' | 'person'; id: string }>
}>

/** Authenticates a caller of the administration. Throws a 401, or a 403 for a living token that does not suffice. */
export type AuthenticateAdministrator = (request: TokenRequest) => Promise<Administrator>

/**
 * Ours (docs/administration.md) – Two kinds of callers administer, each by a living token that is addressed to the issuer alone: a
 * confidential client of CLIENTS_FILE, by its own token of the scope, and a person at the console, who needs the scope and, at this moment,
 * the role of the same name. A token that any other client got for the same person administers nothing.
 */
export const createAuthenticateAdministrator = (needs: Needs): AuthenticateAdministrator => {
  const { clients, blocklist } = needs
  const authenticateClient = createAuthenticateClientOfOperator(needs)
  const authenticatePerson = createAuthenticatePersonAtConsole(needs)
  return async request => {
    const claims = await readAccessToken(request, needs)
    const client = await clients.find(claims.client_id)
    if (client === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'client_unknown' })
    if (await blocklist.has(claims)) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    return claims.sid === undefined ? authenticateClient(claims, client) : authenticatePerson(claims, client)
  }
}

/** The client's credentials must be those that the token was issued for. A client that has registered itself administers nothing. */
const createAuthenticateClientOfOperator =
  ({ revocations, policy }: Needs) =>
  async (claims: AccessTokenClaims, client: Client): Promise<Administrator> => {
    if (client.document_digest !== undefined)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'not_of_operator' })
    if ((await revocations.livingAt(claims)) === null)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    const remaining = remainingGrantOf(claims, client, policy)
    if (remaining === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'registration_changed' })
    const role = roleIn(remaining.scope.split(' '))
    if (role === null) throw new Problem('SCOPE_INSUFFICIENT', { reason: 'scope_absent' })
    if (claims.credentials_hash === undefined)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'credentials_unknown' })
    return { role, actor: { type: 'client', id: client.client_id } }
  }

/** The role is that of the account at this moment: the token may say what was true before. */
const createAuthenticatePersonAtConsole =
  ({ revocations, second_factor_roles }: Needs) =>
  async (claims: AccessTokenClaims, client: Client): Promise<Administrator> => {
    if (claims.client_id !== CONSOLE_CLIENT_ID || claims.act !== undefined)
      throw new Problem('AUTH_TOKEN_INVALID', { reason: 'not_of_console' })
    const account = await revocations.findAccount(claims)
    if (account === null) throw new Problem('AUTH_TOKEN_INVALID', { reason: 'revoked' })
    const scopes = scopeLeft(claims.scope ?? '', client.scope).split(' ')
    if (roleIn(scopes) === null) throw new Problem('SCOPE_INSUFFICIENT', { reason: 'scope_absent' })
    const { roles } = accountAt(account, claims.acr, second_factor_roles)
    const role = roleIn(scopes.filter(scope => allowsScope(roles, scope)))
    if (role === null) throw new Problem('SCOPE_INSUFFICIENT', { reason: 'role_absent' })
    return { role, actor: { type: 'person', id: account.id } }
  }

/** A person may use the scopes of the same name as a role of theirs; an administrator may look, too. */
const allowsScope = (roles: readonly string[], scope: string): boolean =>
  roles.includes(scope) || (scope === VIEWER_SCOPE && roles.includes(ADMIN_SCOPE))

const roleIn = (scopes: readonly string[]): Administrator['role'] | null => {
  if (scopes.includes(ADMIN_SCOPE)) return 'admin'
  return scopes.includes(VIEWER_SCOPE) ? 'viewer' : null
}
