import type { Client } from './client.ts'
import { OAuthError } from './oauth-error.ts'

export type AudiencePolicy = Readonly<{ issuer: string; default_audience: string }>

/**
 * RFC 8707 §2 – The audiences of a token: the resources asked for, or the client's first. Ours: the issuer never shares a token
 * with another audience, or the service behind that audience could act at the account API with what it is sent.
 * Throws `invalid_target`.
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
 * RFC 8707 §2 – The resources of an authorization request, and of what is done with its code and its refresh tokens, in the spelling of
 * the registration, which tokens carry. A resource that is not registered stays as it is.
 */
export const asRegistered = (
  client: Client,
  resources: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const allowed = allowedFor(client, policy)
  return resources.map(resource =>
    allowed.includes(resource)
      ? resource
      : (allowed.find(each => normalized(each) === normalized(resource)) ?? resource),
  )
}

/** RFC 3986 §6.2.2.1, §6.2.3 – Scheme and host in any case, and an empty path like `/`: libraries write a URL in either way. */
const normalized = (uri: string): string => {
  const { start, path, rest } = WITH_HOST.exec(uri)?.groups ?? {}
  return start === undefined ? uri : `${start.toLowerCase()}${path || '/'}${rest ?? ''}`
}
const WITH_HOST = /^(?<start>[a-z][a-z\d+.-]*:\/\/[^/?]*)(?<path>[^?]*)(?<rest>.*)$/i

/**
 * Ours – What a sign-in of a first-party client may ever get tokens for, as its family keeps it: first the audiences of a request
 * that names none, then the issuer, then the others. The issuer divides them because it never shares a token; families from before
 * this rule, whose tokens carried the issuer behind the client's first audience, read the same way. Throws `invalid_target`.
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
 * RFC 8707 §2.2 – The audiences of a token of a sign-in: the resources asked for, or what is left of the grant. That the grant holds
 * the resources is judged elsewhere. Throws `invalid_target`.
 */
export const audienceOfSignIn = (
  client: Client,
  { resources, granted }: Readonly<{ resources: readonly string[]; granted: readonly string[] }>,
  policy: AudiencePolicy,
): readonly string[] =>
  resources.length > 0 ? audienceFor(client, resources, policy) : audienceLeft(client, granted, policy)

/**
 * Ours – The audiences of a token for which a request names none: of those that the sign-in was granted the usual ones, within what
 * the client's registration, which may have changed since, still allows; the client's first when none is left, as a new sign-in
 * would get.
 */
export const audienceLeft = (
  client: Client,
  granted: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const left = allowedAmong(client, usualOf(granted, policy), policy)
  return left.length > 0 ? left : audienceFor(client, [], policy)
}

/** Ours – Those of some audiences for which the client may get tokens by its registration as it is now. */
export const allowedAmong = (
  client: Client,
  audiences: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const allowed = allowedFor(client, policy)
  return audiences.filter(audience => allowed.includes(audience))
}

/** Those before the issuer; the issuer alone where it comes first; all where it is not among them. */
const usualOf = (granted: readonly string[], { issuer }: AudiencePolicy): readonly string[] => {
  const place = granted.indexOf(issuer)
  return place === -1 ? granted : granted.slice(0, Math.max(place, 1))
}

/**
 * All audiences that a request may ask for, the default first. Ours: a first-party client may ask for the issuer too, because the
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
