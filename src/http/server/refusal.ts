import { AuthorizationRefused } from '../../domain/authorization/authorization-answer.ts'
import { aboutSignIn, type LogFields } from '../../domain/base/log-fields.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import { DPOP_ALGORITHMS } from '../../domain/oauth/dpop-proof.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { ERRORS, type ErrorCode } from '../../domain/refusals/oauth-errors.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import { PROBLEMS } from '../../domain/refusals/problem-codes.ts'
import { refusalPage } from '../pages/refusal.ts'
import { answerReply } from './answer-reply.ts'
import { pageReply } from './page-reply.ts'
import { type Call, type Handle, json, NO_STORE, type Reply, type Route } from './route.ts'

/** How errors are answered in one form: OAuth JSON, problem JSON, or a page. */
type Answers = Readonly<{
  /** The answer to a refusal; null for an error that is no refusal of this form. */
  refused: (error: unknown, call: Call) => Reply | null
  unavailable: (fault: Unavailable, call: Call) => Reply
  /** The answer to an error that was not foreseen. It reveals nothing. */
  failed: (call: Call) => Reply
}>

/**
 * The one place where an error becomes an answer, in the form that the route names. An error that is neither a refusal of that form nor
 * Unavailable is a fault of the server: a 500 with a line in the log, never a client's fault.
 */
export const catching =
  (errors: Route['errors'], handle: Handle): Handle =>
  async call => {
    try {
      return await handle(call)
    } catch (error) {
      return replyTo(error, ANSWERS[errors], call)
    }
  }

/** Lets a page answer a refused form itself, with what is wrong beside each field. Where `answer` returns null, the refusal is answered as everywhere. */
export const answeringProblems =
  (handle: Handle, answer: (problem: Problem, call: Call) => Promise<Reply | null>): Handle =>
  async call => {
    try {
      return await handle(call)
    } catch (error) {
      const reply = error instanceof Problem ? await answer(error, call) : null
      if (reply === null || !(error instanceof Problem)) throw error
      const headers = { ...reply.headers, ...retryAfter(error.retry_after_seconds) }
      return { ...reply, headers, log: { error: error.code, reason: reasonOf(error) } }
    }
  }

/** For a part of a route whose refusals get headers, cookies or fields of the log of their own. */
export const catchingProblems = (handle: Handle): Handle => catching('problem', handle)

const replyTo = (error: unknown, { refused, unavailable, failed }: Answers, call: Call): Reply => {
  const refusal = refused(error, call)
  if (refusal !== null) return refusal
  if (!(error instanceof Unavailable)) return { ...failed(call), fault: describe(error) }
  const log = { error: 'unavailable', reason: error.what, cause: describe(error.cause) }
  return { ...unavailable(error, call), log }
}

export const describe = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error)

/** RFC 6749 §5.2 */
const OAUTH: Answers = {
  refused: error => (error instanceof OAuthError ? oauthReply(error) : null),
  unavailable: ({ retry_after_seconds }) => {
    const error_description = 'Temporarily unavailable. Try again later.'
    const headers = { ...NO_STORE, ...retryAfter(retry_after_seconds) }
    return json(503, { error: 'temporarily_unavailable', error_description }, headers)
  },
  failed: () => {
    const error_description = 'Something went wrong here.'
    return json(500, { error: 'server_error', error_description }, NO_STORE)
  },
}

/** RFC 9457 §3 */
const PROBLEM: Answers = {
  refused: error => (error instanceof Problem ? problemReply(error) : null),
  unavailable: ({ retry_after_seconds }) => problemReply(new Problem('UNAVAILABLE', { retry_after_seconds })),
  failed: () => problemReply(new Problem('INTERNAL')),
}

/** Ours: a page for the person who reads it, with the request id as its reference. */
const PAGE: Answers = {
  refused: (error, call) => {
    if (error instanceof Problem) return pageRefusal(error, call)
    return error instanceof OAuthError ? pageRefusal(formProblem(error), call) : null
  },
  unavailable: ({ retry_after_seconds }, call) =>
    pageRefusal(new Problem('UNAVAILABLE', { retry_after_seconds }), call),
  failed: call => pageRefusal(new Problem('INTERNAL'), call),
}

/** A form that cannot be read, for the person who sent it. */
const formProblem = (cause: OAuthError): Problem =>
  cause.code === 'body_too_large'
    ? new Problem('PAYLOAD_TOO_LARGE', { cause })
    : new Problem('FORM_UNREADABLE', { cause })

/** RFC 6749 §4.1.2.1 – A refusal goes to the client once its redirect URI is verified, and before that to the person, as a page. */
const REDIRECT: Answers = {
  ...PAGE,
  refused: (error, call) => {
    if (!(error instanceof AuthorizationRefused)) return PAGE.refused(error, call)
    const { code, reason, detail } = error.refusal
    return { ...answerReply(call, error.answer), log: { error: ERRORS[code][1], reason, ...detail } }
  },
}

const ANSWERS: Readonly<Record<Route['errors'], Answers>> = {
  oauth: OAUTH,
  problem: PROBLEM,
  page: PAGE,
  redirect: REDIRECT,
}

const REALM = 'realm="signet"'
/** RFC 9449 §7.1 */
const ALGORITHMS = `algs="${DPOP_ALGORITHMS.join(' ')}"`

