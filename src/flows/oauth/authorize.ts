import {
  type AuthorizationAnswer,
  AuthorizationRefused,
  errorAnswer,
} from '../../domain/authorization/authorization-answer.ts'
import {
  type AnswerTarget,
  type AuthorizationRequest,
  judgeAuthorizationRequest,
  restartPathOf,
} from '../../domain/authorization/authorization-request.ts'
import { type Consent, grantsOf, scopesAllowed, shownDocumentOf } from '../../domain/authorization/consent.ts'
import {
  type AuthorizationStep,
  judgeStep,
  refusalWithoutPage,
} from '../../domain/authorization/interaction.ts'
import type { ScopeCatalogue } from '../../domain/authorization/scope-catalogue.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { BrowserSession, PresentedSession } from '../../domain/sign-in/browser-session.ts'
import type { BrowserSessions, Consents, PushedRequests } from '../../ports/authorization.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import { requireAllowance } from '../access/require-allowance.ts'
import type { Offer, OfferFactors } from '../factors/offer-factors.ts'
import { PAGES_OCCASION } from '../sign-in/browser-sign-in.ts'
import { answerWithCode, type CodeNeeds } from './answer-with-code.ts'
import { proveTarget, requireClient } from './prove-target.ts'
import { readIdTokenHint } from './read-id-token-hint.ts'
import type { ReadRequestObject } from './read-request-object.ts'

type Needs = Readonly<{
  browserSessions: BrowserSessions
  clients: Clients
  consents: Consents
  keys: Keys
  offerFactors: OfferFactors
  pushedRequests: PushedRequests
  readRequestObject: ReadRequestObject
  /** RFC 9126 §5 – Of every client. */
  isPushRequired: boolean
  /** SCOPES_FILE, as it is now. */
  scopes: () => ScopeCatalogue
  clock: Clock
}> &
  CodeNeeds

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
type Here = Readonly<{
  presented: PresentedSession | null
  session_id: string | null
}>

/** `limit_key`: under which a fetch of the client's document is counted, the address of the browser. */
type Asking = Readonly<{ query: string; presented: PresentedSession | null; limit_key: string }>

type Resumed = Here & Readonly<{ request: AuthorizationRequest; limit_key: string }>

export type Decision = Resumed &
  Readonly<{
    isAllowed: boolean
    /** The optional scopes that the consent page had a box for; null when the form is not of a consent page. */
    choices: readonly string[] | null
    /** The description of the client that the page showed; null where it showed one of an operator. */
    document: string | null
    /** The scopes that the form names. */
    ticked: readonly string[]
  }>

/**
 * RFC 6749 §4.1.1, OpenID Connect Core §3.1.2 – The authorization endpoint: the request is judged, then who is signed in, then whether
 * the person consents; then the code is issued. Throws a Problem for a person while the client or its redirect URI is not proved, and
 * AuthorizationRefused for the client from then on.
 */
export const createAuthorize = (needs: Needs) => ({
  begin: async ({ presented, ...asked }: Asking): Promise<AuthorizationProgress> => {
    const { form, client, target, faults, pushed, isSigned } = await proveTarget(needs, asked)
    return answering(needs, target, async () => {
      for (const reason of faults) throw new OAuthError(reason)
      if (pushed === null && mustPush(needs, client)) throw new OAuthError('request_not_pushed')
      if (pushed === null && !isSigned && client.require_signed_request_object)
        throw new OAuthError('request_not_signed')
      const { policy, keys, clock } = needs
      const hinted_sub = readIdTokenHint({ keys, issuer: policy.issuer }, form, client)
      const judging = { client, target, policy, hinted_sub, pushed, isSigned, now: clock() }
      const request = judgeAuthorizationRequest(form, judging)
      return proceed(needs, { request, client }, { presented, session_id: null })
    })
  },

  /** Goes on with a request of an earlier page. Its registration may have changed since. */
  resume: async ({ request, limit_key, ...here }: Resumed): Promise<AuthorizationProgress> => {
    const client = await requireClient(needs, { request, limit_key })
    return answering(needs, request, () => proceed(needs, { request, client }, here))
  },

  /**
   * RFC 6749 §4.1.2.1 – What the person answered on the consent page. The page's own choices count, whatever the form names. A client that has
   * changed its description meanwhile gets nothing by the answer: the page is shown anew.
   */
  decide: async ({
    request,
    limit_key,
    isAllowed,
    choices,
    document,
    ticked,
    ...here
  }: Decision): Promise<AuthorizationProgress> => {
    const client = await requireClient(needs, { request, limit_key })
    return answering(needs, request, async () => {
      const scope = scopesAllowed(request.scope, { choices: choices ?? [], ticked })
      if (!isAllowed || scope.length === 0)
        throw new OAuthError('denied_by_person', { client_id: client.client_id })
      const standing = await judge(needs, { request, client }, here)
      const { session, step } = standing
      const isOfPage = choices !== null && session !== null && session.id === here.session_id
      const isAsShown = document === shownDocumentOf(client)
      if (!isOfPage || !isAsShown || (step.step !== 'consent' && step.step !== 'issue'))
        return advance(needs, standing, here)
      const consent = await needs.consents.grant({
        user_id: session.account.id,
        credential_epoch: session.account.credential_epoch,
        client_id: client.client_id,
        granted: grantsOf(scope, request.audience),
        declined: grantsOf(
          request.scope.filter(each => !scope.includes(each)),
          request.audience,
        ),
        document_digest: client.document_digest ?? null,
        document_parts: client.document_parts ?? null,
      })
      return answerWithCode(needs, { request: { ...request, scope }, client, session, consent })
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

type Standing = AskedHere & Readonly<{ consent: Consent | null; step: AuthorizationStep }>

/** Judged anew each time: nothing that a page said before is believed. */
const judge = async (
  { browserSessions, scopes, clock }: Needs,
  { request, client }: Asked,
  { presented }: Here,
): Promise<Standing> => {
  const { client_id } = client
  const found = presented && (await browserSessions.findAtClient({ ...presented, client_id }))
  const { session, consent } = found ?? { session: null, consent: null }
  const step = judgeStep({ request, client, session, consent, catalogue: scopes(), now: clock() })
  return { request, client, session, consent, step }
}

const proceed = async (needs: Needs, asked: Asked, here: Here): Promise<AuthorizationProgress> =>
  advance(needs, await judge(needs, asked, here), here)

/** Does the next step: shows its page, or issues the code. */
const advance = async (
  needs: Needs,
  { step, consent, ...asked }: Standing,
  { session_id }: Here,
): Promise<AuthorizationProgress> => {
  const { request, client, session } = asked
  const { client_id } = client
  const refusal = request.prompt.includes('none') ? refusalWithoutPage(step) : null
  if (refusal !== null) throw new OAuthError(refusal, { client_id })
  if (step.step !== 'issue' && step.step !== 'second_factor') return { outcome: 'page', step, ...asked }
  if (session === null) throw new Error(`the step ${step.step} needs a person who is signed in`)
  if (session_id !== null && session.id !== session_id) throw ofAnotherPerson(request)
  if (step.step === 'second_factor') return demandFactor(needs, { ...asked, session })
  return answerWithCode(needs, { request: { ...request, scope: step.scope }, client, session, consent })
}

/** Another person has signed in since, in another tab: what the first one saw is not answered by the second one's code. */
const ofAnotherPerson = (request: AuthorizationRequest): Problem =>
  new Problem('PAGE_FOREIGN', {
    reason: 'session_of_another_page',
    members: { restart: restartPathOf(request) },
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
