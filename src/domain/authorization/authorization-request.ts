import { parseAcrValues } from '../oauth/acr.ts'
import { type AudiencePolicy, audienceFor } from '../oauth/audience.ts'
import type { Client } from '../oauth/client.ts'
import { isThumbprint } from '../oauth/dpop-proof.ts'
import type { Form } from '../oauth/form.ts'
import { OAuthError } from '../oauth/oauth-error.ts'
import { isCodeChallenge } from '../oauth/pkce.ts'
import { matchRedirectUri } from '../oauth/redirect-uri.ts'
import { requestedScope } from '../oauth/scope.ts'

/** OpenID Connect Core §3.1.2.1, and `create` of Initiating User Registration via OpenID Connect 1.0. */
export const PROMPTS = ['none', 'login', 'consent', 'select_account', 'create'] as const
export type Prompt = (typeof PROMPTS)[number]

/** OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0 Form Post Response Mode. */
export const RESPONSE_MODES = ['query', 'form_post'] as const
export type ResponseMode = (typeof RESPONSE_MODES)[number]

/** Where the answer to the client goes. It exists once `client_id` and `redirect_uri` are proved. */
export type AnswerTarget = Readonly<{
  client_id: string
  redirect_uri: string
  response_mode: ResponseMode
  state: string | null
}>

/** RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1 – What a client asks for, judged. */
export type AuthorizationRequest = AnswerTarget &
  Readonly<{
    /** False where the client has one redirect URI alone and named none: then the redemption of the code names none either. */
    isRedirectUriGiven: boolean
    /** What of the asked scope the client is registered for; never empty. */
    scope: readonly string[]
    /** As the client asked for them, registered spelling; never empty. */
    audience: readonly string[]
    /** Whether the request named a resource. */
    isAudienceGiven: boolean
    nonce: string | null
    /** RFC 7636 §4.3 – Of `S256`. */
    code_challenge: string | null
    /** RFC 9449 §10 – Thumbprint of the key that the redemption of the code has to prove; null: none has to be. */
    dpop_jkt: string | null
    prompt: readonly Prompt[]
    /** Seconds since the person proved who they are, at most. */
    max_age: number | null
    /** Null: every class will do. */
    acr_values: readonly string[] | null
    login_hint: string | null
    /** The `sub` of the `id_token_hint`. */
    hinted_sub: string | null
    ui_locales: string | null
    /** RFC 9126 §4 – The `request_uri` by which the request came, which the code consumes; null where nothing was pushed. */
    pushed: string | null
    /** RFC 9101 – Whether the request came in a request object. */
    isSigned: boolean
    /** Seconds since 1970: `prompt=login` and `max_age` are satisfied by a sign-in that is younger than this. */
    asked_at: number
  }>

/** Ours – Of a request as it is sent. Proxies and browsers refuse longer addresses. */
export const QUERY_MAX_CHARACTERS = 6_144

/**
 * RFC 6749 §3.1.2.3, OpenID Connect Core §3.1.2.1 – The redirect URI of a request. It may be left out where one alone is registered, and
 * `openid` is not asked for. Null: none that is registered.
 */
export const redirectUriOf = (client: Client, form: Form): string | null => {
  const given = form.get('redirect_uri')
  const isOpenId = (form.get('scope') ?? '').split(' ').includes('openid')
  return given === undefined && isOpenId ? null : matchRedirectUri(client, given)
}

/** RFC 6749 §4.1.2.1 – Where errors go from here on. Throws nothing: a wrong `response_mode` is judged by `judgeAuthorizationRequest`. */
export const answerTargetOf = (client_id: string, redirect_uri: string, form: Form): AnswerTarget => ({
  client_id,
  redirect_uri,
  response_mode: form.get('response_mode') === 'form_post' ? 'form_post' : 'query',
  state: form.get('state') ?? null,
})

/**
 * The address at which a judged request is asked anew: a GET that issues nothing before the person has answered again. Null where the
 * address would ask for less than the client did: it repeats no `id_token_hint`, without which another person could go on, and neither
 * what was pushed nor what was signed.
 */
export const restartPathOf = (request: AuthorizationRequest): string | null => {
  if (request.hinted_sub !== null || request.pushed !== null || request.isSigned) return null
  const { code_challenge, max_age, acr_values, isRedirectUriGiven, redirect_uri } = request
  const given: Readonly<Record<string, string | null>> = {
    response_type: 'code',
    client_id: request.client_id,
    redirect_uri: isRedirectUriGiven ? redirect_uri : null,
    response_mode: request.response_mode === 'query' ? null : request.response_mode,
    state: request.state,
    scope: request.scope.join(' '),
    nonce: request.nonce,
    code_challenge,
    code_challenge_method: code_challenge === null ? null : 'S256',
    dpop_jkt: request.dpop_jkt,
    prompt: request.prompt.join(' '),
    max_age: max_age === null ? null : String(max_age),
    acr_values: acr_values?.join(' ') ?? null,
    login_hint: request.login_hint,
    ui_locales: request.ui_locales,
  }
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(given)) if (value) query.append(name, value)
  for (const resource of request.isAudienceGiven ? request.audience : []) query.append('resource', resource)
  return `/authorize?${query.toString()}`
}

type Judging = Readonly<{
  client: Client
  target: AnswerTarget
  policy: AudiencePolicy
  /** The `sub` of a verified `id_token_hint`; null without one. */
  hinted_sub: string | null
  /** The `request_uri` by which the request came; null where nothing was pushed. */
  pushed: string | null
  isSigned: boolean
  now: Date
}>

