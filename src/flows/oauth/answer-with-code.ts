import { type AuthorizationAnswer, codeAnswer } from '../../domain/authorization/authorization-answer.ts'
import { authorizationCodeOf } from '../../domain/authorization/authorization-code.ts'
import type { AuthorizationRequest } from '../../domain/authorization/authorization-request.ts'
import type { Consent } from '../../domain/authorization/consent.ts'
import { parsePushedRequestUri } from '../../domain/authorization/pushed-request.ts'
import { digestOf } from '../../domain/base/digest.ts'
import { SECRET_BYTES } from '../../domain/base/personal-secret.ts'
import type { RequireLength } from '../../domain/oauth/access-token-length.ts'
import { type AudiencePolicy, grantedAudience } from '../../domain/oauth/audience.ts'
import type { Client } from '../../domain/oauth/client.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import type { BrowserSession } from '../../domain/sign-in/browser-session.ts'
import type { AskClaims } from '../../domain/sign-in/claims-hook.ts'
import type { AuthorizationCodes } from '../../ports/authorization.ts'
import type { Random } from '../../ports/effects.ts'
import type { Limit } from '../../ports/limits.ts'
import { requireAllowance } from '../access/require-allowance.ts'

export type CodeNeeds = Readonly<{
  codes: AuthorizationCodes
  policy: AudiencePolicy
  /** A token that would be too long is refused before the code that would buy it is issued. */
  requireLength: RequireLength['requireLength']
  /** For one account: each code, and each ceremony of a second factor, is a row. */
  limit: Limit
  askClaims: AskClaims
  random: Random
}>

type Settled = Readonly<{
  request: AuthorizationRequest
  client: Client
  session: BrowserSession
  consent: Consent | null
}>

type SignInAgain = Readonly<{
  outcome: 'page'
  step: Readonly<{ step: 'sign_in'; why: 'signed_out' }>
  request: AuthorizationRequest
  client: Client
  session: null
}>

/** RFC 6749 §4.1.2 – One insert. When the session ended in this very moment, the person signs in again. */
export const answerWithCode = async (
  { codes, random, policy, requireLength, limit, askClaims }: CodeNeeds,
  { request, client, session, consent }: Settled,
): Promise<Readonly<{ outcome: 'answer'; answer: AuthorizationAnswer }> | SignInAgain> => {
  await requireAllowance(limit, session.account.id)
  requireLength(client, { scope: request.scope.join(' '), audience: request.audience, jkt: request.dpop_jkt })
  const pushed = parsePushedRequestUri(request.pushed ?? '')
  const code = authorizationCodeOf({ user_id: session.account.id, random: random.bytes(SECRET_BYTES) })
  const grant = {
    client_id: client.client_id,
    scope: request.scope.join(' '),
    audience: audienceOfGrant(request, client, policy),
  }
  const claims = await askClaims({ ...grant, ...signedIn(session) })
  const isIssued = await codes.issue({
    ...grant,
    user_id: session.account.id,
    digest: digestOf(code),
    session_id: session.id,
    redirect_uri: request.isRedirectUriGiven ? request.redirect_uri : null,
    code_challenge: request.code_challenge,
    dpop_jkt: request.dpop_jkt,
    nonce: request.nonce,
    consent_version: client.first_party ? null : (consent?.version ?? 0),
    isRefreshable: isRefreshable(request, client),
    pushed_request: pushed && digestOf(pushed),
    claims,
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

/** What the claims hook is told of the person who is signed in on the pages. */
export const signedIn = ({ account, amr }: BrowserSession) =>
  ({ occasion: 'sign_in', sub: account.id, roles: account.roles, amr }) as const

/** RFC 8707 §2.2 – What the refresh tokens of this grant can get tokens for: a resource that was named is not widened by anything. */
export const audienceOfGrant = (
  request: Pick<AuthorizationRequest, 'audience' | 'isAudienceGiven'>,
  client: Client,
  policy: AudiencePolicy,
): readonly string[] =>
  client.first_party && !request.isAudienceGiven ? grantedAudience(client, [], policy) : request.audience

/** OpenID Connect Core §11 – With `openid`, a refresh token is for a client that may act while the person is away. */
export const isRefreshable = (
  { scope }: Pick<AuthorizationRequest, 'scope'>,
  { grant_types }: Client,
): boolean =>
  grant_types.includes('refresh_token') && (!scope.includes('openid') || scope.includes('offline_access'))
