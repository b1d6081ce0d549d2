import { OAuthError } from './oauth-error.ts'

/** Ours: the scope of a token for administration, and the role of a person who may have one. */
export const ADMIN_SCOPE = 'signet:admin'
/** Ours: the same for reading alone. */
export const VIEWER_SCOPE = 'signet:viewer'

/** True for a scope that administers this server, or shows how it is administered. */
export const isForAdministration = (scope: string): boolean =>
  scope.split(' ').some(token => token === ADMIN_SCOPE || token === VIEWER_SCOPE)

/** Ours: scopes with this prefix are for the server itself. A client has one only by its entry of CLIENTS_FILE. */
export const isServerScope = (scope: string): boolean => scope.startsWith('signet:')

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/** RFC 6749 §3.3 – The tokens of a scope, each once, in the given order. Null for a scope that breaks the grammar. */
export const parseScope = (scope: string): readonly string[] | null => {
  if (scope === '') return []
  return SCOPE.test(scope) ? [...new Set(scope.split(' '))] : null
}

/** RFC 6749 §3.3 – The scope that a request asks for; null when it names none. Throws `invalid_scope`. */
export const requestedScope = (scope: string | undefined): readonly string[] | null => {
  if (scope === undefined) return null
  const tokens = parseScope(scope)
  if (tokens === null) throw new OAuthError('scope_malformed')
  return tokens
}

/** RFC 6749 §3.3 – The scope of a request, within the client's registration. Throws `invalid_scope`. */
export const narrowScope = (scope: string | undefined, registered: string): string => {
  const requested = requestedScope(scope)
  if (requested === null) return registered
  const allowed = new Set(registered.split(' '))
  if (!requested.every(token => allowed.has(token))) throw new OAuthError('scope_not_registered')
  return requested.join(' ')
}

/** Ours – The part of a sign-in's granted scope that the client's present registration still allows. */
export const scopeLeft = (granted: string, registered: string): string => {
  if (granted === registered) return granted
  const allowed = new Set(registered.split(' '))
  return granted
    .split(' ')
    .filter(token => allowed.has(token))
    .join(' ')
}
