import type { Client } from './client.ts'
import { OAuthError } from './oauth-error.ts'

export type AudiencePolicy = Readonly<{ issuer: string; default_audience: string }>

/**
 * RFC 8707 §2 – The audiences of a token: the requested resources, or the client's first audience. Ours: the issuer never shares a token
 * with another audience, because the service of that audience could use the token at the account API. Throws `invalid_target`.
 */
export const audienceFor = (
  client: Client,
  resources: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const allowed = allowedFor(client, policy)
  for (const resource of resources) {
    if (!isResource(resource)) throw new OAuthError('resource_malformed')
    if (!allowed.includes(resource)) throw new OAuthError('resource_not_registered')
  }
  const audience = [...new Set(resources.length > 0 ? resources : allowed.slice(0, 1))]
  if (audience.length > 1 && audience.includes(policy.issuer)) throw new OAuthError('resource_mixed')
  return audience
}

/**
 * Ours – Every audience for which a sign-in of a first-party client may get tokens, as its family stores them: first the audiences of a
 * request that names none, then the issuer, then the others. The issuer is the separator, because it never shares a token. Families from
 * before this rule, which have the issuer after the client's first audience, are read alike. Throws `invalid_target`.
 */
export const grantedAudience = (
  client: Client,
  resources: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const chosen = audienceFor(client, resources, policy)
  return [...new Set([...chosen, policy.issuer, ...allowedFor(client, policy)])]
}

/**
 * RFC 8707 §2.2 – The audiences of a token of a sign-in: the requested resources, or the rest of the grant. Whether the grant has these
 * resources is judged elsewhere. Throws `invalid_target`.
 */
export const audienceOfSignIn = (
  client: Client,
  { resources, granted }: Readonly<{ resources: readonly string[]; granted: readonly string[] }>,
  policy: AudiencePolicy,
): readonly string[] =>
  resources.length > 0 ? audienceFor(client, resources, policy) : audienceLeft(client, granted, policy)

/**
 * Ours – The audiences of a token whose request names none: the default ones of the grant that the client's present registration still
 * allows; when none is left, the client's first audience, as for a new sign-in.
 */
export const audienceLeft = (
  client: Client,
  granted: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const left = allowedAmong(client, usualOf(granted, policy), policy)
  return left.length > 0 ? left : audienceFor(client, [], policy)
}

/** Ours – The given audiences for which the client's present registration allows tokens. */
export const allowedAmong = (
  client: Client,
  audiences: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const allowed = allowedFor(client, policy)
  return audiences.filter(audience => allowed.includes(audience))
}

/** The default audiences of a grant: those before the issuer; the issuer alone where it comes first; all where it is absent. */
const usualOf = (granted: readonly string[], { issuer }: AudiencePolicy): readonly string[] => {
  const place = granted.indexOf(issuer)
  return place === -1 ? granted : granted.slice(0, Math.max(place, 1))
}

/**
 * All audiences that a request may ask for, the default one first. Ours: a first-party client may ask for the issuer too, because the
 * account API is a resource like any other.
 */
export const allowedFor = (
  { audience, first_party }: Client,
  { issuer, default_audience }: AudiencePolicy,
): readonly string[] => {
  const registered = audience.length > 0 ? audience : [default_audience]
  return first_party ? [...registered, issuer] : registered
}

/** RFC 8707 §2 – A resource is an absolute URI without a fragment. */
export const isResource = (resource: string): boolean => URL.canParse(resource) && !resource.includes('#')
