import { type AudiencePolicy, audienceFor } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { fieldInvalid, type Problem } from '../../domain/refusals/problem.ts'
import type { Issue } from '../../grants/issue.ts'

type Needs = Readonly<{ policy: AudiencePolicy; issue: Pick<Issue, 'requireLength'> }>

/**
 * RFC 8707 §2 – Throws a 422 for resources that the client may not ask for, or that would make the token too long. Nothing has been
 * looked up or spent by then. No resource means the client's default.
 */
export type RequireResources = (client: Client, resources: readonly string[]) => void

export const createRequireResources =
  ({ policy, issue }: Needs): RequireResources =>
  (client, resources) =>
    refusingResources(() => {
      const audience = audienceFor(client, resources, policy)
      issue.requireLength(client, { scope: client.scope, audience, jkt: null })
    })

/** Judges resources by a rule of the OAuth endpoints. Throws a 422 where the rule refuses. */
export const refusingResources = (judge: () => void): void => {
  try {
    judge()
  } catch (error) {
    throw error instanceof OAuthError ? resourceRefused(error) : error
  }
}

/** A refused resource, as the account API answers it. */
export const resourceRefused = (cause: OAuthError): Problem =>
  fieldInvalid({ pointer: '#/resource', detail: cause.description }, { cause })
