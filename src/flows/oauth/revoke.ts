import { type AboutSignIn, aboutFamily, aboutSignIn } from '../../domain/base/log-fields.ts'
import type { Peppers } from '../../domain/base/pepper.ts'
import { judgeAccessToken } from '../../domain/oauth/access-token.ts'
import { requireParameter } from '../../domain/oauth/form.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import type { AuthenticateClient, ClientRequest } from '../../grants/client-authentication.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Limit } from '../../ports/limits.ts'
import type { Revocations } from '../../ports/revocations.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'

type Needs = Readonly<{
  authenticateClient: AuthenticateClient
  keys: Keys
  refreshFamilies: RefreshFamilies
  revocations: Revocations
  peppers: Peppers
  clock: Clock
  issuer: string
  /** Revoked access tokens of one person at one client, or of a client that acts for itself. */
  limit: Limit
}>

/**
 * RFC 7009 §2 – Ends a token of the client that asks. A refresh token, spent or not, ends with its whole family; an access token ends
 * alone. Another client's token is left as it is, and the answer does not reveal that. token_type_hint would save nothing and is ignored.
 */
export const createRevoke = (needs: Needs) => {
  const { keys, clock, issuer, limit, revocations, refreshFamilies } = needs

  /** Not counted: a family ends once, and a limit could keep a person from signing out. */
  const revokeRefreshToken = async (text: string, client_id: string): Promise<AboutSignIn> => {
    const token = parseRefreshToken(text, needs.peppers)
    if (token === null) return {}
    const { family_id, user_id, salt } = token
    const family = await refreshFamilies.end({ family_id, user_id, salt, client_id, reason: 'revoked' })
    return family === null ? {} : aboutFamily({ id: family_id, ...family })
  }

  /**
   * Ours – Each revoked token is an entry of the revocation feed, which no client and no person may grow at will. Only a new entry counts,
   * so that one token, revoked again and again, does not use up the limit of its person.
   */
  const revokeAccessToken = async (text: string, client_id: string): Promise<AboutSignIn> => {
    const claims = keys.verify('at+jwt', text)
    const judged = judgeAccessToken(claims, { issuer, sole_audience: null, now: clock() })
    if ('refusal' in judged || judged.claims.client_id !== client_id) return {}
    const { jti, sub, exp, act } = judged.claims
    // A service that revokes what it has exchanged must not end the person's sign-in by it, which many revoked tokens do.
    const family_id = act === undefined ? judged.claims.sid : undefined
    const about = aboutSignIn(judged.claims)
    const key = `${sub} ${client_id}`
    const usedUp = limit.isExhausted(key)
    if (usedUp !== null)
      throw new OAuthError('revoke_limit', { ...about, retry_after_seconds: usedUp.reset_seconds })
    const expires_at = new Date(exp * 1000)
    const { is_new } = await revocations.revokeAccessToken({
      jti,
      family: family_id === undefined ? undefined : { family_id, user_id: sub },
      client_id,
      expires_at,
    })
    if (is_new) await limit.consume(key)
    return about
  }

  return async (request: ClientRequest): Promise<AboutSignIn> => {
    const { client_id } = await needs.authenticateClient(request)
    const token = requireParameter(request.form, 'token')
    const revokeToken = token.includes('.') ? revokeAccessToken : revokeRefreshToken
    return { client_id, ...(await revokeToken(token, client_id)) }
  }
}
