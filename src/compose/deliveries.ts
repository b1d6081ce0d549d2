import { createAttemptDelivery } from '../flows/outbound/attempt-delivery.ts'
import { createDeliverLogout } from '../flows/outbound/deliver-logout.ts'
import { keepDelivering } from '../flows/outbound/keep-delivering.ts'
import type { Base } from './base.ts'
import type { OnClose, OpenParts } from './open.ts'

type Parts = Base & Readonly<{ outbound: OpenParts['outbound']; onClose: OnClose }>

/** Composes what is delivered to servers of others from the database. */
export const composeDeliveries = ({ onClose, outbound, ...parts }: Parts) => {
  const attempts = { backchannel_logout: createDeliverLogout({ ...parts, outbound }) }
  const { oldestSeconds, stop } = keepDelivering({
    ...parts,
    attemptDelivery: createAttemptDelivery({ ...parts, attempts }),
  })
  onClose(async () => {
    // The attempts under way end at once, and are put back while the database is still open.
    outbound.close()
    await stop()
  })
  return { oldestSeconds }
}
