import { aboutFamily } from '../domain/base/log-fields.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { Family } from '../domain/sign-in/refresh-family.ts'
import type { PresentedRefreshToken } from '../domain/sign-in/refresh-token.ts'
import type { Allowance, Limit } from '../ports/limits.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'

type Needs = Readonly<{
  /** For one sign-in, wherever its refreshes come from. */
  limit: Limit
  refreshFamilies: Pick<RefreshFamilies, 'findCurrent'>
}>

/**
 * Ours – What one sign-in may do in a minute is bounded. Null within the limit. Beyond it the current token is refused, and stays
 * what it is; any other is judged all the same: a thief who keeps the sign-in busy must not keep its owner's token from ending it.
 */
export const findExcess = async (
  { limit, refreshFamilies }: Needs,
  token: PresentedRefreshToken,
): Promise<Allowance | null> => {
  const allowance = limit.isExhausted(token.family_id) ?? (await limit.consume(token.family_id))
  if (allowance === null || allowance.isAllowed) return null
  const current = await refreshFamilies.findCurrent(token)
  if (current !== null) throw tooMany(allowance, current)
  return allowance
}

export const tooMany = ({ reset_seconds }: Allowance, family: Family): OAuthError =>
  new OAuthError('refresh_limit', { ...aboutFamily(family), retry_after_seconds: reset_seconds })
