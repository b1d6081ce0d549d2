import {
  type AuthorizationAnswer,
  AuthorizationRefused,
  codeAnswer,
  errorAnswer,
} from '../../domain/authorization/authorization-answer.ts'
import { authorizationCodeOf } from '../../domain/authorization/authorization-code.ts'
import {
  type AnswerTarget,
  type AuthorizationRequest,
  authorizationPathOf,
  judgeAuthorizationRequest,
} from '../../domain/authorization/authorization-request.ts'
import { type Consent, grantsOf } from '../../domain/authorization/consent.ts'
import {
  type AuthorizationStep,
  judgeStep,
  refusalWithoutPage,
} from '../../domain/authorization/interaction.ts'
import { parsePushedRequestUri } from '../../domain/authorization/pushed-request.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { RequireLength } from '../../domain/oauth/access-token-length.ts'
import { type AudiencePolicy, grantedAudience } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { BrowserSession, PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type {
  AuthorizationCodes,
  BrowserSessions,
  Consents,
  PushedRequests,
} from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock, Random } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import type { Offer, OfferFactors } from '../factors/offer-factors.ts'
import { PAGES_OCCASION } from '../sign-in/browser-sign-in.ts'
import { proveTarget, requireClient } from './prove-target.ts'
import { readIdTokenHint } from './read-id-token-hint.ts'

type Needs = Readonly<{
  browserSessions: BrowserSessions
  clients: Clients
  codes: AuthorizationCodes
  consents: Consents
  keys: Keys
  offerFactors: OfferFactors
  pushedRequests: PushedRequests
  /** RFC 9126 §5 – Of every client. */
  isPushRequired: boolean
  policy: AudiencePolicy
  /** A token that would be too long is refused before the code that would buy it is issued. */
  requireLength: RequireLength['requireLength']
  /** For one account: each code, and each ceremony of a second factor, is a row. */
  limit: Limit
  random: Random
  clock: Clock
}>

/** A request whose client and redirect URI are proved. */
type Asked = Readonly<{ request: AuthorizationRequest; client: Client }>

/** With the person who is signed in in this browser, if any. */
type AskedHere = Asked & Readonly<{ session: BrowserSession | null }>

/** What comes of a request: the answer to the client, or the page for the next step. */
export type AuthorizationProgress =
  | Readonly<{ outcome: 'answer'; answer: AuthorizationAnswer }>
  | (AskedHere &
      Readonly<{ outcome: 'page'; step: Exclude<AuthorizationStep, { step: 'issue' | 'second_factor' }> }>)
  | (AskedHere & Readonly<{ outcome: 'second_factor'; offer: Offer }>)

/** The session that the browser presents, and the session for which the page was made; null when the browser was signed out then. */
type Here = Readonly<{ presented: PresentedSession | null; session_id: string | null }>

type Resumed = Here & Readonly<{ request: AuthorizationRequest }>

export type Decision = Resumed &
  Readonly<{
    isAllowed: boolean
    /** Of the optional scopes those that the person left ticked; the scopes that are not optional are granted as a whole. */
    scope: readonly string[]
  }>

/**
 * RFC 6749 §4.1.1, OpenID Connect Core §3.1.2 – The authorization endpoint: the request is judged, then who is signed in, then whether
 * the person consents; then the code is issued. Throws a Problem for a person while the client or its redirect URI is not proved, and
 * AuthorizationRefused for the client from then on.
 */
export const createAuthorize = (needs: Needs) => ({
  begin: async (query: string, presented: PresentedSession | null): Promise<AuthorizationProgress> => {
    const { form, client, target, faults, pushed } = await proveTarget(needs, query)
    return answering(needs, target, async () => {
      for (const reason of faults) throw new OAuthError(reason)
      if (pushed === null && mustPush(needs, client)) throw new OAuthError('request_not_pushed')
      const { policy, keys, clock } = needs
      const hinted_sub = readIdTokenHint({ keys, issuer: policy.issuer }, form, client)
      const judging = { client, target, policy, hinted_sub, pushed, now: clock() }
      const request = judgeAuthorizationRequest(form, judging)
      return proceed(needs, { request, client }, { presented, session_id: null })
    })
  },

  /** Goes on with a request of an earlier page. Its registration may have changed since. */
  resume: async ({ request, ...here }: Resumed): Promise<AuthorizationProgress> => {
    const client = await requireClient(needs, request)
    return answering(needs, request, () => proceed(needs, { request, client }, here))
  },

  /** RFC 6749 §4.1.2.1 – What the person answered on the consent page. */
  decide: async ({ request, isAllowed, scope, ...here }: Decision): Promise<AuthorizationProgress> => {
    const client = await requireClient(needs, request)
    return answering(needs, request, async () => {
      const { client_id } = client
      if (!isAllowed || scope.length === 0) throw new OAuthError('denied_by_person', { client_id })
      const granted = { ...request, scope }
      const progress = await proceed(needs, { request: granted, client }, here)
      if (progress.outcome !== 'page' || progress.step.step !== 'consent') return progress
      const { session } = progress
      if (session === null || session.id !== here.session_id) return progress
      const parties = { user_id: session.account.id, client_id }
      const consent = await needs.consents.grant({
        ...parties,
        granted: grantsOf(granted.scope, granted.audience),
      })
      return issue(needs, { request: granted, client, session, consent })
    })
  },
})

