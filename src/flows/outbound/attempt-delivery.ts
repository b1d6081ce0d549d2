import { aboutSignIn } from '../../domain/base/log-fields.ts'
import { NIL_UUID } from '../../domain/base/uuid.ts'
import { type Delivery, type DeliveryOutcome, deliveryPauseOf } from '../../domain/outbound/delivery.ts'
import type { Deliveries } from '../../ports/deliveries.ts'
import type { Log, Metrics, Random } from '../../ports/effects.ts'
import type { DeliveryAttempt } from './judge-attempt.ts'

type Needs = Readonly<{
  deliveries: Pick<Deliveries, 'finish' | 'postpone'>
  /** How a delivery is attempted. */
  attempt: (delivery: Delivery) => Promise<DeliveryAttempt>
  metrics: Pick<Metrics, 'attempted'>
  random: Pick<Random, 'bytes'>
  log: Log
}>

export type AttemptDelivery = ReturnType<typeof createAttemptDelivery>

/**
 * Ours – Attempts a claimed delivery and notes in the database what has come of it. Null when this server had no time
 * for it or is stopping. Rejects when the database or the keys are away: the claim ends by itself, and another attempt follows.
 */
export const createAttemptDelivery = ({ deliveries, attempt, metrics, random, log }: Needs) => {
  const fail = async (
    delivery: Delivery,
    fault: Readonly<Record<string, unknown>>,
  ): Promise<DeliveryOutcome> => {
    const pause = deliveryPauseOf(delivery.attempts, (random.bytes(1)[0] ?? 0) / 256)
    const fields = { ...aboutDelivery(delivery), ...fault }
    if (pause >= delivery.seconds_left) {
      await deliveries.finish(delivery)
      log.error(fields, 'a delivery was given up: its receiver was not told')
      return 'given_up'
    }
    await deliveries.postpone(delivery, pause)
    if (delivery.attempts === 1) log.warn(fields, 'a delivery is late: it will be tried again')
    return 'failed'
  }

  const settle = async (delivery: Delivery): Promise<DeliveryOutcome | null> => {
    const { result, ...fault } = await attempt(delivery)
    switch (result) {
      case 'delivered':
      case 'dropped':
        await deliveries.finish(delivery)
        return result
      case 'put_back':
        await deliveries.postpone(delivery, 0)
        return null
      case 'failed':
        return fail(delivery, fault)
    }
  }

  return async (delivery: Delivery): Promise<DeliveryOutcome | null> => {
    const outcome = await settle(delivery)
    if (outcome !== null) metrics.attempted(delivery.kind, outcome)
    return outcome
  }
}

const aboutDelivery = ({ kind, user_id, sid, receiver, number, attempts }: Delivery) => ({
  event: 'delivery',
  delivery: kind,
  ...(number === null ? {} : { number }),
  ...aboutSignIn({ sub: user_id === NIL_UUID ? null : user_id, sid, client_id: receiver }),
  attempts,
})
