import type { Config } from '../config.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { Degradation } from '../domain/events/activity.ts'
import { EVENTS_AT_ONCE } from '../domain/outbound/delivery.ts'
import { createEventFollowers } from '../flows/admin/event-followers.ts'
import { keepFlushing } from '../flows/events/keep-flushing.ts'
import { createSignInRefusals } from '../flows/events/record-refusals.ts'
import { createWriteActivity } from '../flows/events/write-activity.ts'
import { type AttemptDelivery, createAttemptDelivery } from '../flows/outbound/attempt-delivery.ts'
import { createDeliverEvent } from '../flows/outbound/deliver-event.ts'
import { createDeliverLogout } from '../flows/outbound/deliver-logout.ts'
import { keepDelivering } from '../flows/outbound/keep-delivering.ts'
import { keepSendingEvents } from '../flows/outbound/keep-sending-events.ts'
import { currentOrigin } from '../platform/origin-context.ts'
import { createOutbound } from '../platform/outbound/outbound.ts'
import { systemRandom } from '../platform/random.ts'
import type { Clock, Log } from '../ports/effects.ts'
import type { Events } from '../ports/events.ts'
import type { Tracer } from '../ports/traces.ts'
import { createEventDeliveries } from '../store/deliveries/event-deliveries.ts'
import { createActivityCounts } from '../store/events/activity-counts.ts'
import { createEvents } from '../store/events/events.ts'
import type { Database } from '../store/postgres/index.ts'
import type { Base } from './base.ts'
import type { OnClose, OpenParts } from './open.ts'
import { traceOutbound } from './traced.ts'

type Parts = Base & Readonly<{ outbound: OpenParts['outbound']; tracer: Tracer | null; onClose: OnClose }>

/** Composes what is delivered to the servers of clients from the database. */
export const composeDeliveries = ({ onClose, outbound, tracer, ...parts }: Parts) => {
  const attempt = createDeliverLogout({ ...parts, outbound })
  const { oldestSeconds, stop } = keepDelivering({
    ...parts,
    attemptDelivery: tracedAttempt(createAttemptDelivery({ ...parts, attempt }), tracer),
  })
  onClose(async () => {
    // The attempts under way end at once, and are put back while the database is still open.
    outbound.close()
    await stop()
  })
  return { oldestSeconds }
}

type WebhookParts = Omit<Parts, 'outbound'> &
  Readonly<{ database: Database; authorities: string | undefined }>

/**
 * Composes what is sent to the webhook of the events; null where none is set. The webhook has an outbound of its own: one that hangs takes no
 * turn from the questions to hooks, which may be of the same host.
 */
export const composeEventWebhook = async (
  { EVENTS_WEBHOOK_URL: url, OUTBOUND_ALLOW: allow }: Config,
  { database, authorities, onClose, tracer, ...parts }: WebhookParts,
) => {
  if (url === null) return null
  const guard = createOutbound({
    allow,
    per_host: EVENTS_AT_ONCE,
    ...(authorities === undefined ? {} : { authorities }),
  })
  const outbound = tracer === null ? guard : traceOutbound(guard, tracer)
  const events = createEvents(database)
  const deliveries = createEventDeliveries(database)
  await placeFormer(events, parts.log)
  await deliveries.begin()
  const attempt = createDeliverEvent({ ...parts, url, events, outbound })
  const { oldestSeconds, stop } = keepSendingEvents({
    ...parts,
    events,
    deliveries,
    attemptDelivery: tracedAttempt(createAttemptDelivery({ ...parts, deliveries, attempt }), tracer),
  })
  onClose(async () => {
    guard.close()
    await stop()
  })
  return { oldestSeconds }
}

/**
 * The first webhook is sent what follows the places that are given by now. While a worker of Citus is away, the server starts without them:
 * the webhook is then sent some events of before its first setting, too.
 */
const placeFormer = async (events: Pick<Events, 'place'>, log: Log): Promise<void> => {
  try {
    await events.place()
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    log.warn(
      { error: String(error.cause) },
      'events cannot get their places in the stream yet: they are sent later',
    )
  }
}

/** The longer of two waits; null where neither is known. */
export const longerOf = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.max(one, other)

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

type EventParts = Readonly<{ clock: Clock; log: Log; onClose: OnClose }>

/** Between two flushes of refused sign-ins, and of what is counted for plots. */
const REFUSALS_MILLISECONDS = 1_000
const ACTIVITY_MILLISECONDS = 15_000

/** Composes what is written about requests beside them. Closed before the database is, and after the last request. */
export const composeEvents = (opened: OpenParts, { clock, log, onClose }: EventParts) => {
  const { database, meter } = opened
  const events = createEvents(database)
  const refusals = createSignInRefusals({ events, currentOrigin, clock, log })
  onClose(keepFlushing({ ...refusals, every_milliseconds: REFUSALS_MILLISECONDS }))
  const activity = createActivityCounts(database)
  const degradations = () => degradationsOf(opened)
  const write = createWriteActivity({ activity, meter, instance: systemRandom.uuid(), degradations, log })
  onClose(keepFlushing({ flush: write, finish: write, every_milliseconds: ACTIVITY_MILLISECONDS }))
  return { activity, refusals }
}

/** Composes the streams of events, which end when the server begins to stop. */
export const composeFollowers = ({
  events,
  log,
  onClose,
}: Pick<Base, 'events' | 'log'> & { onClose: OnClose }) => {
  const followers = createEventFollowers({ events, log })
  onClose(followers.close)
  return followers
}

const degradationsOf = ({ database, redis }: OpenParts): readonly Degradation[] => [
  ...(database.load().isLost ? (['database_away'] as const) : []),
  ...(redis !== null && !redis.isHealthy() ? (['redis_away'] as const) : []),
  ...(redis !== null && !redis.isKeeping() ? (['redis_evicting'] as const) : []),
]
