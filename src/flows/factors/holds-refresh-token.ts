import type { Peppers } from '../../domain/base/pepper.ts'
import { Problem } from '../../domain/base/problem.ts'
import type { RefreshTransport, RequestSource } from '../../domain/sign-in/refresh-family.ts'
import { type PresentedRefreshToken, parseRefreshToken } from '../../domain/sign-in/refresh-token.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Log, Metrics } from '../../ports/effects.ts'
import type { Blocklist } from '../../ports/revocations.ts'
import type { RefreshFamilies } from '../../ports/sign-ins.ts'
import type { Bearer } from '../access/authenticate-bearer.ts'

type Needs = Readonly<{
  clients: Clients
  refreshFamilies: RefreshFamilies
  blocklist: Blocklist
  peppers: Peppers
  access_token_seconds: number
  metrics: Metrics
  log: Log
  /** Takes no time and never fails. */
  onReuse: (family_id: string) => void
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
      case 'current':
        return true
      case 'denied':
        return false
      case 'reused':
      case 'forged':
        return end(needs, token, { verdict, ip: source.ip, client_id: client.client_id })
    }
  }
}

type Ending = Readonly<{ verdict: 'reused' | 'forged'; ip: string; client_id: string }>

/** What a refresh does when such a token comes. Postgres has ended the family by now. */
const end = async (
  { blocklist, access_token_seconds, metrics, log, onReuse }: Needs,
  { family_id }: PresentedRefreshToken,
  { verdict, ip, client_id }: Ending,
): Promise<never> => {
  metrics.judged(verdict)
  const fields = { event: 'refresh_token_alert', client_id, sid: family_id, ip }
  log.warn(fields, `a refresh token that is ${verdict} came with a change: its family is ended`)
  if (verdict === 'reused') onReuse(family_id)
  await blocklist.add([{ kind: 'sid', value: family_id }], access_token_seconds)
  throw new Problem('AUTH_TOKEN_INVALID', { reason: `refresh_${verdict}` })
}