/** RFC 6749 §4.1.1 – Judges everything but `client_id` and `redirect_uri`. Throws an OAuthError for the client. */
export const judgeAuthorizationRequest = (form: Form, judging: Judging): AuthorizationRequest => {
  const { client, target, policy, hinted_sub, pushed, isSigned, now } = judging
  refuseUnsupported(form)
  judgeResponseType(form, client)
  const scope = scopeAskedFor(form, client)
  const nonce = form.get('nonce') ?? null
  return {
    ...target,
    isRedirectUriGiven: form.get('redirect_uri') !== undefined,
    scope,
    audience: audienceFor(client, form.resources, policy),
    isAudienceGiven: form.resources.length > 0,
    nonce,
    code_challenge: codeChallengeOf(form, { client, scope, nonce }),
    dpop_jkt: dpopKeyOf(form),
    prompt: promptOf(form),
    max_age: maxAgeOf(form) ?? client.default_max_age ?? null,
    acr_values: parseAcrValues(form.get('acr_values') ?? ''),
    login_hint: form.get('login_hint')?.slice(0, HINT_CHARACTERS) ?? null,
    hinted_sub,
    ui_locales: form.get('ui_locales')?.slice(0, HINT_CHARACTERS) ?? null,
    pushed,
    isSigned,
    asked_at: Math.floor(now.getTime() / 1000),
  }
}

/** RFC 5321 §4.5.3.1.3 – No e-mail is longer. */
const HINT_CHARACTERS = 254

/** A value that this server does not know and that changes what a request means: to ignore it would do something else than was asked. */
const refuseUnsupported = (form: Form): void => {
  const response_mode = form.get('response_mode')
  if (response_mode !== undefined && !RESPONSE_MODES.some(mode => mode === response_mode))
    throw new OAuthError('response_mode_unsupported')
}

/** RFC 6749 §3.1.1, §4.1.2.1 */
const judgeResponseType = (form: Form, { grant_types, client_id }: Client): void => {
  const response_type = form.get('response_type')
  if (response_type === undefined) throw new OAuthError('parameter_missing', { parameter: 'response_type' })
  if (response_type !== 'code') throw new OAuthError('response_type_unsupported', { client_id })
  if (!grant_types.includes('authorization_code'))
    throw new OAuthError('grant_type_not_registered', { client_id, grant_type: 'authorization_code' })
}

/**
 * RFC 6749 §3.3 – Ours: what the client is not registered for is left out, and the token answer tells what was granted. Clients ask
 * for everything in `scopes_supported`. OpenID Connect Core §11: `offline_access` means nothing without a refresh token.
 */
export const scopeAskedFor = (form: Form, { scope, grant_types }: Client): readonly string[] => {
  const registered = scope.split(' ').filter(Boolean)
  const asked = requestedScope(form.get('scope')) ?? registered
  const granted = asked.filter(
    each => registered.includes(each) && (each !== 'offline_access' || grant_types.includes('refresh_token')),
  )
  if (granted.length === 0) throw new OAuthError('scope_not_registered')
  return granted
}

type ForChallenge = Readonly<{ client: Client; scope: readonly string[]; nonce: string | null }>

/**
 * RFC 7636 §4.3, §4.4.1; RFC 9700 §2.1.1 – Every client sends a challenge, and `S256` is the only method: `plain` tells the verifier to
 * everyone who sees the request. A confidential client may be registered without: OpenID Connect's `nonce`, or its `state`, then
 * binds the code to the browser.
 */
const codeChallengeOf = (form: Form, { client, scope, nonce }: ForChallenge): string | null => {
  const [challenge, method] = [form.get('code_challenge'), form.get('code_challenge_method')]
  if (challenge === undefined && method === undefined) {
    const isBound = (nonce !== null && scope.includes('openid')) || form.get('state') !== undefined
    if (client.require_pkce || !isBound) throw new OAuthError('code_challenge_missing')
    return null
  }
  if (method !== 'S256') throw new OAuthError('code_challenge_method_unsupported')
  if (challenge === undefined || !isCodeChallenge(challenge)) throw new OAuthError('code_challenge_malformed')
  return challenge
}

/** RFC 9449 §10 */
const dpopKeyOf = (form: Form): string | null => {
  const dpop_jkt = form.get('dpop_jkt')
  if (dpop_jkt === undefined) return null
  if (!isThumbprint(dpop_jkt)) throw new OAuthError('dpop_jkt_malformed')
  return dpop_jkt
}

/** OpenID Connect Core §3.1.2.1 – `none` stands alone. */
const promptOf = (form: Form): readonly Prompt[] => {
  const given = form.get('prompt')?.split(' ') ?? []
  const prompt = PROMPTS.filter(known => given.includes(known))
  if (given.some(each => !prompt.some(known => known === each))) throw new OAuthError('prompt_unknown')
  if (prompt.includes('none') && prompt.length > 1) throw new OAuthError('prompt_none_with_another')
  return prompt
}

/** OpenID Connect Core §3.1.2.1 – Whole seconds. */
const maxAgeOf = (form: Form): number | null => {
  const text = form.get('max_age')
  if (text === undefined) return null
  if (!/^\d{1,10}$/.test(text)) throw new OAuthError('max_age_malformed')
  return Number(text)
}
