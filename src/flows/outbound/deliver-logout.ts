import { logoutTokenClaims } from '../../domain/authorization/logout-token.ts'
import { ATTEMPT_MILLISECONDS, type Delivery } from '../../domain/outbound/delivery.ts'
import type { Clients } from '../../ports/clients.ts'
import type { Clock } from '../../ports/effects.ts'
import type { Keys } from '../../ports/keys.ts'
import type { Outbound } from '../../ports/outbound.ts'
import { type DeliveryAttempt, judgeAttempt } from './judge-attempt.ts'

type Needs = Readonly<{
  issuer: string
  clients: Pick<Clients, 'find'>
  keys: Pick<Keys, 'sign'>
  outbound: Outbound
  clock: Clock
}>

/**
 * OpenID Connect Back-Channel Logout §2.5, §2.8 – Sends a logout token to its client. The token is signed anew in each attempt, because it
 * lives for minutes and is tried for a day. A client that is no longer registered for it is told nothing. Rejects when no key may sign.
 */
export const createDeliverLogout =
  ({ issuer, clients, keys, outbound, clock }: Needs) =>
  async ({ id, receiver: client_id, user_id, sid }: Delivery): Promise<DeliveryAttempt> => {
    const client = await clients.find(client_id)
    if (client?.backchannel_logout_uri === undefined) return { result: 'dropped' }
    const iat = Math.floor(clock().getTime() / 1000)
    const logout_token = await keys.sign(
      'logout+jwt',
      logoutTokenClaims({ issuer, client_id, user_id, sid, jti: id, iat }),
    )
    const outcome = await outbound.send({
      url: client.backchannel_logout_uri,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ logout_token }).toString(),
      accept_bytes: 0,
      timeout_milliseconds: ATTEMPT_MILLISECONDS,
    })
    return judgeAttempt(outcome, isTaken)
  }

/**
 * OpenID Connect Back-Channel Logout §2.8 – 200 says that the client has ended its session; frameworks answer 204 too. Ours: every other
 * status is tried again, 400 too, because it stands for a logout that failed as well as for an invalid token.
 */
const isTaken = (status: number): boolean => status === 200 || status === 204
