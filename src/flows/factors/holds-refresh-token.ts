import type { Peppers } from '../../domain/base/pepper.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { RefreshTransport, RequestSource } from '../../domain/sign-in/refresh-family.ts'
import { parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import { type EndingVerdict, reasonOf } from '../../domain/sign-in/refresh-verdict.ts'
import type { RaiseAlert } from '../../grants/security-alert.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Metrics } from '../../ports/effects.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'

type Needs = Readonly<{
  clients: Clients
  refreshFamilies: RefreshFamilies
  peppers: Peppers
  metrics: Metrics
  raiseAlert: RaiseAlert
}>

/** A refresh token beside an access token, and how it came. */
export type OwnRefreshToken = Readonly<{
  text: string
  refresh_transport: RefreshTransport
  source: RequestSource
}>

/**
 * Ours – Whether a request carries the current refresh token of the sign-in that its access token is of: what a service that was
 * sent the access token never has. Judged as for a refresh, without rotating. Throws a 401 for a superseded one, whose family ends.
 */
export type HoldsRefreshToken = (bearer: Bearer, given: OwnRefreshToken) => Promise<boolean>

export const createHoldsRefreshToken = (needs: Needs): HoldsRefreshToken => {
  const { clients, refreshFamilies, peppers } = needs
  return async ({ claims }, { text, refresh_transport, source }) => {
    const token = parseRefreshToken(text, peppers)
    const client = await clients.find(claims.client_id)
    if (token === null || client === null || token.family_id !== claims.sid) return false
    const [pepper] = peppers
    const verdict = await refreshFamilies.present({
      ...token,
      client_id: client.client_id,
      refresh_transport,
      sender_key: null,
      scope: null,
      resources: [],
      retry_proof: null,
      grace_seconds: client.refresh_grace_seconds,
      // Nothing rotates: it is never written.
      successor: { pepper_id: pepper.id, digest: token.digest },
      source,
    })
    switch (verdict) {
      case 'rotated':
      case 'replayed':
        return true
      case 'denied':
      case 'scope_exceeded':
      case 'resource_exceeded':
        return false
      case 'reused':
      case 'forged':
        throw superseded(needs, {
          verdict,
          client_id: client.client_id,
          family_id: token.family_id,
          ip: source.ip,
        })
    }
  }
}

type Superseded = Readonly<{
  verdict: EndingVerdict
  client_id: string
  family_id: string
  ip: string
}>

/** What a refresh does when such a token comes. The family has been ended by now. */
const superseded = ({ metrics, raiseAlert }: Needs, suspect: Superseded): Problem => {
  const { verdict } = suspect
  metrics.judged(verdict)
  raiseAlert(suspect, `a refresh token that is ${verdict} came with a change: its family is ended`)
  return new Problem('AUTH_TOKEN_INVALID', { reason: reasonOf(verdict) })
}
