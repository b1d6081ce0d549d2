import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { Unavailable } from '../../domain/base/unavailable.ts'
import {
  judgeSessionAnswer,
  type RecognisedSession,
  SESSION_MAX_CHARACTERS,
  SESSION_REFUSALS,
  type SessionExchange,
  sessionQuestion,
} from '../../domain/exchange/session-exchange.ts'
import { audienceFor, grantedAudience } from '../../domain/oauth/audience.ts'
import { logoutNoticeOf } from '../../domain/oauth/client.ts'
import { requireParameter } from '../../domain/oauth/form.ts'
import { OAuthError, type Reason } from '../../domain/oauth/oauth-error.ts'
import { isResource } from '../../domain/oauth/resource.ts'
import { narrowScope } from '../../domain/oauth/scope.ts'
import type { AskHook } from '../../domain/outbound/hook.ts'
import type { AskClaims } from '../../domain/sign-in/claims-hook.ts'
import type { ExtraClaims } from '../../domain/sign-in/extra-claims.ts'
import { namesPerson, retryProofOf } from '../../domain/sign-in/refresh-token.ts'
import { answerBought, answerRepeated } from '../../grants/authorization-code.ts'
import type { Grant, Granted, GrantRequest } from '../../grants/grant.ts'
import { mintFamily } from '../../grants/mint-family.ts'
import type { Clock, Log } from '../../ports/effects.ts'
import type { SessionExchanges } from '../../ports/session-exchanges.ts'

type Needs = Parameters<typeof mintFamily>[0] &
  Parameters<typeof answerRepeated>[0] &
  Readonly<{
    /** SESSION_VERIFIER_URL */
    url: string
    askHook: AskHook
    /** Null where no claims are asked for. */
    askClaims: AskClaims | null
    sessionExchanges: SessionExchanges
    clock: Clock
    log: Log
  }>

/** Seconds after which a client may try again while the verifier does not answer. */
const RETRY_AFTER_SECONDS = 5

/**
 * RFC 8693 §2, ours (docs/decisions/0051) – Exchanges the session that a person has at an application for a token pair: one family for a
 * session. The verifier is asked before anything is written, so that a session is not spent by its silence. What fails after the statement
 * can be repeated by the Idempotency-Key.
 */
export const createExchangeSession =
  (needs: Needs): Grant['exchange'] =>
  async request => {
    const { client } = request
    const { client_id } = client
    const asked = readSessionRequest(needs, request)
    const jkt = await request.proveSender()
    const { resources, scope } = asked
    const granted = { scope, audience: audienceFor(client, resources, needs.policy), jkt }
    needs.issue.requireLength(client, granted)
    const recognised = await recognise(needs, { client_id, subject_token: asked.subject_token })
    const person = await findPersonOf(needs, { client_id, ...recognised })
    const session = person === null ? recognised : { ...recognised, user_id: person.id, external_id: null }
    const claims = await claimsOfSession(needs, person, asked.exchange)
    const { minted, refresh_token } = mintFamily(needs, session.user_id)
    const outcome = await needs.sessionExchanges.exchange({
      ...asked.exchange,
      ...session,
      family: minted,
      claims,
    })
    // A request may ask for less than the one that opened the family.
    const asking = { client: { ...client, scope }, resources, jkt }
    switch (outcome.verdict) {
      case 'opened':
      case 'joined': {
        const { family } = outcome.bought
        const whose = { sub: family.user_id, sid: family.id }
        const prepared = await needs.issue.prepare(client, granted, whose)
        return ofAccessToken(
          await answerBought(needs, asking, { bought: outcome.bought, refresh_token, prepared }),
        )
      }
      case 'repeated':
        return ofAccessToken(await answerRepeated(needs, asking, outcome.bought))
      case 'ended':
      case 'account_unknown':
      case 'account_disabled': {
        const about = aboutSignIn({ sub: outcome.user_id, client_id })
        throw new OAuthError(SESSION_REFUSALS[outcome.verdict], about)
      }
    }
  }

