/** What is delivered to servers of others from the table of deliveries. */
export const DELIVERY_KINDS = ['backchannel_logout'] as const
export type DeliveryKind = (typeof DELIVERY_KINDS)[number]

/** Seconds for which a delivery is tried again. */
export const DELIVERY_SECONDS = 86_400

/** Seconds for which a claimed delivery belongs to its instance: longer than an attempt, so that two instances never try at once. */
export const CLAIM_SECONDS = 30

/** Milliseconds of one attempt, from the name of the receiver to the end of its answer. */
export const ATTEMPT_MILLISECONDS = 5_000

export type Delivery = Readonly<{
  user_id: string
  /** The same in each attempt: the receiver can tell that it has had the delivery before. */
  id: string
  kind: DeliveryKind
  /** The client. */
  receiver: string
  /** The sign-in that has ended. Null: all of the person. */
  sid: string | null
  /** Attempts, with the one that the claim is for. */
  attempts: number
}>

/** Why an attempt was the last one, or is followed by another. */
export const DELIVERY_OUTCOMES = ['delivered', 'failed', 'dropped', 'given_up'] as const
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number]

const FIRST_PAUSE_SECONDS = 5
const LONGEST_PAUSE_SECONDS = 3_600

/**
 * Ours – Seconds until the next attempt: 5, doubled by each attempt, an hour at most, and up to half of them less by `chance` (from 0 to
 * 1), so that deliveries that failed together do not come back together.
 */
export const deliveryPauseOf = (attempts: number, chance: number): number =>
  Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** Math.min(attempts - 1, 20)) * (1 - chance / 2)
