import { aboutFamily } from '../domain/base/log-fields.ts'
import { OAuthError } from '../domain/oauth/oauth-error.ts'
import type { Family } from '../domain/sign-in/refresh-family.ts'
import type { PresentedRefreshToken } from '../domain/sign-in/refresh-token.ts'
import type { Allowance, Limit } from '../ports/limits.ts'
import type { RefreshFamilies } from '../ports/sign-ins.ts'

type Needs = Readonly<{
  /** Refreshes of one sign-in, from all addresses together. */
  limit: Limit
  refreshFamilies: Pick<RefreshFamilies, 'findCurrent'>
}>

/**
 * Ours – Counts a refresh against the limit of its sign-in. Null within the limit. Beyond the limit the current token is refused and stays
 * current. Any other token is judged all the same: a thief who uses up the limit must not keep the owner's token from ending the sign-in.
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
