import { Unavailable } from '../../domain/base/unavailable.ts'
import { DELIVERIES_PER_RECEIVER, type Delivery } from '../../domain/outbound/delivery.ts'
import type { Deliveries } from '../../ports/deliveries.ts'
import type { Log } from '../../ports/effects.ts'
import type { AttemptDelivery } from './attempt-delivery.ts'

type Needs = Readonly<{
  deliveries: Pick<Deliveries, 'claim' | 'oldestSeconds'>
  attemptDelivery: AttemptDelivery
  log: Log
  /** How many of the deliveries under way a receiver has to take for its next ones to be looked for at once. Default DELIVERIES_PER_RECEIVER. */
  look_again_from?: number
  /** Milliseconds between two looks at the database. Default 1000. */
  poll_milliseconds?: number
}>

/** Deliveries under way in this process, at most. */
const AT_ONCE = 32
/** Looks at the database between two readings of the age of the oldest delivery. */
const LOOKS_PER_READING = 15

/**
 * Ours – Delivers what waits in the database, for as long as the server runs. A receiver gets its next deliveries when those under way have
 * ended, and at once only where it has taken enough of them: one that hangs or fails holds up itself alone. `stop` waits for the attempts
 * that are under way, which the guard breaks off.
 */
export const keepDelivering = ({
  deliveries,
  attemptDelivery,
  log,
  look_again_from = DELIVERIES_PER_RECEIVER,
  poll_milliseconds = 1_000,
}: Needs) => {
  let oldest_seconds: number | null = null
  let looks = 0
  let isFailing = false
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()

  const report = (error: unknown) => {
    // An unavailable Postgres is logged elsewhere.
    if (!(error instanceof Unavailable))
      log.error({ error: String(error) }, 'deliveries cannot be attempted for now')
  }
  const underway = createUnderway({
    attemptDelivery,
    onFailure: report,
    onServed: arrived => {
      if (arrived >= look_again_from) schedule(0)
    },
  })

  const look = async () => {
    const limit = AT_ONCE - underway.count()
    const claimed = limit > 0 ? await deliveries.claim({ except: underway.receivers(), limit }) : []
    for (const receiver of new Set(claimed.map(each => each.receiver)))
      underway.begin(
        receiver,
        claimed.filter(each => each.receiver === receiver),
      )
    if (looks++ % LOOKS_PER_READING === 0) oldest_seconds = await deliveries.oldestSeconds()
  }

  const lookSafely = async () => {
    try {
      await look()
      isFailing = false
    } catch (error) {
      // One line for as long as each look fails.
      if (!isFailing) report(error)
      isFailing = true
    }
  }

  const schedule = (milliseconds: number) => {
    if (isStopped) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      turn = turn.then(lookSafely).then(() => schedule(poll_milliseconds))
    }, milliseconds).unref()
  }
  schedule(poll_milliseconds)

  return {
    /** Seconds since the oldest waiting delivery was written, when last read; null: none waited. */
    oldestSeconds: () => oldest_seconds,
    stop: async (): Promise<void> => {
      isStopped = true
      clearTimeout(timer)
      await turn
      await underway.ended()
    },
  }
}

type Watch = Readonly<{
  attemptDelivery: AttemptDelivery
  onFailure: (error: unknown) => void
  /** All attempts at a receiver have ended, and so many of them arrived. */
  onServed: (arrived: number) => void
}>

/** The attempts under way, by receiver. */
const createUnderway = ({ attemptDelivery, onFailure, onServed }: Watch) => {
  const running = new Map<string, Promise<void>>()
  let count = 0

  const attemptSafely = async (delivery: Delivery): Promise<boolean> => {
    try {
      return (await attemptDelivery(delivery)) === 'delivered'
    } catch (error) {
      onFailure(error)
      return false
    }
  }

  const serve = async (receiver: string, those: readonly Delivery[]) => {
    count += those.length
    const arrived = await Promise.all(those.map(attemptSafely))
    count -= those.length
    running.delete(receiver)
    onServed(arrived.filter(Boolean).length)
  }

  return {
    count: () => count,
    receivers: () => [...running.keys()],
    begin: (receiver: string, those: readonly Delivery[]) => {
      running.set(receiver, serve(receiver, those))
    },
    ended: () => Promise.all(running.values()),
  }
}
