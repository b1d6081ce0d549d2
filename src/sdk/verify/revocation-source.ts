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

/** Ours: a token that was got by exchange also ends when everything of the client ends at which its person signed in. */
export const askAbout = (
  token: RevocationQuery & Pick<Claims, 'sign_in_client_id'>,
  source: RevocationSource | null,
): Answer | Promise<Answer> => {
  const answer = ask(token, source)
  const { sign_in_client_id: client_id } = token
  if (source === null || client_id === undefined || client_id === token.client_id) return answer
  const ofSignIn = ask({ ...token, client_id }, source)
  return typeof answer === 'string' && typeof ofSignIn === 'string'
    ? worseOf(answer, ofSignIn)
    : Promise.all([answer, ofSignIn]).then(([one, other]) => worseOf(one, other))
}

/** From the worst. */
const ANSWERS: readonly Answer[] = ['revoked', 'stale', 'partial', 'checked', 'off']

const worseOf = (one: Answer, other: Answer): Answer =>
  ANSWERS.find(answer => answer === one || answer === other) ?? 'stale'

/** Never throws or rejects: a source that fails, or returns an unknown value, counts as stale. A synchronous answer gets no promise. */
const ask = (token: RevocationQuery, source: RevocationSource | null): Answer | Promise<Answer> => {
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
