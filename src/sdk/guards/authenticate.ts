import { type CommonClaims, hasOptional } from '../verify/claims.ts'
import { type OptionNames, requireFunctions, requireKnownOptions } from '../verify/known-options.ts'
import { quietly } from '../verify/options.ts'
import { type PresentedRequest, presentsToken } from '../verify/presented.ts'
import { type Requirement, scopeNeeded } from '../verify/requirements.ts'
import { TokenError } from '../verify/token-error.ts'
import type { Verifier } from '../verify/verifier.ts'
import type { Authenticated, OldSessions } from './old-sessions.ts'

const OPTIONS: OptionNames<OldSessions<never>> = {
  recognise: true,
  enabled: true,
  until: true,
  onUse: true,
  now: true,
}

type Attempt<Request> = Readonly<{
  presented: PresentedRequest
  request: Request
  requirements: readonly Requirement[]
}>

/**
 * Ours – By the token of a request that has one, whatever becomes of it: a token that is refused never falls back to a session, because the
 * request would succeed as the session's person. Otherwise by the session, while sessions are taken. A request with neither rejects as one
 * without a token. Throws a TypeError for an invalid option.
 */
export const createAuthenticate = <Request>(
  verifier: Verifier,
  sessions: OldSessions<Request> | undefined,
): ((attempt: Attempt<Request>) => Promise<Authenticated>) => {
  if (sessions === undefined) return attempt => byToken(verifier, attempt)
  const { recognise, until, now } = parseSessions(sessions)
  const tell = quietly(sessions.onUse)
  return async attempt => {
    const { presented, request, requirements } = attempt
    const isSession = !presentsToken(presented.authorization) && now() < until
    const session = isSession ? await recognise(request) : null
    const auth =
      session === null || session === undefined
        ? await byToken(verifier, attempt)
        : bySession(session, requirements, now() / 1000, verifier)
    tell(auth)
    return auth
  }
}

const parseSessions = <Request>(sessions: OldSessions<Request>) => {
  requireKnownOptions('sessions', sessions, OPTIONS)
  const { recognise, enabled = true, until, now = Date.now } = sessions
  if (typeof recognise !== 'function') throw new TypeError('sessions: recognise must be a function')
  requireFunctions('sessions', { onUse: sessions.onUse, now })
  if (typeof enabled !== 'boolean') throw new TypeError('sessions: enabled must be true or false')
  const end = until === undefined ? Number.POSITIVE_INFINITY : new Date(until).getTime()
  // Date takes null for 1970: no session would be taken.
  if (until === null || Number.isNaN(end)) throw new TypeError('sessions: until must be a date')
  return { recognise, until: enabled ? end : Number.NEGATIVE_INFINITY, now }
}

const byToken = async (
  verifier: Verifier,
  { presented, requirements }: Omit<Attempt<never>, 'request'>,
): Promise<Authenticated> => ({ by: 'token', ...(await verifier.authenticate(presented, ...requirements)) })

const bySession = (
  session: CommonClaims,
  requirements: readonly Requirement[],
  now: number,
  { metadata }: Verifier,
): Authenticated => {
  const claims = Object.freeze({ ...session })
  if (typeof claims.sub !== 'string' || claims.sub === '' || !hasOptional(claims))
    throw new TypeError('sessions: recognise must give sub, and other claims in the type that a token has')
  for (const requirement of requirements) {
    const shortfall = requirement(claims, now)
    if (shortfall === null) continue
    const place: Readonly<Record<string, string>> =
      metadata === null ? {} : { resource_metadata: metadata.url }
    // A client that has no session asks for a token with these scopes.
    const needed = shortfall.code === 'scope_insufficient' ? scopeNeeded(requirements) : {}
    throw new TokenError(shortfall.code, { ...needed, ...shortfall.parameters, ...place })
  }
  return { by: 'session', claims, revocation: 'off' }
}
