import { OAuthError } from './oauth-error.ts'

/** The parameters of a request, each given once. */
export type Form = Readonly<{
  /** Undefined when the parameter is absent or empty. */
  get(name: string): string | undefined
  /** RFC 8707 §2 – `resource` is the only parameter that may be repeated. */
  resources: readonly string[]
}>

/** Control characters, and the replacement character that a decoder puts in place of invalid UTF-8. */
const UNREADABLE = /[\p{Cc}\ufffd]/u

/** RFC 6749 §3.2, appendix B – Reads parameters, each given once; an empty one is absent. Throws `invalid_request`. */
export const parseForm = (body: string): Form => {
  if (/%(?![0-9a-fA-F]{2})/.test(body)) throw new OAuthError('body_unreadable')
  const parameters = new Map<string, string>()
  const resources: string[] = []
  for (const [name, value] of new URLSearchParams(body)) {
    if (UNREADABLE.test(name) || UNREADABLE.test(value)) throw new OAuthError('parameter_malformed')
    if (name === 'resource') {
      if (value !== '') resources.push(value)
      continue
    }
    if (parameters.has(name)) throw new OAuthError('parameter_repeated')
    parameters.set(name, value)
  }
  return { get: name => parameters.get(name) || undefined, resources }
}

/** The parameter's value. Throws `invalid_request` when it is absent or empty. */
export const requireParameter = (form: Form, name: string): string => {
  const value = form.get(name)
  if (value === undefined) throw new OAuthError('parameter_missing', { parameter: name })
  return value
}
