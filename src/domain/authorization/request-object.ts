import { CLOCK_TOLERANCE_SECONDS } from '../base/clock-tolerance.ts'
import type { Form } from '../oauth/form.ts'
import type { Reason } from '../oauth/oauth-error.ts'

/** RFC 9101 §4 – A request object whose signature, issuer, audience and times have been verified. */
export type RequestObject = Readonly<{
  header: Readonly<{ typ?: unknown }>
  claims: Readonly<Record<string, unknown>>
}>

/** Ours: seconds until `exp`, at most, so that an object that leaked is of no use for long. */
const LIFETIME_SECONDS = 3_600
/** Ours: seconds since `iat` for an object without `exp`, which OpenID Connect Core §6.1 does not ask for. */
const AGE_SECONDS = 600

/** RFC 9101 §10.8.1, and what RFC 7519 §5.1 has for any JWT. A type may be written with `application/` before it. */
const TYPES: ReadonlySet<string> = new Set(['oauth-authz-req+jwt', 'jwt'])

type Judging = Readonly<{
  client_id: string
  /** The parameters beside the object. */
  beside: Form
  now: Date
}>

/** RFC 9101 §6.3 – What is wrong with a request object beside its signature; null for one that is taken. Ours: it may be shown again. */
export const judgeRequestObject = (object: RequestObject, judging: Judging): Reason | null => {
  const { claims } = object
  if (!isTyped(object) || isOfAnotherUse(object, judging)) return 'request_object_claims'
  if (!isRecent(object, judging)) return 'request_object_lifetime'
  if ('request' in claims || 'request_uri' in claims) return 'request_object_parameter'
  return isContradicted(object, judging) ? 'request_object_contradicted' : null
}

const isTyped = ({ header: { typ } }: RequestObject): boolean =>
  typ === undefined || (typeof typ === 'string' && TYPES.has(typ.toLowerCase().replace(/^application\//, '')))

/** RFC 9101 §10.8 – A client assertion names the client as its subject: neither JWT must pass for the other. */
const isOfAnotherUse = ({ claims }: RequestObject, { client_id }: Judging): boolean =>
  claims['client_id'] !== client_id || claims['sub'] === client_id

const isRecent = ({ claims: { exp, iat } }: RequestObject, { now }: Judging): boolean => {
  const now_seconds = now.getTime() / 1000
  if (typeof iat === 'number' && iat > now_seconds + CLOCK_TOLERANCE_SECONDS) return false
  if (typeof exp === 'number') return exp <= now_seconds + LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS
  return typeof iat === 'number' && iat > now_seconds - AGE_SECONDS - CLOCK_TOLERANCE_SECONDS
}

/** OpenID Connect Core §6.1 – What stands beside the object for the sake of OAuth 2.0 must be what is in the object. */
const isContradicted = ({ claims: { response_type } }: RequestObject, { beside }: Judging): boolean => {
  const given = beside.get('response_type')
  return given !== undefined && response_type !== undefined && given !== response_type
}

/** What the authorization endpoint reads. A claim that is none of these is ignored, as an unknown parameter is. */
const PARAMETERS: ReadonlySet<string> = new Set([
  'client_id',
  'response_type',
  'response_mode',
  'redirect_uri',
  'scope',
  'state',
  'nonce',
  'code_challenge',
  'code_challenge_method',
  'prompt',
  'max_age',
  'acr_values',
  'id_token_hint',
  'login_hint',
  'ui_locales',
  'dpop_jkt',
  'resource',
])

/**
 * RFC 9101 §4, §6.3 – The parameters of an object as a client would send them without one: beside them, the address says nothing that
 * counts, but for a `response_type` that only stands there (OpenID Connect Core §6.1). Null where one is neither a text nor a number.
 */
export const parametersOfObject = ({ claims }: RequestObject, beside: Form): string | null => {
  const parameters = new URLSearchParams()
  const given = { response_type: beside.get('response_type'), ...claims }
  for (const [name, value] of Object.entries(given)) {
    const values = name === 'resource' && Array.isArray(value) ? value.map(textOf) : [textOf(value)]
    if (value === undefined || !PARAMETERS.has(name)) continue
    for (const text of values) {
      if (text === null) return null
      parameters.append(name, text)
    }
  }
  return parameters.toString()
}

const textOf = (value: unknown): string | null => {
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) ? String(value) : null
}
