import type { Claims } from './claims.ts'

/**
 * `stale`: what the source knows is older than its bound, so that a missing entry proves nothing. `partial`: neither the sign-in nor
 * the person nor the client was ended, but the source has no room to know of each single token.
 */
export type Standing = 'live' | 'revoked' | 'stale' | 'partial'

/** What a revocation may name. */
export type RevocationQuery = Pick<Claims, 'jti' | 'sid' | 'sub' | 'client_id' | 'iat' | 'exp'>

/** Where a verifier asks, for each token and each time, whether it was revoked. A source that throws or rejects counts as stale. */
export type RevocationSource = Readonly<{
  check(token: RevocationQuery): Standing | Promise<Standing>
}>

/** What was known about revocation when a token was accepted: `off` where no source was given. */
export type RevocationKnowledge = 'checked' | 'stale' | 'off'

type Answer = RevocationKnowledge | 'revoked' | 'partial'

/** Never throws or rejects: a source that fails, or says something else, knows nothing. No promise where the source needs none. */
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
