/** Messages to servers of others that wait in Postgres. A comment states atomicity and failure. */
import type { Delivery } from '../domain/outbound/delivery.ts'

type Claim = Readonly<{
  /** Receivers that get none now. */
  except: readonly string[]
  /** Deliveries, at most. */
  limit: number
}>

/** Every verb rejects with Unavailable when the database is away. */
export type Deliveries = {
  /**
   * Atomic. A few deliveries of each receiver that are due, the oldest first. Each belongs to the caller for CLAIM_SECONDS; when that time
   * passes without another verb, any instance may claim it again.
   */
  claim(claim: Claim): Promise<readonly Delivery[]>
  /** Atomic. Forgets a delivery that has arrived or is tried no more. */
  finish(delivery: Delivery): Promise<void>
  /** Atomic. Ends the claim and lets the delivery be due again in so many seconds. Nothing happens when it has been claimed again. */
  postpone(delivery: Delivery, seconds: number): Promise<void>
  /** Seconds since the oldest waiting delivery was written; null when none waits. */
  oldestSeconds(): Promise<number | null>
}

/** Events that wait for the webhook. A claim takes only the first event of a person. */
export type EventDeliveries = Deliveries & {
  /** Atomic. The first call ever lets the webhook have the events from now on; later calls change nothing. */
  begin(): Promise<void>
  /**
   * Atomic. Makes deliveries of the events that follow in the stream, each once, while there is room for them. Does nothing while another
   * instance does so. True when more may follow.
   */
  enqueue(): Promise<boolean>
}
