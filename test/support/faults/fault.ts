import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import type { Service } from '../services/services.ts'
import { startFollowers } from './followers.ts'
import { createHistory, type History } from './history.ts'
import { findBreaches } from './invariants.ts'
import { startLoad } from './load.ts'
import { reportFault } from './report.ts'
import { openStage, type Stage } from './stage.ts'
import { startSupervisedPostgres } from './supervised-postgres.ts'

/** Seconds within which an acknowledged ending must reach every follower. */
const HEARD_SECONDS = 2
/** Answers before the fault, after it, and again after everything is ready. */
const ANSWERS = 60
const RECOVERY_MILLISECONDS = 60_000

type Inflict<S> = (stage: Stage, history: History, service: S) => Promise<void>

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
export const itSurvives = (fault: string, inflict: Inflict<Service>): void =>
  itSurvivesOn(startSupervisedPostgres, fault, inflict)

/** The same on another Postgres than the usual one, of which the fault takes a part. */
export const itSurvivesOn = <S extends Service>(
  startService: () => Promise<S>,
  fault: string,
  inflict: Inflict<S>,
): void => {
  it(fault, async () => {
    const outcome = await endure(startService, inflict).catch((error: unknown) => {
      reportFault('broken', fault, error instanceof Error ? error.message : String(error))
      throw error
    })
    report(fault, outcome)
    expect(outcome.breaches).toEqual([])
  })
}

type Outcome = Readonly<{
  history: History
  breaches: readonly string[]
  slowest_seconds: number
  recovery_seconds: number
}>

/** Ends everything that it has started, also where the fault could not be inflicted. */
const endure = async <S extends Service>(
  startService: () => Promise<S>,
  inflict: Inflict<S>,
): Promise<Outcome> => {
  const service = await startService()
  try {
    const stage = await openStage(service)
    const history = createHistory()
    const followers = startFollowers(stage, history)
    try {
      return await goThroughFault(stage, history, {
        followers,
        inflict: () => inflict(stage, history, service),
      })
    } finally {
      followers.close()
      await stage.close()
    }
  } finally {
    await service.stop()
  }
}

type Going = Readonly<{ followers: ReturnType<typeof startFollowers>; inflict: () => Promise<void> }>

const goThroughFault = async (
  stage: Stage,
  history: History,
  { followers, inflict }: Going,
): Promise<Outcome> => {
  const load = await startLoad(stage, history)
  try {
    await untilAnswered(history)
    const began = performance.now()
    await inflict()
    const ended = performance.now()
    await stage.recover()
    const over = performance.now()
    await untilAnswered(history)
    await load.stop()
    const { unheard, slowest_seconds } = await followers.finish({ began, over })
    const breaches = [
      ...(await findBreaches(stage, history)),
      ...(unheard > 0 ? [`${unheard} endings are unheard`] : []),
      ...(slowest_seconds < HEARD_SECONDS ? [] : ['a follower was not right within two seconds']),
    ]
    return { history, breaches, slowest_seconds, recovery_seconds: (over - ended) / 1000 }
  } finally {
    load.abandon()
  }
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

/** For faults in which nothing can be committed. */
export const lastingUnanswered = async (history: History, seconds: number): Promise<void> => {
  const before = history.acknowledged()
  await lasting(seconds)
  expect(history.acknowledged() - before, 'rotations that were answered in the fault').toBe(0)
}

const report = (fault: string, { history, breaches, slowest_seconds, recovery_seconds }: Outcome) => {
  const { answered, unanswered, longest_gap_seconds } = history.counts()
  const ended = history.families().filter(({ ending }) => ending !== null && ending.at !== null).length
  reportFault(
    breaches.length === 0 ? 'held' : 'broken',
    fault,
    `${answered} answers`,
    `${unanswered} tried again`,
    `longest pause ${longest_gap_seconds.toFixed(1)} s`,
    `ready ${recovery_seconds.toFixed(1)} s after the fault`,
    `${ended} endings, the last follower after ${slowest_seconds.toFixed(2)} s`,
    ...breaches.slice(0, 3),
  )
}
