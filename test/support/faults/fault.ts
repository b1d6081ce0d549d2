import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { startFollowers } from './followers.ts'
import { createHistory, type History } from './history.ts'
import { findBreaches } from './invariants.ts'
import { startLoad } from './load.ts'
import { reportFault } from './report.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'

/** Seconds within which an acknowledged ending must reach every follower. */
const HEARD_SECONDS = 2
/** Answers before the fault, after it, and again after everything is ready. */
const ANSWERS = 60
const RECOVERY_MILLISECONDS = 60_000

type Inflict = (stage: Stage, history: History) => Promise<void>

/**
 * A fault that two instances under load must survive. `inflict` begins the fault and ends it; where it starts no process anew, the instances
 * recover by themselves. Then the invariants are judged over the whole history:
 *
 * - a family has one branch, and no acknowledged rotation is lost;
 * - no access token is of a family that was never stored;
 * - no acknowledged ending is undone, and every follower hears of it within two seconds of it or of the end of the fault;
 * - a client that repeats an attempt with its Idempotency-Key is never taken for a thief, and gets no answer but 200 and 503;
 * - both instances say that they are ready, and serve.
 */
export const itSurvives = (fault: string, inflict: Inflict, options: StageOptions = {}): void => {
  it(fault, async () => {
    const stage = await openStage(options)
    try {
      const history = createHistory()
      const followers = startFollowers(stage, history)
      const load = await startLoad(stage, history)
      await untilAnswered(history)
      const began = performance.now()
      await inflict(stage, history)
      await stage.recover()
      const over = performance.now()
      await untilAnswered(history)
      await load.stop()
      const { unheard, slowest_seconds } = await followers.stop({ began, over })
      const breaches = await findBreaches(stage, history)
      report(fault, {
        history,
        breaches: [...breaches, ...(unheard > 0 ? [`${unheard} endings are unheard`] : [])],
        slowest_seconds,
      })
      expect({ breaches, unheard }).toEqual({ breaches: [], unheard: 0 })
      expect(slowest_seconds).toBeLessThan(HEARD_SECONDS)
    } finally {
      await stage.close()
    }
  })
}

/** Waits until the load has had as many answers more. */
const untilAnswered = async (history: History): Promise<void> => {
  const before = history.acknowledged()
  await expect
    .poll(() => history.acknowledged(), { timeout: RECOVERY_MILLISECONDS })
    .toBeGreaterThan(before + ANSWERS)
}

/** For faults that last for a time. */
export const lasting = (seconds: number): Promise<void> => pause(seconds * 1000)

type Outcome = Readonly<{ history: History; breaches: readonly string[]; slowest_seconds: number }>

const report = (fault: string, { history, breaches, slowest_seconds }: Outcome) => {
  const { answered, unanswered, longest_gap_seconds } = history.counts()
  const ended = history.families().filter(({ ending }) => ending !== null && ending.at !== null).length
  reportFault(
    [
      breaches.length === 0 ? 'held  ' : 'BROKEN',
      fault,
      `${answered} answers`,
      `${unanswered} tried again`,
      `longest pause ${longest_gap_seconds.toFixed(1)} s`,
      `${ended} endings, the last follower after ${slowest_seconds.toFixed(2)} s`,
      ...breaches.slice(0, 3),
    ].join(' | '),
  )
}
