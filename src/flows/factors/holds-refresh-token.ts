import type { Peppers } from '../../domain/base/pepper.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { RefreshTransport, TracedSource } from '../../domain/sign-in/refresh-family.ts'
import { parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import { type EndingVerdict, reasonOf } from '../../domain/sign-in/refresh-verdict.ts'
import type { RaiseAlert } from '../../grants/security-alert.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Metrics } from '../../ports/effects.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import { actingIdOf, type Owner } from '../access/actor.ts'

type Needs = Readonly<{
  clients: Clients
  refreshFamilies: RefreshFamilies
  peppers: Peppers
  metrics: Metrics
  raiseAlert: RaiseAlert
}>

/** A refresh token that came beside an access token. */
export type OwnRefreshToken = Readonly<{
  text: string
  refresh_transport: RefreshTransport
  source: TracedSource
}>

/**
 * Ours – True where a request carries the current refresh token of its own sign-in. A service that was sent the access token does not
 * have the refresh token. The token is judged as for a refresh, without rotating. Throws a 401 for a superseded token, whose family ends.
 */
export type HoldsRefreshToken = (owner: Owner, given: OwnRefreshToken) => Promise<boolean>

export const createHoldsRefreshToken = (needs: Needs): HoldsRefreshToken => {
  const { clients, refreshFamilies, peppers } = needs
  return async (owner, { text, refresh_transport, source }) => {
    const token = parseRefreshToken(text, peppers)
    const client = await clients.find(owner.client_id)
    if (token === null || client === null || token.family_id !== actingIdOf(owner)) return false
    const [pepper] = peppers
    const outcome = await refreshFamilies.judge({
      ...token,
      client_id: client.client_id,
      refresh_transport,
      sender_key: owner.jkt,
      scope: null,
      resources: [],
      retry_proof: null,
      grace_seconds: client.refresh_grace_seconds,
      // Never written, because nothing rotates.
      successor: { pepper_id: pepper.id, digest: token.digest },
      source,
    })
    switch (outcome) {
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
          verdict: outcome,
          client_id: client.client_id,
          family_id: token.family_id,
          user_id: owner.account.id,
          source,
        })
    }
  }
}

type Superseded = Parameters<RaiseAlert>[0] & Readonly<{ verdict: EndingVerdict }>

/** Counts and reports the token as a refresh would. The statement has ended its family. */
const superseded = ({ metrics, raiseAlert }: Needs, suspect: Superseded): Problem => {
  const { verdict } = suspect
  metrics.judged(verdict)
  raiseAlert(suspect, `a refresh token that is ${verdict} came with a change: its family is ended`)
  return new Problem('AUTH_TOKEN_INVALID', { reason: reasonOf(verdict) })
}
