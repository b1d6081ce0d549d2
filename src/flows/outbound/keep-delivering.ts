import { Unavailable } from '../../domain/base/unavailable.ts'
import { DELIVERIES_PER_RECEIVER, type Delivery } from '../../domain/outbound/delivery.ts'
import type { Deliveries } from '../../ports/deliveries.ts'
import type { Log } from '../../ports/effects.ts'
import type { AttemptDelivery } from './attempt-delivery.ts'

type Needs = Readonly<{
  deliveries: Deliveries
  attemptDelivery: AttemptDelivery
  log: Log
  /** Milliseconds between two looks at the database. Default 1000. */
  poll_milliseconds?: number
}>

/** Deliveries under way in this process, at most. */
const AT_ONCE = 32
/** Looks at the database between two readings of the age of the oldest delivery. */
const LOOKS_PER_READING = 15

/**
 * Ours – Delivers what waits in the database, for as long as the server runs. A receiver gets its next deliveries when those under way have
 * ended, at once only while it takes all of them; so one that hangs or fails holds up itself alone. `stop` waits for the attempts that are
 * under way, which the guard breaks off.
 */
export const keepDelivering = ({ deliveries, attemptDelivery, log, poll_milliseconds = 1_000 }: Needs) => {
  const underway = new Map<string, Promise<void>>()
  let deliveriesUnderway = 0
  let oldest_seconds: number | null = null
  let looks = 0
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let turn: Promise<void> = Promise.resolve()

  const attemptSafely = async (delivery: Delivery): Promise<boolean> => {
    try {
      return (await attemptDelivery(delivery)) === 'delivered'
    } catch (error) {
      report(error)
      return false
    }
  }

  const attemptAll = async (those: readonly Delivery[]): Promise<boolean> => {
    deliveriesUnderway += those.length
    const arrived = await Promise.all(those.map(attemptSafely))
    deliveriesUnderway -= those.length
    return arrived.every(Boolean)
  }

  const serve = async (receiver: string, those: readonly Delivery[]) => {
    const haveAllArrived = await attemptAll(those)
    underway.delete(receiver)
    if (haveAllArrived && those.length === DELIVERIES_PER_RECEIVER) schedule(0)
  }

  const look = async () => {
    const limit = AT_ONCE - deliveriesUnderway
    const claimed = limit > 0 ? await deliveries.claim({ except: [...underway.keys()], limit }) : []
    for (const receiver of new Set(claimed.map(each => each.receiver))) {
      const those = claimed.filter(each => each.receiver === receiver)
      underway.set(receiver, serve(receiver, those))
    }
    if (looks++ % LOOKS_PER_READING === 0) oldest_seconds = await deliveries.oldestSeconds()
  }

  const report = (error: unknown) => {
    // An unavailable Postgres is logged elsewhere.
    if (!(error instanceof Unavailable))
      log.error({ error: String(error) }, 'deliveries cannot be attempted for now')
  }

  const schedule = (milliseconds: number) => {
    if (isStopped) return
    clearTimeout(timer)
    timer = setTimeout(() => {
      turn = turn
        .then(look)
        .catch(report)
        .then(() => schedule(poll_milliseconds))
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
      await Promise.all(underway.values())
    },
  }
}
