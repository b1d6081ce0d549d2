import { PROBLEMS, Problem } from '../../domain/base/problem.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { ERRORS, OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { Log } from '../../ports/effects.ts'
import { type Handle, json, NO_STORE, type Reply, type Route } from './route.ts'

const REALM = 'realm="signet"'

/** The one place where an error becomes an answer. What nobody foresaw is a 500, loudly, and tells nothing. */
export const catching =
  (errors: Route['errors'], handle: Handle, log: Log): Handle =>
  async call => {
    try {
      return await handle(call)
    } catch (error) {
      if (error instanceof OAuthError) return oauthReply(error)
      if (error instanceof Problem) return problemReply(error)
      if (error instanceof Unavailable) return unavailableReply(errors, error)
      log.error({ request_id: call.request_id, error: describe(error) }, 'unexpected error')
      return errors === 'oauth'
        ? json(500, { error: 'server_error', error_description: 'Something went wrong here.' }, NO_STORE)
        : problemReply(new Problem('INTERNAL'))
    }
  }

/** RFC 6749 §5.2 */
const oauthReply = ({ code, reason, description, detail }: OAuthError): Reply => {
  const [status, error] = ERRORS[code]
  const headers = {
    ...NO_STORE,
    ...(status === 401 ? { 'WWW-Authenticate': `Basic ${REALM}` } : {}),
    ...retryAfter(detail.retry_after_seconds),
    ...(status === 413 ? CLOSE : {}),
  }
  return {
    ...json(status, { error, error_description: description }, headers),
    log: { error, reason, ...detail },
  }
}

/** RFC 9457 §3 */
export const problemReply = (problem: Problem, more: Reply['headers'] = {}): Reply => {
  const { code, errors, retry_after_seconds, members, demand } = problem
  const [status, title] = PROBLEMS[code]
  const body = {
    type: 'about:blank',
    title,
    status,
    code,
    ...(errors.length > 0 ? { errors } : {}),
    ...members,
  }
  const headers = {
    'Content-Type': 'application/problem+json',
    ...NO_STORE,
    ...(status === 401 || code === 'SCOPE_INSUFFICIENT'
      ? { 'WWW-Authenticate': challenge(code, demand) }
      : {}),
    ...retryAfter(retry_after_seconds),
    ...(status === 413 ? CLOSE : {}),
    ...more,
  }
  return { status, body: JSON.stringify(body), headers, log: { error: code, reason: reasonOf(problem) } }
}

/** RFC 6750 §3, RFC 9470 §3 – No error code in the challenge when no token was shown. */
const challenge = (code: Problem['code'], demand: Problem['demand']) => {
  if (demand !== null) {
    const { acr_values, max_age_seconds } = demand
    const classes = acr_values === null ? '' : `, acr_values="${acr_values}"`
    const age = max_age_seconds === null ? '' : `, max_age="${max_age_seconds}"`
    return `Bearer ${REALM}, error="insufficient_user_authentication"${classes}${age}`
  }
  if (code === 'SCOPE_INSUFFICIENT') return `Bearer ${REALM}, error="insufficient_scope"`
  return code === 'AUTH_TOKEN_INVALID' || code === 'AUTH_TOKEN_EXPIRED'
    ? `Bearer ${REALM}, error="invalid_token"`
    : `Bearer ${REALM}`
}

/** A refusal that translates one of an OAuth request is known by the reason of that one; a code that leaves nothing open, by itself. */
export const reasonOf = ({ code, reason, cause }: Problem): string =>
  cause instanceof OAuthError ? cause.reason : (reason ?? code.toLowerCase())

const unavailableReply = (
  errors: Route['errors'],
  { what, retry_after_seconds, cause }: Unavailable,
): Reply => {
  const headers = { ...NO_STORE, ...retryAfter(retry_after_seconds) }
  const log = { error: 'unavailable', reason: what, cause: describe(cause) }
  if (errors === 'problem') return { ...problemReply(new Problem('UNAVAILABLE'), headers), log }
  const body = {
    error: 'temporarily_unavailable',
    error_description: 'Temporarily unavailable. Try again later.',
  }
  return { ...json(503, body, headers), log }
}

/** The rest of a body that is too large is not read: the connection cannot be used again. */
const CLOSE = { Connection: 'close' }

const retryAfter = (seconds: number | null | undefined) =>
  typeof seconds === 'number' ? { 'Retry-After': String(seconds) } : {}

export const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)
