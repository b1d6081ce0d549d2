import type { Client } from './client.ts'
import { OAuthError } from './oauth-error.ts'
import { findSpelling, isResource } from './resource.ts'

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
  const asked = registeredResources(client, resources, policy)
  const audience = asked.length > 0 ? asked : allowedFor(client, policy).slice(0, 1)
  if (audience.length === 0) throw new OAuthError('resource_none_allowed')
  if (audience.length > 1 && audience.includes(policy.issuer)) throw new OAuthError('resource_mixed')
  return audience
}

/**
 * RFC 8707 §2 – The resources of a request, each once and in its registered spelling, which is the one that `aud` has. Throws
 * `invalid_target` for a resource that the client may not ask for.
 */
export const registeredResources = (
  client: Client,
  resources: readonly string[],
  policy: AudiencePolicy,
): readonly string[] => {
  const allowed = allowedFor(client, policy)
  const spellings = resources.map(resource => {
    if (!isResource(resource)) throw new OAuthError('resource_malformed')
    const spelling = findSpelling(resource, allowed)
    if (spelling === undefined) throw new OAuthError('resource_not_registered')
    return spelling
  })
  return [...new Set(spellings)]
}

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
 * account API is a resource like any other. A client that no operator has registered has those of REGISTRATION_AUDIENCES, or none.
 */
export const allowedFor = (
  { audience, first_party, document_digest }: Client,
  { issuer, default_audience }: AudiencePolicy,
): readonly string[] => {
  if (document_digest !== undefined) return audience.filter(each => each !== issuer)
  const registered = audience.length > 0 ? audience : [default_audience]
  return first_party ? [...registered, issuer] : registered
}