/** RFC 8693 §2.2.1 */
const ofAccessToken = ({ tokens, about }: Granted): Granted => ({
  tokens: { ...tokens, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' },
  about,
})

/** What the client may not ask for at all is refused before the verifier is asked. */
const readSessionRequest = (
  { policy }: Pick<Needs, 'policy'>,
  { client, form, source, idempotency_key }: GrantRequest,
) => {
  const { client_id } = client
  const refuse = (reason: Reason) => new OAuthError(reason, { client_id })
  if (!client.session_exchange) throw refuse('session_not_registered')
  if (form.get('actor_token') !== undefined) throw refuse('exchange_actor_refused')
  const subject_token = requireParameter(form, 'subject_token')
  if (subject_token.length > SESSION_MAX_CHARACTERS) throw refuse('session_not_living')
  const named = form.get('audience')
  const resources = named === undefined ? form.resources : [...form.resources, named]
  if (!resources.every(isResource)) throw refuse('resource_malformed')
  const requested = form.get('scope')
  const scope = requested === undefined ? client.scope : narrowScope(requested, client.scope)
  audienceFor(client, resources, policy)
  const exchange = {
    client_id,
    scope,
    audience: grantedAudience(client, resources, policy),
    retry_proof: retryProofOf({ idempotency_key, client_id, scope: scope.split(' '), resources }),
    logout_notice: logoutNoticeOf(client),
    source,
  } satisfies Partial<SessionExchange>
  return { subject_token, resources, scope, exchange }
}

type PersonOf = Awaited<ReturnType<SessionExchanges['findPerson']>>

/** Looked up only where the operator's server is asked about the person, or the refresh token names her and the verifier did not. */
const findPersonOf = async (
  { askClaims, refresh_token_version, sessionExchanges }: Needs,
  session: Parameters<SessionExchanges['findPerson']>[0],
): Promise<PersonOf> => {
  const isNeeded = askClaims !== null || (namesPerson(refresh_token_version) && session.user_id === null)
  return isNeeded ? sessionExchanges.findPerson(session) : null
}

/** Those of a session that opens a sign-in; a later exchange gets the claims of the first one. */
const claimsOfSession = async (
  { askClaims }: Needs,
  person: PersonOf,
  { client_id, scope, audience }: Pick<SessionExchange, 'client_id' | 'scope' | 'audience'>,
): Promise<ExtraClaims | null> => {
  if (askClaims === null || !person?.isNew) return null
  const { id: sub, roles } = person
  return askClaims({ occasion: 'sign_in', sub, roles, client_id, scope, audience, amr: [] })
}

type Shown = Parameters<typeof sessionQuestion>[0]

/** Rejects with Unavailable while the verifier gives no answer, with an OAuthError when it says no or nonsense. */
const recognise = async (
  { url, askHook, clock, log }: Needs,
  { client_id, subject_token }: Shown,
): Promise<RecognisedSession> => {
  const outcome = await askHook({ url, body: sessionQuestion({ client_id, subject_token }) })
  const isSilent = outcome.outcome === 'unanswered' && outcome.reason !== 'answer_malformed'
  const verdict = outcome.outcome === 'answered' ? judgeSessionAnswer(outcome.answer, clock()) : null
  if (verdict === 'inactive') throw new OAuthError('session_not_living', { client_id })
  if (verdict !== null) return verdict
  const { outcome: _, ...fault } = isSilent ? outcome : { outcome: null, reason: 'answer_malformed' }
  log.warn(
    { event: 'session_verifier', client_id, ...fault },
    'the session verifier gave no answer: a session was not exchanged',
  )
  if (isSilent) throw new Unavailable('session_verifier', RETRY_AFTER_SECONDS, fault.reason)
  throw new OAuthError('session_answer_malformed', { client_id })
}
