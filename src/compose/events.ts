import type { Degradation } from '../domain/events/activity.ts'
import { keepFlushing } from '../flows/events/keep-flushing.ts'
import { createSignInRefusals } from '../flows/events/record-refusals.ts'
import { createWriteActivity } from '../flows/events/write-activity.ts'
import { currentOrigin } from '../platform/origin-context.ts'
import { systemRandom } from '../platform/random.ts'
import type { Clock, Log, Wait } from '../ports/effects.ts'
import { createActivityCounts } from '../store/events/activity-counts.ts'
import { createEvents } from '../store/events/events.ts'
import type { OnClose, OpenParts } from './open.ts'

type Parts = Readonly<{ clock: Clock; log: Log; wait: Wait; onClose: OnClose }>

/** Between two flushes of refused sign-ins, and of what is counted for plots. */
const REFUSALS_MILLISECONDS = 1_000
const ACTIVITY_MILLISECONDS = 15_000

/** Composes what is written about requests beside them. Closed before the database is, and after the last request. */
export const composeEvents = (opened: OpenParts, { clock, log, wait, onClose }: Parts) => {
  const { database, meter } = opened
  const events = createEvents(database)
  const refusals = createSignInRefusals({ events, currentOrigin, clock, log })
  onClose(keepFlushing({ ...refusals, every_milliseconds: REFUSALS_MILLISECONDS, wait }))
  const activity = createActivityCounts(database)
  const degradations = () => degradationsOf(opened)
  const write = createWriteActivity({ activity, meter, instance: systemRandom.uuid(), degradations, log })
  onClose(keepFlushing({ flush: write, finish: write, every_milliseconds: ACTIVITY_MILLISECONDS, wait }))
  return { events, activity, refusals }
}

export type ComposedEvents = ReturnType<typeof composeEvents>

const degradationsOf = ({ database, redis }: OpenParts): readonly Degradation[] => [
  ...(database.load().isLost ? (['database_away'] as const) : []),
  ...(redis !== null && !redis.isHealthy() ? (['redis_away'] as const) : []),
  ...(redis !== null && !redis.isKeeping() ? (['redis_evicting'] as const) : []),
]
