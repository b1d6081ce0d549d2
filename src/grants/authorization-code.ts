import {
  type Bought,
  parseAuthorizationCode,
  type Redemption,
} from '../domain/authorization/authorization-code.ts'
import { CODE_REFUSALS } from '../domain/authorization/code-refusals.ts'
import { aboutFamily, aboutSignIn } from '../domain/base/log-fields.ts'
import type { Peppers } from '../domain/base/pepper.ts'
import type { RequireLength } from '../domain/oauth/access-token-length.ts'
import { type AudiencePolicy, audienceFor, audienceOfSignIn } from '../domain/oauth/audience.ts'
import { type Client, logoutNoticeOf } from '../domain/oauth/client.ts'
import { type Form, requireParameter } from '../domain/oauth/form.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import { challengeOf } from '../domain/oauth/pkce.ts'
import { scopeLeft } from '../domain/oauth/scope.ts'
import { currentTokenOf, type RefreshToken, retryProofOf } from '../domain/sign-in/refresh-token.ts'
import type { AuthorizationCodes } from '../ports/authorization.ts'
import type { Metrics, Random } from '../ports/effects.ts'
import type { Grant, Granted, GrantRequest } from './grant.ts'
import type { Issue, Prepared } from './issue.ts'
import { mintFamily, refreshTokenSecondsOf, senderKeyOf } from './mint-family.ts'
import type { RaiseAlert } from './security-alert.ts'

type Needs = Readonly<{
  codes: AuthorizationCodes
  issue: Issue
  random: Random
  peppers: Peppers
  refresh_token_version: number
  policy: AudiencePolicy
  isBounded: RequireLength['isBounded']
  metrics: Metrics
  raiseAlert: RaiseAlert
}>

/**
 * RFC 6749 §4.1.3, RFC 7636 §4.6 – Trades an authorization code for tokens. The verdict is the store's, on the locked row, with the
 * family opened or ended in the same statement; here it becomes an answer.
 */
export const createAuthorizationCodeGrant = (needs: Needs): Grant => ({
  grant_type: 'authorization_code',
  handsOriginDown: true,
  exchange: async request => {
    const { codes, metrics, raiseAlert } = needs
    const { client } = request
    const { client_id } = client
    const code = readRequest(needs, request)
    const jkt = await request.proveSender()
    const { minted, refresh_token } = mintFamily(needs, code.user_id)
    const presented = { ...code, jkt, sender_key: senderKeyOf(client, jkt), family: minted }
    const asked = { client, resources: presented.resources, jkt }
    const prepared = await prepare(needs, asked, { code: presented, sid: minted.id })
    const outcome = await codes.redeem(presented)
    metrics.codeJudged(outcome.verdict)
    switch (outcome.verdict) {
      case 'redeemed':
        if (prepared === null) throw new Error('a code that was not there was redeemed')
        return answerBought(needs, asked, { bought: outcome.bought, refresh_token, prepared })
      case 'repeated':
        return answerRepeated(needs, asked, outcome.bought)
      case 'replayed':
        if (outcome.family_id !== null) {
          const { family_id, user_id } = outcome
          const suspect = { client_id, family_id, user_id, source: request.source }
          raiseAlert(
            { ...suspect, verdict: 'code_replayed' },
            'a spent authorization code was presented: what it bought is ended',
          )
        }
        throw refusal(outcome, client_id)
      case 'replayed_after_end':
      case 'unknown_code':
      case 'expired':
      case 'spent_by_failures':
      case 'wrong_client':
      case 'wrong_redirect_uri':
      case 'wrong_verifier':
      case 'wrong_dpop_key':
      case 'resource_exceeded':
      case 'account_disabled':
      case 'epoch_passed':
      case 'session_ended':
      case 'consent_withdrawn':
        throw refusal(outcome, client_id)
    }
  },
})

type Refused = Readonly<{
  verdict: keyof typeof CODE_REFUSALS
  user_id: string
  family_id: string | null
}>

/** The account is named where the code was one of its own. */
const refusal = ({ verdict, user_id, family_id }: Refused, client_id: string): OAuthError =>
  new OAuthError(
    CODE_REFUSALS[verdict],
    aboutSignIn({ sub: verdict === 'unknown_code' ? null : user_id, sid: family_id, client_id }),
  )

