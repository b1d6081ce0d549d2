import { type AudiencePolicy, audienceFor } from '../domain/audience.ts'
import type { Client } from '../domain/client.ts'
import { OAuthError } from '../domain/oauth-error.ts'
import { fieldInvalid, type Problem } from '../domain/problem.ts'

/** RFC 8707 §2 – Throws a 422, before anything is looked up or spent, for resources that the client may not ask for. */
export const requireResources = (
  client: Client,
  resources: readonly string[],
  policy: AudiencePolicy,
): void => {
  try {
    audienceFor(client, resources, policy)
  } catch (error) {
    throw error instanceof OAuthError ? resourceRefused(error) : error
  }
}

/** A refused resource as the account API says it. */
export const resourceRefused = ({ reason, description }: OAuthError): Problem =>
  fieldInvalid({ pointer: '#/resource', detail: description }, reason)
