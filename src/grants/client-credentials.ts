import { type AudiencePolicy, audienceFor } from '../domain/oauth/audience.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import { narrowScope } from '../domain/oauth/scope.ts'
import type { EnsureStore } from '../ports/effects.ts'
import type { Grant } from './grant.ts'
import type { Issue } from './issue.ts'

type Needs = Readonly<{ issue: Issue; policy: AudiencePolicy; ensureStore: EnsureStore }>

/**
 * RFC 6749 §4.4 – A confidential client gets a token for itself; never a refresh token (§4.4.3).
 * Ours: no token is issued while Postgres is away, although nothing is stored: the token could be neither introspected nor revoked.
 */
export const createClientCredentialsGrant = ({ issue, policy, ensureStore }: Needs): Grant => ({
  grant_type: 'client_credentials',
  handsOriginDown: true,
  exchange: async ({ client, form, proveSender }) => {
    if (client.token_endpoint_auth_method === 'none') throw new OAuthError('public_client')
    const scope = narrowScope(form.get('scope'), client.scope)
    const audience = audienceFor(client, form.resources, policy)
    await ensureStore()
    const jkt = await proveSender()
    const tokens = await issue.toClient(client, { scope, audience, jkt })
    return { tokens, about: { client_id: client.client_id } }
  },
})
