import type { Peppers } from '../../domain/base/pepper.ts'
import type { AccessTokenClaims } from '../../domain/oauth/access-token.ts'
import { rolesAt } from '../../domain/oauth/acr.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { requireParameter } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { RemainingGrant } from '../../domain/oauth/remaining-grant.ts'
import { findSpelling } from '../../domain/oauth/resource.ts'
import { scopeLeft } from '../../domain/oauth/scope.ts'
import type { TokenType } from '../../domain/oauth/token-response.ts'
import { parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import type { AuthenticateClient, ClientRequest } from '../../grants/client-authentication.ts'
import type { OwnTokens } from '../../grants/verification/own-tokens.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'

type Needs = Readonly<{
  authenticateClient: AuthenticateClient
  ownTokens: OwnTokens
  refreshFamilies: RefreshFamilies
  peppers: Peppers
  issuer: string
  second_factor_roles: readonly string[]
}>

type Introspection = Readonly<
  { active: false } | ({ active: true; token_type?: TokenType } & Record<string, unknown>)
>

const INACTIVE = { active: false } as const

/**
 * RFC 7662 §2 – Tells a confidential client the state of its own tokens, and of tokens addressed to a resource that it serves. A dead token
 * and a token that does not concern the caller get one and the same answer. Scope and audience are those that the present registration of
 * the token's client still allows.
 */
export const createIntrospect = (needs: Needs) => {
  const { authenticateClient, ownTokens, refreshFamilies, peppers, issuer } = needs
  // Applies also to a token that was issued before SECOND_FACTOR_ROLES named a role.
  const withRoles = ({ roles, ...claims }: AccessTokenClaims): AccessTokenClaims =>
    roles === undefined ? claims : { ...claims, roles: rolesAt(claims.acr, roles, needs.second_factor_roles) }

  const withRemaining = (
    { scope: _, credentials_hash: __, aud, ...claims }: AccessTokenClaims,
    { scope, audience }: RemainingGrant,
  ): AccessTokenClaims => {
    const [first, ...others] = audience
    const left = typeof aud === 'string' && first !== undefined && others.length === 0 ? first : audience
    return { ...claims, aud: left, ...(scope === '' ? {} : { scope }) }
  }

  const introspectAccessToken = async (text: string, client: Client): Promise<Introspection> => {
    const own = await ownTokens.read(text)
    if (own === null) return INACTIVE
    const { claims, remaining } = own
    const isIssuedTo = claims.client_id === client.client_id
    const isAddressed = remaining.audience.some(
      audience => findSpelling(audience, client.protected_resources) !== undefined,
    )
    if (!isIssuedTo && !isAddressed) return INACTIVE
    if ((await ownTokens.livingAt(claims)) === null) return INACTIVE
    return {
      active: true,
      token_type: claims.cnf === undefined ? 'Bearer' : 'DPoP',
      ...withRoles(withRemaining(claims, remaining)),
    }
  }

  const introspectRefreshToken = async (text: string, client: Client): Promise<Introspection> => {
    const token = parseRefreshToken(text, peppers)
    if (token === null) return INACTIVE
    const family = await refreshFamilies.findCurrent(token)
    const { client_id } = client
    if (family === null || family.client_id !== client_id) return INACTIVE
    const { user_id: sub, id: sid } = family
    const scope = scopeLeft(family.scope, client.scope) || undefined
    const exp = Math.floor(family.idle_expires_at.getTime() / 1000)
    return { active: true, iss: issuer, client_id, sub, scope, exp, sid }
  }

  return async (request: ClientRequest): Promise<{ client_id: string; introspection: Introspection }> => {
    const client = await authenticateClient(request)
    const { client_id } = client
    if (client.token_endpoint_auth_method === 'none')
      throw new OAuthError('client_method_not_registered', { client_id })
    const token = requireParameter(request.form, 'token')
    const introspection = await (token.includes('.') ? introspectAccessToken : introspectRefreshToken)(
      token,
      client,
    )
    return { client_id, introspection }
  }
}