/** RFC 6749 §5.2, RFC 6750 §3 – How to authenticate: a client, or with a token. No error in the challenge when no token was shown. */
const OAUTH_CHALLENGES: Readonly<Partial<Record<ErrorCode, string>>> = {
  invalid_client: `Basic ${REALM}`,
  registration_token_missing: `Bearer ${REALM}`,
  token_missing: `Bearer ${REALM}, DPoP ${ALGORITHMS}`,
  invalid_token: `Bearer ${REALM}, error="invalid_token"`,
  token_proof_needed: `DPoP ${REALM}, error="invalid_token", ${ALGORITHMS}`,
  token_proof_invalid: `DPoP ${REALM}, error="invalid_dpop_proof", ${ALGORITHMS}`,
  token_nonce_needed: `DPoP ${REALM}, error="use_dpop_nonce", ${ALGORITHMS}`,
  insufficient_scope: `Bearer ${REALM}, error="insufficient_scope", scope="openid"`,
}

const oauthReply = ({ code, reason, description, detail }: OAuthError): Reply => {
  const [status, error] = ERRORS[code]
  const challenge = OAUTH_CHALLENGES[code]
  const headers = {
    ...NO_STORE,
    ...(challenge === undefined ? {} : { 'WWW-Authenticate': challenge }),
    ...retryAfter(detail.retry_after_seconds),
    ...(status === 413 ? CLOSE : {}),
  }
  return {
    ...json(status, { error, error_description: description }, headers),
    log: { error, reason, ...detail },
  }
}

/** RFC 9110 §15.5.6, RFC 6749 §5.2 – The clients of an OAuth endpoint read no problem. */
export const methodRefused = (methods: string): Reply => {
  const { status, body, headers, log } = oauthReply(new OAuthError('method_not_allowed'))
  return { status, body, headers: { ...headers, Allow: methods }, ...(log === undefined ? {} : { log }) }
}

export const problemReply = (problem: Problem, more: Reply['headers'] = {}): Reply => {
  const { code, errors, retry_after_seconds, members } = problem
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
      ? { 'WWW-Authenticate': problemChallenge(problem) }
      : {}),
    ...retryAfter(retry_after_seconds),
    ...(status === 413 ? CLOSE : {}),
    ...more,
  }
  return { status, body: JSON.stringify(body), headers, log: logOf(problem) }
}

/** RFC 6750 §3, RFC 9470 §3 – The challenge has no error code when the request has no token. */
const problemChallenge = ({ code, demand, reason }: Problem): string => {
  if (demand !== null) {
    const { acr_values, max_age_seconds } = demand
    const classes = acr_values === null ? '' : `, acr_values="${acr_values}"`
    const age = max_age_seconds === null ? '' : `, max_age="${max_age_seconds}"`
    return `Bearer ${REALM}, error="insufficient_user_authentication"${classes}${age}`
  }
  if (code === 'AUTH_PROOF_INVALID') return `DPoP ${REALM}, error="invalid_dpop_proof", ${ALGORITHMS}`
  if (code === 'AUTH_PROOF_NONCE_NEEDED') return `DPoP ${REALM}, error="use_dpop_nonce", ${ALGORITHMS}`
  if (isAboutSender(reason)) return `DPoP ${REALM}, error="invalid_token", ${ALGORITHMS}`
  if (code === 'SCOPE_INSUFFICIENT') return `Bearer ${REALM}, error="insufficient_scope"`
  return code === 'AUTH_TOKEN_INVALID' || code === 'AUTH_TOKEN_EXPIRED'
    ? `Bearer ${REALM}, error="invalid_token"`
    : `Bearer ${REALM}`
}

/** True where the token would need a proof, or another one. */
const isAboutSender = (reason: Problem['reason']): boolean =>
  reason === 'token_bound' || reason === 'token_not_bound' || reason === 'token_of_another_key'

/** The log fields of a problem. A problem that translates an OAuth refusal also has the sign-in of that refusal. */
const logOf = (problem: Problem): LogFields => {
  const { code, about, cause } = problem
  const translated = cause instanceof OAuthError ? aboutRefusal(cause) : {}
  return { error: code, reason: reasonOf(problem), ...translated, ...about }
}

const aboutRefusal = ({ detail }: OAuthError): LogFields => ({
  ...aboutSignIn(detail),
  ...(detail.cause === undefined ? {} : { cause: detail.cause }),
})

/** The reason of a problem: that of the OAuth refusal that it translates, or its own. A code without reasons is its own reason. */
const reasonOf = ({ code, reason, cause }: Problem): string =>
  cause instanceof OAuthError ? cause.reason : (reason ?? code.toLowerCase())

const pageRefusal = (problem: Problem, call: Call): Reply => {
  const { code, retry_after_seconds } = problem
  const [status] = PROBLEMS[code]
  const page = refusalPage(code, { restart: restartOf(problem), retry_after_seconds })
  const headers = { ...retryAfter(retry_after_seconds), ...(status === 413 ? CLOSE : {}) }
  const reply = pageReply(call, status, page, headers)
  return { ...reply, log: logOf(problem) }
}

/** The address at which what expired can begin again. */
const restartOf = ({ members }: Problem): string | null =>
  typeof members['restart'] === 'string' ? members['restart'] : null

/** The rest of a body that is too large is not read, so that the connection cannot be reused. */
const CLOSE = { Connection: 'close' }

const retryAfter = (seconds: number | null | undefined) =>
  typeof seconds === 'number' ? { 'Retry-After': String(seconds) } : {}
