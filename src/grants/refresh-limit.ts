import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { PresentedRefreshToken } from '../domain/sign-in/refresh-token.ts'
import type { Allowance, Limit } from '../ports/limits.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'

type Needs = Readonly<{
  /** For one sign-in, wherever its refreshes come from. */
  limit: Limit
  refreshFamilies: Pick<RefreshFamilies, 'findCurrent'>
}>
type Presented = Readonly<{ client_id: string; token: PresentedRefreshToken }>

/**
 * Ours – What one sign-in may do in a minute is bounded. Null within the limit. Beyond it the current token is refused, and stays
 * what it is; any other is judged all the same: a thief who keeps the sign-in busy must not keep its owner's token from ending it.
 */
export const findExcess = async (
  { limit, refreshFamilies }: Needs,
  presented: Presented,
): Promise<Allowance | null> => {
  const { token } = presented
  const allowance = limit.isExhausted(token.family_id) ?? (await limit.consume(token.family_id))
  if (allowance === null || allowance.isAllowed) return null
  if ((await refreshFamilies.findCurrent(token)) !== null) throw tooMany(allowance, presented)
  return allowance
}

export const tooMany = ({ reset_seconds }: Allowance, { client_id, token }: Presented): OAuthError =>
  new OAuthError('refresh_limit', {
    client_id,
    sid: token.family_id,
    retry_after_seconds: reset_seconds,
  })
