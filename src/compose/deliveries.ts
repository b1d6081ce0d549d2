import { type AttemptDelivery, createAttemptDelivery } from '../flows/outbound/attempt-delivery.ts'
import { createDeliverLogout } from '../flows/outbound/deliver-logout.ts'
import { keepDelivering } from '../flows/outbound/keep-delivering.ts'
import type { Tracer } from '../ports/traces.ts'
import type { Base } from './base.ts'
import type { OnClose, OpenParts } from './open.ts'

type Parts = Base & Readonly<{ outbound: OpenParts['outbound']; tracer: Tracer | null; onClose: OnClose }>

/** Composes what is delivered to servers of others from the database. */
export const composeDeliveries = ({ onClose, outbound, tracer, ...parts }: Parts) => {
  const attempts = { backchannel_logout: createDeliverLogout({ ...parts, outbound }) }
  const { oldestSeconds, stop } = keepDelivering({
    ...parts,
    attemptDelivery: tracedAttempt(createAttemptDelivery({ ...parts, attempts }), tracer),
  })
  onClose(async () => {
    // The attempts under way end at once, and are put back while the database is still open.
    outbound.close()
    await stop()
  })
  return { oldestSeconds }
}

/** An attempt is a trace of its own: the request that has caused it was answered before. */
const tracedAttempt = (attempt: AttemptDelivery, tracer: Tracer | null): AttemptDelivery =>
  tracer === null
    ? attempt
    : delivery => {
        const attributes = { 'signet.delivery': delivery.kind }
        return tracer.trace(
          { name: `deliver ${delivery.kind}`, kind: 'internal', attributes },
          async note => {
            const outcome = await attempt(delivery)
            if (outcome !== null) note({ 'signet.outcome': outcome })
            return outcome
          },
        )
      }
