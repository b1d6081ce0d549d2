import { judgeAccessToken } from '../domain/access-token.ts'
import { requireParameter } from '../domain/form.ts'
import { type Peppers, parseRefreshToken } from '../domain/refresh-token.ts'
import type { AuthenticateClient, ClientRequest } from '../grants/client-authentication.ts'
import type { Blocklist, Clock, Keys, RefreshFamilies, Revocations } from '../ports.ts'

type Needs = Readonly<{
  authenticateClient: AuthenticateClient
  keys: Keys
  refreshFamilies: RefreshFamilies
  revocations: Revocations
  blocklist: Blocklist
  peppers: Peppers
  clock: Clock
  issuer: string
  access_token_seconds: number
}>

/**
 * RFC 7009 §2 – Ends a token of the client that asks: a refresh token, spent or not, with its whole family; an access token alone.
 * Whatever is not the client's to end is left alone, and the answer does not tell. token_type_hint saves nothing here and is ignored.
 */
export const createRevoke = (needs: Needs) => {
  const revokeRefreshToken = async (text: string, client_id: string) => {
    const token = parseRefreshToken(text, needs.peppers)
    if (token === null) return
    const { family_id: id, salt } = token
    const hasEnded = await needs.refreshFamilies.revoke({ id, salt, client_id, reason: 'revoked' })
    if (hasEnded) await needs.blocklist.add([{ kind: 'sid', value: id }], needs.access_token_seconds)
  }

  const revokeAccessToken = async (text: string, client_id: string) => {
    const { keys, clock, issuer, revocations, blocklist } = needs
    const now = clock()
    const judged = judgeAccessToken(keys.verify('at+jwt', text), { issuer, sole_audience: null, now })
    if ('refusal' in judged || judged.claims.client_id !== client_id) return
    const { jti, exp } = judged.claims
    await revocations.revokeAccessToken({ jti, expires_at: new Date(exp * 1000) })
    await blocklist.add([{ kind: 'jti', value: jti }], exp - now.getTime() / 1000)
  }

  return async (request: ClientRequest): Promise<{ client_id: string }> => {
    const { client_id } = await needs.authenticateClient(request)
    const token = requireParameter(request.form, 'token')
    if (token.includes('.')) await revokeAccessToken(token, client_id)
    else await revokeRefreshToken(token, client_id)
    return { client_id }
  }
}
