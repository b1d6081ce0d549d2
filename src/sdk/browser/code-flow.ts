import type { PagesOptions } from './auth.ts'
import { AuthError, asAuthError } from './auth-error.ts'
import { sha256 } from './encoding.ts'
import { keep, readTokens } from './kept-tokens.ts'
import { asText, type JsonObject, parametersOf, sendPost } from './request.ts'
import type { PageStore } from './store.ts'

export type SignInOptions = Readonly<{
  /** Where the person was: a path of this origin. Default the page's own. */
  return_to?: string
  /** Further parameters of the authorization request: `prompt`, `login_hint`, `acr_values`, `max_age`, `ui_locales`. */
  parameters?: Readonly<Record<string, string>>
}>

/** Kept for the tab that has begun a sign-in. */
type Begun = Readonly<{ state: string; nonce: string; code_verifier: string; return_to: string }>

const EXCHANGE_TRIES = 3

export const authorizationUrl = async (
  { issuer, client_id, redirect_uri, scope, resource }: PagesOptions,
  { state, nonce, code_verifier }: Begun,
  parameters: Readonly<Record<string, string>>,
): Promise<string> => {
  const code_challenge = await sha256(code_verifier)
  const asked = { client_id, redirect_uri, scope, resource, state, nonce, code_challenge }
  const own = { ...asked, response_type: 'code', code_challenge_method: 'S256' }
  for (const name in parameters) if (name in own) throw new TypeError(`signIn: ${name} cannot be given`)
  return `${issuer}/authorize?${parametersOf({ ...parameters, ...own })}`
}

export const hasAnswer = ({ redirect_uri }: PagesOptions): boolean => {
  const { origin, pathname } = new URL(redirect_uri)
  const { searchParams } = new URL(location.href)
  return origin === location.origin && pathname === location.pathname && searchParams.has('state')
}

/** The answer in the address, which is taken away first: neither a reload nor the back button finds it again. */
export const takeAddress = (): URLSearchParams => {
  const { searchParams } = new URL(location.href)
  history.replaceState(history.state, '', location.pathname)
  return searchParams
}

type Completing = Readonly<{ kept: PageStore; begun: PageStore; address: URLSearchParams }>

/** RFC 6749 §4.1.3, RFC 9207 §2.4 – Judges the answer, and trades its code for tokens. */
export const complete = async (options: PagesOptions, { kept, begun, address }: Completing) => {
  const { issuer, client_id, redirect_uri, resource } = options
  const request = begun.read()
  begun.write(null)
  const state = asText(request?.['state'])
  if (request === null || state === undefined || address.get('state') !== state)
    throw new AuthError('callback', 'This tab has not begun this sign-in. Please sign in again.')
  if (address.get('iss') !== issuer) throw new AuthError('callback', 'The answer is of another server.')
  const reason = address.get('error')
  if (reason !== null) throw new AuthError('refused', address.get('error_description') ?? reason, { reason })
  const form = {
    grant_type: 'authorization_code',
    code: address.get('code') ?? '',
    redirect_uri,
    client_id,
    code_verifier: asText(request['code_verifier']),
    resource,
  }
  // The same key each time: an answer that was lost is given again.
  const sent = { url: `${issuer}/token`, body: parametersOf(form), idempotency_key: state }
  const answer = await postAgain(sent, EXCHANGE_TRIES)
  const { tokens, nonce } = readTokens(options, answer, null)
  if (nonce !== request['nonce']) throw new AuthError('callback', 'The answer belongs to another request.')
  keep(kept, answer, null)
  return { tokens, return_to: pathOf(asText(request['return_to']) ?? '/') }
}

const postAgain = async (sent: Parameters<typeof sendPost>[0], tries: number): Promise<JsonObject> => {
  try {
    return await sendPost(sent)
  } catch (error) {
    if (tries === 1 || asAuthError(error).code !== 'network') throw error
    return postAgain(sent, tries - 1)
  }
}

/**
 * A path of this origin; else the root. What came with the request may be an address of another origin, or a path that begins with two
 * slashes, such as that of `/.//evil.example`, which a browser takes for one.
 */
const pathOf = (return_to: string): string => {
  try {
    const { origin, pathname, search, hash } = new URL(return_to, location.origin)
    return origin === location.origin && !pathname.startsWith('//') ? pathname + search + hash : '/'
  } catch {
    return '/'
  }
}
