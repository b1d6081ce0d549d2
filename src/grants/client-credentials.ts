import { type AudiencePolicy, audienceFor } from '../domain/audience.ts'
import { OAuthError } from '../domain/oauth-error.ts'
import { narrowScope } from '../domain/scope.ts'
import type { Grant } from './grant.ts'
import type { Issue } from './issue.ts'

/** RFC 6749 §4.4 – A confidential client gets a token for itself; never a refresh token (§4.4.3). */
export const createClientCredentialsGrant = ({
  issue,
  policy,
}: {
  issue: Issue
  policy: AudiencePolicy
}): Grant => ({
  grant_type: 'client_credentials',
  exchange: async ({ client, form }) => {
    if (client.token_endpoint_auth_method === 'none') throw new OAuthError('public_client')
    const scope = narrowScope(form.get('scope'), client.scope)
    const audience = audienceFor(client, form.resources, policy)
    return issue.toClient(client, { scope, audience })
  },
})