export type Authorize = ReturnType<typeof createAuthorize>

/** RFC 9126 §5, §6 – Whether requests of the client are taken from the pushed ones alone. */
const mustPush = ({ isPushRequired }: Needs, client: Client): boolean =>
  isPushRequired || client.require_pushed_authorization_requests

/** RFC 6749 §4.1.2.1 – From here on, a refusal is sent to the client. */
const answering = async (
  { policy: { issuer } }: Needs,
  target: AnswerTarget,
  work: () => Promise<AuthorizationProgress>,
): Promise<AuthorizationProgress> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    throw new AuthorizationRefused(errorAnswer(error, { target, issuer }), error)
  }
}

/** The next step, judged anew each time: nothing that a page said before is believed. */
const proceed = async (
  needs: Needs,
  asked: Asked,
  { presented, session_id }: Here,
): Promise<AuthorizationProgress> => {
  const { request, client } = asked
  const { client_id } = client
  const found = presented && (await needs.browserSessions.findAtClient({ ...presented, client_id }))
  const { session, consent } = found ?? { session: null, consent: null }
  const step = judgeStep({ request, client, session, consent, now: needs.clock() })
  const refusal = request.prompt.includes('none') ? refusalWithoutPage(step) : null
  if (refusal !== null) throw new OAuthError(refusal, { client_id })
  if (step.step !== 'issue' && step.step !== 'second_factor')
    return { outcome: 'page', step, session, ...asked }
  if (session === null) throw new Error(`the step ${step.step} needs a person who is signed in`)
  if (session_id !== null && session.id !== session_id) throw ofAnotherPerson(request)
  if (step.step === 'second_factor') return demandFactor(needs, { ...asked, session })
  return issue(needs, { request, client, session, consent })
}

/** Another person has signed in since, in another tab: what the first one saw is not answered by the second one's code. */
const ofAnotherPerson = (request: AuthorizationRequest): Problem =>
  new Problem('PAGE_FOREIGN', {
    reason: 'session_of_another_page',
    members: { restart: authorizationPathOf(request) },
  })

/** RFC 9470 §5, OpenID Connect Core Error Code unmet_authentication_requirements 1.0 – For a session of too low a class. */
const demandFactor = async (
  { offerFactors, limit }: Needs,
  { session, ...asked }: Asked & Readonly<{ session: BrowserSession }>,
): Promise<AuthorizationProgress> => {
  await requireAllowance(limit, session.account.id)
  const offer = await offerFactors({ ...PAGES_OCCASION, account: session.account })
  if (offer === null) throw new OAuthError('authentication_unmet', { client_id: asked.client.client_id })
  return { outcome: 'second_factor', offer, session, ...asked }
}

type Settled = Readonly<{
  request: AuthorizationRequest
  client: Client
  session: BrowserSession
  consent: Consent | null
}>

/** RFC 6749 §4.1.2 – One insert. When the session ended in this very moment, the person signs in again. */
const issue = async (
  needs: Needs,
  { request, client, session, consent }: Settled,
): Promise<AuthorizationProgress> => {
  const { codes, random, policy, requireLength, limit } = needs
  await requireAllowance(limit, session.account.id)
  requireLength(client, { scope: request.scope.join(' '), audience: request.audience })
  const pushed = parsePushedRequestUri(request.pushed ?? '')
  const code = authorizationCodeOf({ user_id: session.account.id, random: random.bytes(SECRET_BYTES) })
  const isIssued = await codes.issue({
    user_id: session.account.id,
    digest: digestOf(code),
    session_id: session.id,
    client_id: client.client_id,
    redirect_uri: request.isRedirectUriGiven ? request.redirect_uri : null,
    code_challenge: request.code_challenge,
    scope: request.scope.join(' '),
    audience: audienceOfGrant(request, client, policy),
    nonce: request.nonce,
    consent_version: client.first_party ? null : (consent?.version ?? 0),
    isRefreshable: isRefreshable(request, client),
    pushed_request: pushed && digestOf(pushed),
  })
  if (isIssued)
    return { outcome: 'answer', answer: codeAnswer(code, { target: request, issuer: policy.issuer }) }
  const { client_id } = client
  // RFC 9126 §7.3: another code has consumed the pushed request, in another tab. To sign in again would not help.
  if (pushed !== null) throw new OAuthError('request_uri_invalid', { client_id })
  if (request.prompt.includes('none')) throw new OAuthError('login_required', { client_id })
  const step = { step: 'sign_in', why: 'signed_out' } as const
  return { outcome: 'page', step, request, client, session: null }
}

/** RFC 8707 §2.2 – What the refresh tokens of this grant can get tokens for: a resource that was named is not widened by anything. */
const audienceOfGrant = (
  request: AuthorizationRequest,
  client: Client,
  policy: AudiencePolicy,
): readonly string[] =>
  client.first_party && !request.isAudienceGiven ? grantedAudience(client, [], policy) : request.audience

/** OpenID Connect Core §11 – With `openid`, a refresh token is for a client that may act while the person is away. */
const isRefreshable = ({ scope }: AuthorizationRequest, { grant_types }: Client): boolean =>
  grant_types.includes('refresh_token') && (!scope.includes('openid') || scope.includes('offline_access'))
