import { type DeliveryFailure, isOfReceiver } from '../../domain/outbound/delivery.ts'
import type { OutboundOutcome } from '../../ports/outbound.ts'

/** What one attempt came to. `put_back`: this server had no time for it. */
export type DeliveryAttempt =
  | Readonly<{ result: 'delivered' | 'dropped' | 'put_back' }>
  | Readonly<{ result: 'failed'; reason: DeliveryFailure; receiver_status?: number }>

/** Ours – Judges an attempt by its answer. `isTaken` says by the status whether the receiver has taken the delivery. */
export const judgeAttempt = (
  outcome: OutboundOutcome,
  isTaken: (status: number) => boolean,
): DeliveryAttempt => {
  if (outcome.outcome !== 'answered') {
    const { reason } = outcome
    return isOfReceiver(reason) ? { result: 'failed', reason } : { result: 'put_back' }
  }
  const { status } = outcome
  return isTaken(status)
    ? { result: 'delivered' }
    : { result: 'failed', reason: 'not_accepted', receiver_status: status }
}
