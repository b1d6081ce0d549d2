import type { Claims } from './claims.ts'

/**
 * `stale`: the source's knowledge is older than its bound, so that a missing entry proves nothing. `partial`: neither the sign-in nor
 * the person nor the client was ended, but the source has no room for all single tokens.
 */
export type Standing = 'live' | 'revoked' | 'stale' | 'partial'

/** The claims that a source may use to look a token up. */
export type RevocationQuery = Pick<Claims, 'jti' | 'sid' | 'sub' | 'client_id' | 'iat' | 'exp'>

/** The verifier asks this at each request, also for a token from its cache. A source that throws or rejects counts as stale. */
export type RevocationSource = Readonly<{
  check(token: RevocationQuery): Standing | Promise<Standing>
}>

/** What was known about revocation when a token was accepted: `off` where no source was given. */
export type RevocationKnowledge = 'checked' | 'stale' | 'off'

type Answer = RevocationKnowledge | 'revoked' | 'partial'

/** Never throws or rejects: a source that fails, or returns an unknown value, counts as stale. A synchronous answer gets no promise. */
export const askAbout = (
  token: RevocationQuery,
  source: RevocationSource | null,
): Answer | Promise<Answer> => {
  if (source === null) return 'off'
  try {
    const standing = source.check(token)
    return typeof standing === 'string'
      ? answerOf(standing)
      : Promise.resolve(standing).then(answerOf, () => 'stale')
  } catch {
    return 'stale'
  }
}

const answerOf = (standing: Standing): Answer => {
  if (standing === 'live') return 'checked'
  return standing === 'revoked' || standing === 'partial' ? standing : 'stale'
}