/** What the client may not ask for at all is refused before the code is looked at: it stays usable. */
const readRequest = (
  { policy }: Needs,
  { client, form, source, idempotency_key }: GrantRequest,
): Omit<Redemption, 'family' | 'jkt' | 'sender_key'> => {
  const code = parseAuthorizationCode(requireParameter(form, 'code'))
  if (code === null) throw new OAuthError('code_malformed')
  const { client_id } = client
  const resources = form.resources.length > 0 ? audienceFor(client, form.resources, policy) : []
  // Named one by one: V8 builds properties after a spread one by one.
  return {
    user_id: code.user_id,
    digest: code.digest,
    client_id,
    redirect_uri: form.get('redirect_uri') ?? null,
    code_challenge: readChallenge(form),
    resources,
    logout_notice: logoutNoticeOf(client),
    retry_proof: retryProofOf({ idempotency_key, client_id, scope: null, resources }),
    source,
  }
}

/** RFC 7636 §4.1, §4.6 – A text that cannot be a verifier is the verifier of no code: `invalid_grant`, as for a wrong one. */
const readChallenge = (form: Form): string | null => {
  const code_verifier = form.get('code_verifier')
  if (code_verifier === undefined) return null
  const code_challenge = challengeOf(code_verifier)
  if (code_challenge === null) throw new OAuthError('code_verifier_malformed')
  return code_challenge
}

/** What a token is asked for with: by which client, for which resources, and bound to which key. */
export type Asked = Readonly<{ client: Client; resources: readonly string[]; jkt: string | null }>

/** What an answer with tokens needs. The device grant answers in the same way. */
type Answering = Pick<Needs, 'issue' | 'peppers' | 'policy'>

/** RFC 6749 §4.1.4, RFC 8707 §2.2 – What the registration, as it is now, leaves of what the code was issued for. */
export const grantLeft = (
  { policy }: Pick<Needs, 'policy'>,
  { client, resources, jkt }: Asked,
  granted: Readonly<{ scope: string; audience: readonly string[] }>,
) => ({
  scope: scopeLeft(granted.scope, client.scope),
  audience: audienceOfSignIn(client, { resources, granted: granted.audience }, policy),
  jkt,
})

/**
 * Before the redemption: what fails after it is a 503 to a client whose code is spent. A code is looked up first only where its token
 * might be too long, or takes a place in a list: made-up codes must not fill the lists. Null for a code that nothing can be bought with.
 */
const prepare = async (
  needs: Needs,
  asked: Asked,
  { code, sid }: Readonly<{ code: Omit<Redemption, 'family'>; sid: string }>,
): Promise<Prepared | null> => {
  const { codes, issue, isBounded } = needs
  const { client } = asked
  const isReadFirst = client.status_list || !isBounded(client)
  const found = isReadFirst ? await codes.findUnspent(code) : null
  if (isReadFirst && found === null) return null
  const grant = grantLeft(needs, asked, found ?? { scope: client.scope, audience: [] })
  return issue.prepare(client, grant, found && { sub: code.user_id, sid })
}

/** The same family's token again: recomputed from its row, so that it is the one that the first answer held. */
export const answerRepeated = async (needs: Answering, asked: Asked, bought: Bought): Promise<Granted> => {
  const { family } = bought
  const refresh_token = currentTokenOf(family, needs.peppers)
  if (refresh_token === null) throw new OAuthError('refresh_pepper_gone', { sid: family.id })
  const whose = { sub: family.user_id, sid: family.id }
  const prepared = await needs.issue.prepare(asked.client, grantLeft(needs, asked, family), whose)
  return answerBought(needs, asked, { bought, refresh_token, prepared })
}

type Answered = Readonly<{ bought: Bought; refresh_token: RefreshToken; prepared: Prepared }>

/** RFC 6749 §4.1.4, OpenID Connect Core §3.1.3.3 */
export const answerBought = async (
  needs: Answering,
  asked: Asked,
  { bought, refresh_token, prepared }: Answered,
): Promise<Granted> => {
  const { family, person, nonce, isRefreshable } = bought
  const { issue } = needs
  const grant = grantLeft(needs, asked, family)
  const tokens = await issue.toFamily(family, grant, prepared)
  const { access_token } = tokens
  const { scope } = grant
  const isOpenId = scope.split(' ').includes('openid')
  return {
    tokens: {
      ...tokens,
      ...(isRefreshable ? { refresh_token, refresh_token_expires_in: refreshTokenSecondsOf(family) } : {}),
      ...(isOpenId ? { id_token: await issue.idToken({ family, person, nonce, scope, access_token }) } : {}),
    },
    about: aboutFamily(family),
  }
}
