import type { Client } from './client.ts'
import { OAuthError } from './oauth-error.ts'

export type AudiencePolicy = Readonly<{ issuer: string; default_audience: string }>

/**
 * RFC 8707 §2 – The audiences of a token: the resources asked for, or the client's first.
 * Throws `invalid_target`.
 */
export const audienceFor = (
  client: Client,
  resources: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const registered = registeredFor(client, policy)
  for (const resource of resources) {
    if (!isResource(resource)) throw new OAuthError('resource_malformed')
    if (!registered.includes(resource)) throw new OAuthError('resource_not_registered')
  }
  return withIssuer(resources.length > 0 ? resources : registered.slice(0, 1), client, policy)
}

/**
 * Ours – What the client's registration, which may have changed since, still allows of the audiences that a sign-in was granted; the
 * client's first when that is none, as a new sign-in would get.
 */
export const audienceLeft = (
  client: Client,
  granted: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const own = ownOf(client, policy)
  // Nobody asked for the issuer of a first-party token: alone, it is nothing left of what was granted beside it.
  const asked = client.first_party ? granted.filter(audience => audience !== policy.issuer) : granted
  const left = asked.filter(audience => own.includes(audience))
  const isIssuerAlone = asked.length === 0 && granted.length > 0
  return left.length > 0 || isIssuerAlone ? withIssuer(left, client, policy) : audienceFor(client, [], policy)
}

/** The default first. */
const registeredFor = (client: Client, policy: AudiencePolicy): readonly string[] =>
  withIssuer(ownOf(client, policy), client, policy)

const ownOf = ({ audience }: Client, { default_audience }: AudiencePolicy): readonly string[] =>
  audience.length > 0 ? audience : [default_audience]

/** Ours: a first-party client's tokens carry the issuer too, because the account API is a resource like any other. */
const withIssuer = (
  audience: readonly string[],
  { first_party }: Client,
  { issuer }: Pick<AudiencePolicy, 'issuer'>,
): readonly string[] => [...new Set(first_party ? [...audience, issuer] : audience)]

/** RFC 8707 §2 – A resource is an absolute URI without a fragment. */
export const isResource = (resource: string): boolean => URL.canParse(resource) && !resource.includes('#')
