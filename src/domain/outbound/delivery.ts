import {
  OUTBOUND_FAILURES,
  OUTBOUND_REFUSALS,
  type OutboundFailure,
  type OutboundRefusal,
} from './outbound-verdicts.ts'

/** What is delivered to servers of others from the table of deliveries. */
export const DELIVERY_KINDS = ['backchannel_logout', 'event'] as const
export type DeliveryKind = (typeof DELIVERY_KINDS)[number]

/** Seconds for which the end of a sign-in is tried again at its client. */
export const DELIVERY_SECONDS = 86_400

/** Seconds for which an event is tried again at the webhook. Then it is tried a last time. */
export const EVENT_DELIVERY_SECONDS = 3 * 86_400

/** Seconds for which an event is kept for its last attempt while no instance runs or EVENTS_WEBHOOK_URL is unset. */
export const EVENT_KEPT_SECONDS = 30 * 86_400

/** The receiver of all events, which is no client. */
export const EVENT_RECEIVER = ''

/**
 * Events that wait in the table, at most: a window on the stream, which moves on as they are taken. The table does not grow while a webhook
 * is away for weeks.
 */
export const EVENTS_WAITING_AT_MOST = 10_000

/** Events that an instance sends to the webhook at once. */
export const EVENTS_AT_ONCE = 16

/** Seconds for which a claimed delivery belongs to its instance: longer than an attempt, so that two instances never try at once. */
export const CLAIM_SECONDS = 30

/** Deliveries of one receiver that an instance claims at once, so that a receiver that hangs leaves time for the others. */
export const DELIVERIES_PER_RECEIVER = 4

/** Milliseconds of one attempt, from the name of the receiver to the end of its answer. */
export const ATTEMPT_MILLISECONDS = 5_000

export type Delivery = Readonly<{
  user_id: string
  /** The same in each attempt: the receiver can tell that it has had the delivery before. */
  id: string
  kind: DeliveryKind
  /** The client, or EVENT_RECEIVER. */
  receiver: string
  /** The sign-in that has ended. Null: all of the person. */
  sid: string | null
  /** The place of the event in the stream, whose `id` is that of the delivery. Null where no event is delivered. */
  number: number | null
  /** Attempts, with the one that the claim is for. */
  attempts: number
  /** Until the delivery is given up, at the time of the claim. Negative for an event that is tried a last time. */
  seconds_left: number
}>

/** What an attempt came to. `failed`: another one follows. `given_up`: none does. `dropped`: its receiver is told of nothing any more. */
export const DELIVERY_OUTCOMES = ['delivered', 'failed', 'given_up', 'dropped'] as const
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number]

/** Why nothing was asked or answered. */
type Unanswered = OutboundRefusal | OutboundFailure
/** `not_accepted`: the receiver answered that it has not taken the delivery. */
export type DeliveryFailure = Exclude<Unanswered, 'busy' | 'stopped'> | 'not_accepted'

/** False where it is this server that had no time for the delivery: then no attempt has failed. */
export const isOfReceiver = (reason: Unanswered): reason is Exclude<Unanswered, 'busy' | 'stopped'> =>
  reason !== 'busy' && reason !== 'stopped'

/** Why an attempt may fail. */
export const DELIVERY_FAILURES: readonly DeliveryFailure[] = [
  ...[...OUTBOUND_REFUSALS, ...OUTBOUND_FAILURES].filter(isOfReceiver),
  'not_accepted',
]

const FIRST_PAUSE_SECONDS = 5
const LONGEST_PAUSE_SECONDS = 3_600

/**
 * Ours – Seconds until the next attempt: 5, doubled by each attempt, an hour at most, and up to half of them less by `chance` (from 0 to
 * 1), so that deliveries that failed together do not come back together.
 */
export const deliveryPauseOf = (attempts: number, chance: number): number =>
  Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** Math.min(attempts - 1, 20)) * (1 - chance / 2)
