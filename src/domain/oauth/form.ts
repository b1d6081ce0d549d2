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

/** What is wrong with a parameter, by its name; the empty name stands for the text as a whole. */
export type ParameterFaults = ReadonlyMap<
  string,
  'body_unreadable' | 'parameter_malformed' | 'parameter_repeated'
>

/** RFC 6749 §3.1, §3.2, appendix B – The parameters of a query or a body, with the faults of those that are not given once and readable. */
export const parseParameters = (text: string): Readonly<{ form: Form; faults: ParameterFaults }> => {
  const parameters = new Map<string, string>()
  const resources: string[] = []
  const faults = new Map<string, 'body_unreadable' | 'parameter_malformed' | 'parameter_repeated'>()
  if (/%(?![0-9a-fA-F]{2})/.test(text)) faults.set('', 'body_unreadable')
  for (const [name, value] of new URLSearchParams(text)) {
    if (UNREADABLE.test(name) || UNREADABLE.test(value)) faults.set(name, 'parameter_malformed')
    else if (name === 'resource') resources.push(...[value].filter(Boolean))
    else if (parameters.has(name)) faults.set(name, 'parameter_repeated')
    else parameters.set(name, value)
  }
  return { form: { get: name => parameters.get(name) || undefined, resources }, faults }
}

/** RFC 6749 §3.2, appendix B – Each parameter once, empty means absent. Throws `invalid_request`. */
export const parseForm = (body: string): Form => {
  const { form, faults } = parseParameters(body)
  for (const fault of faults.values()) throw new OAuthError(fault)
  return form
}

/** The parameter's value. Throws `invalid_request` when it is absent or empty. */
export const requireParameter = (form: Form, name: string): string => {
  const value = form.get(name)
  if (value === undefined) throw new OAuthError('parameter_missing', { parameter: name })
  return value
}
