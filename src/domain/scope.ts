import { OAuthError } from './oauth-error.ts'

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/

/** RFC 6749 §3.3 – The tokens of a scope, each once, in the order given. Null when it breaks the grammar. */
export const parseScope = (scope: string): readonly string[] | null => {
  if (scope === '') return []
  return SCOPE.test(scope) ? [...new Set(scope.split(' '))] : null
}

/** RFC 6749 §3.3 – What a request's scope comes to, within what the client is registered for. Throws `invalid_scope`. */
export const narrowScope = (requested: string | undefined, registered: string): string => {
  if (requested === undefined) return registered
  const tokens = parseScope(requested)
  if (tokens === null) throw new OAuthError('scope_malformed')
  const allowed = new Set(registered.split(' '))
  if (!tokens.every(token => allowed.has(token))) throw new OAuthError('scope_not_registered')
  return tokens.join(' ')
}
