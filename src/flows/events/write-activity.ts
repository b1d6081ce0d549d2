import { Unavailable } from '../../domain/base/unavailable.ts'
import type { Degradation } from '../../domain/events/activity.ts'
import type { Log } from '../../ports/effects.ts'
import type { ActivityCounts } from '../../ports/events.ts'
import type { ActivityMeter } from './activity-meter.ts'

type Needs = Readonly<{
  activity: Pick<ActivityCounts, 'add'>
  meter: ActivityMeter
  /** Drawn at the start of the process: after a restart within a minute, the minute has rows of both. */
  instance: string
  /** What does not work now. */
  degradations: () => readonly Degradation[]
  log: Log
}>

/**
 * Ours – Writes what was counted since the last time, in one statement, and notes what does not work. Counts that could not be written
 * are kept for the next time; where the connection broke in the midst of the commit, they may be added twice. Never rejects.
 */
export const createWriteActivity =
  ({ activity, meter, instance, degradations, log }: Needs) =>
  async (): Promise<void> => {
    meter.running()
    meter.following(meter.followers.take())
    for (const what of degradations()) meter.degraded(what)
    const counted = meter.take()
    try {
      await activity.add(instance, counted)
    } catch (error) {
      meter.putBack(counted)
      if (error instanceof Unavailable) meter.degraded('database_away')
      else log.error({ error: String(error) }, 'what was counted for plots could not be written')
    }
  }
