import { z } from 'zod'
import type { Client } from '../oauth/client.ts'
import type { Form } from '../oauth/form.ts'

/** Where the browser goes after a sign-out: a URI that its client has registered. */
export type LogoutTarget = Readonly<{
  client_id: string
  post_logout_redirect_uri: string
  state: string | null
}>

export const LOGOUT_TARGET = z.object({
  client_id: z.string(),
  post_logout_redirect_uri: z.string(),
  state: z.string().nullable(),
}) satisfies z.ZodType<LogoutTarget>

/** Whom and what an ID token was issued for. */
export type LogoutHint = Readonly<{ sub: string; client_id: string }>

/** OpenID Connect RP-Initiated Logout §2 – What a request to sign out proves about itself. */
export type LogoutRequest = Readonly<{
  /** Null: there was no ID token, or it proves nothing. */
  hint: LogoutHint | null
  /** The client of the hint or of `client_id`; null where the two differ, or where the hint proves nothing. */
  client_id: string | null
}>

/** The claims of an ID token of ours as a hint. It may have expired. Null for any other claims. */
export const logoutHintOf = (
  claims: Readonly<Record<string, unknown>> | null,
  issuer: string,
): LogoutHint | null => {
  const { iss, sub, aud } = claims ?? {}
  return iss === issuer && typeof sub === 'string' && typeof aud === 'string' ? { sub, client_id: aud } : null
}

/**
 * OpenID Connect RP-Initiated Logout §2 – Which client asks. A hint that proves nothing, or that belongs to another client than
 * `client_id`, takes the client with it: the request contradicts itself.
 */
export const judgeLogoutRequest = (form: Form, hint: LogoutHint | null): LogoutRequest => {
  const client_id = form.get('client_id') ?? null
  if (form.get('id_token_hint') === undefined) return { hint: null, client_id }
  if (hint === null || (client_id !== null && client_id !== hint.client_id))
    return { hint: null, client_id: null }
  return { hint, client_id: hint.client_id }
}

/** OpenID Connect RP-Initiated Logout §3 – Compared letter by letter with the registered URIs. Null: the request leads nowhere. */
export const logoutTargetOf = (form: Form, client: Client | null): LogoutTarget | null => {
  const post_logout_redirect_uri = form.get('post_logout_redirect_uri')
  if (client === null || post_logout_redirect_uri === undefined) return null
  const { client_id } = client
  const target = { client_id, post_logout_redirect_uri, state: form.get('state') ?? null }
  return isRegisteredTarget(target, client) ? target : null
}

export const isRegisteredTarget = (
  { post_logout_redirect_uri }: LogoutTarget,
  { post_logout_redirect_uris }: Client,
): boolean => post_logout_redirect_uris.includes(post_logout_redirect_uri)

/** OpenID Connect RP-Initiated Logout §3 – The URI with `state` in its query, which keeps what the query had. */
export const logoutRedirectOf = ({ post_logout_redirect_uri, state }: LogoutTarget): string => {
  if (state === null) return post_logout_redirect_uri
  const separator = post_logout_redirect_uri.includes('?') ? '&' : '?'
  return `${post_logout_redirect_uri}${separator}${new URLSearchParams({ state }).toString()}`
}
