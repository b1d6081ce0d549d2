import { fieldInvalid, type Problem } from '../../domain/base/problem.ts'
import { type AudiencePolicy, audienceFor } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Issue } from '../../grants/issue.ts'

type Needs = Readonly<{ policy: AudiencePolicy; issue: Pick<Issue, 'requireLength'> }>

/**
 * RFC 8707 §2 – Throws a 422, before anything is looked up or spent, for resources that the client may not ask for, or that are so
 * many that the token would be too long. None: the client's default.
 */
export type RequireResources = (client: Client, resources: readonly string[]) => void

export const createRequireResources =
  ({ policy, issue }: Needs): RequireResources =>
  (client, resources) =>
    refusingResources(() => {
      const audience = audienceFor(client, resources, policy)
      issue.requireLength(client, { scope: client.scope, audience })
    })

/** What judges resources as the OAuth endpoints do. Throws a 422 where they would refuse. */
export const refusingResources = (judge: () => void): void => {
  try {
    judge()
  } catch (error) {
    throw error instanceof OAuthError ? resourceRefused(error) : error
  }
}

/** A refused resource as the account API says it. */
export const resourceRefused = (cause: OAuthError): Problem =>
  fieldInvalid({ pointer: '#/resource', detail: cause.description }, { cause })
