import { presentEvent } from '../../domain/events/present-event.ts'
import { ATTEMPT_MILLISECONDS, type Delivery } from '../../domain/outbound/delivery.ts'
import type { Events } from '../../ports/events.ts'
import type { Outbound } from '../../ports/outbound.ts'
import { createHookHeaders } from './hook-headers.ts'
import { type DeliveryAttempt, judgeAttempt } from './judge-attempt.ts'

type Needs = Parameters<typeof createHookHeaders>[0] &
  Readonly<{
    /** EVENTS_WEBHOOK_URL. */
    url: string
    events: Pick<Events, 'find'>
    outbound: Outbound
  }>

/**
 * Ours (docs/events.md) – Sends an event to the webhook, as the administration shows it, signed over its body as hooks are. An event that is
 * no longer kept is dropped. Rejects when the database is away or no key may sign.
 */
export const createDeliverEvent = ({ url, events, outbound, ...signing }: Needs) => {
  const headersOf = createHookHeaders(signing)
  return async ({ user_id, id, number }: Delivery): Promise<DeliveryAttempt> => {
    const event = await events.find({ id, user_id })
    if (event === null || number === null) return { result: 'dropped' }
    const text = JSON.stringify(presentEvent({ ...event, number }))
    const outcome = await outbound.send({
      url,
      method: 'POST',
      headers: await headersOf({ url, text }),
      body: text,
      accept_bytes: 0,
      timeout_milliseconds: ATTEMPT_MILLISECONDS,
    })
    return judgeAttempt(outcome, isTaken)
  }
}

/** RFC 9110 §15.3 – A status of 2xx says that the event was taken. Ours: every other one is tried again, 410 too. */
const isTaken = (status: number): boolean => status >= 200 && status < 300
