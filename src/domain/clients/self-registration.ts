import { z } from 'zod'
import { type Digest, digestOf, type Plain } from '../base/digest.ts'
import { type Client, DOCUMENT_PARTS, type DocumentPart } from '../oauth/client.ts'
import { IDENTITY_SCOPES } from '../oauth/identity-claims.ts'
import { isWebUri } from '../oauth/redirect-uri.ts'
import { isServerScope } from '../oauth/scope.ts'

/** Ours – What a client that no operator has registered may ask for. */
export type SelfRegistrationPolicy = Readonly<{
  audiences: readonly string[]
  scopes: readonly string[]
  /** Seconds for which the superseded refresh tokens of a public client are answered. */
  refresh_grace_seconds: number
}>

/** Ours – The scopes of REGISTRATION_SCOPES; where it is unset, those of OpenID Connect and of SCOPES_FILE. Never one of the server's own. */
export const registrableScopes = (
  configured: readonly string[] | null,
  catalogue: Iterable<string>,
): readonly string[] => {
  const scopes = configured ?? [...IDENTITY_SCOPES, ...catalogue]
  return [...new Set(scopes)].filter(scope => !isServerScope(scope))
}

/** A stranger's client that asks people for a device's code is how they are deceived most: an operator registers a client for that grant. */
const GRANTS: ReadonlySet<string> = new Set(['authorization_code', 'refresh_token'])

/**
 * Ours – A client that no operator has registered, within what such clients may be and ask for. One that names no scope may ask for each
 * that is allowed; its audiences are those of the policy, and none where the policy has none. Only a public client has a grace window: the
 * processes of an agent share one stored token, and a confidential client is a service that keeps its own.
 */
export const withinPolicy = (
  client: Client,
  { audiences, scopes, refresh_grace_seconds }: SelfRegistrationPolicy,
): Client => {
  const named = client.scope.split(' ').filter(Boolean)
  const scope = named.length === 0 ? scopes : named.filter(each => scopes.includes(each))
  return {
    ...client,
    first_party: false,
    grant_types: client.grant_types.filter(grant => GRANTS.has(grant)),
    protected_resources: [],
    token_exchange: [],
    session_exchange: false,
    refresh_grace_seconds: client.token_endpoint_auth_method === 'none' ? refresh_grace_seconds : 0,
    scope: scope.join(' '),
    audience: audiences,
  }
}

/** Ours – An address that people are shown. One that cannot be shown is left out, because one description of a client is for all servers. */
export const shownAddress = z.string().max(2000).refine(isWebUri).optional().catch(undefined)

/** Unicode Standard §5.21, §23.2 – Spaces, joiners, variation selectors and fillers: a text of these alone is shown as nothing. */
const UNSEEN = /^[\p{C}\p{Z}\p{M}\u115f\u1160\u3164\uffa0\u2800]*$/u

/** Ours – The name that people are shown. Undefined for one that nothing is seen of: the sentence around it would name no application. */
export const shownName = (client_name: string | undefined): string | undefined =>
  client_name === undefined || UNSEEN.test(client_name) ? undefined : client_name

/**
 * Ours – What a consent remembers of a client: a digest of all that the person relies on, which decides whether they are asked again, and
 * one for each of DOCUMENT_PARTS, by which the page tells what has changed. That is the name, where answers go, and the keys by which the
 * client is known. For keys at a `jwks_uri` the address stands: a client that rotates its keys must not ask every person again.
 */
export const documentMarksOf = (
  { client_name, redirect_uris, token_endpoint_auth_method, jwks }: Client,
  jwks_uri: string | null,
): Required<Pick<Client, 'document_digest' | 'document_parts'>> => {
  const name = client_name ?? null
  const uris = redirect_uris.toSorted()
  const keys = jwks_uri ?? (jwks?.keys ?? []).map(key => JSON.stringify(key)).toSorted()
  const parts: Readonly<Record<DocumentPart, unknown>> = {
    name,
    redirect_uris: uris,
    keys: [token_endpoint_auth_method, keys],
  }
  return {
    document_digest: digestOfJson([name, uris, token_endpoint_auth_method, keys]),
    document_parts: Buffer.concat(DOCUMENT_PARTS.map(part => digestOfJson(parts[part]))),
  }
}

const digestOfJson = (value: unknown): Digest<'client_document'> =>
  digestOf(JSON.stringify(value) as Plain<'client_document'>)

/** True for a client that no operator has registered. */
export const isSelfRegistered = ({ document_digest }: Client): boolean => document_digest !== undefined
