import type { PlacedEvent } from '../../domain/events/event.ts'
import type { StreamPosition } from '../../domain/events/stream-position.ts'
import type { Log } from '../../ports/effects.ts'
import type { Events, StreamPortion } from '../../ports/events.ts'
import { createWaiters } from '../revocations/waiters.ts'

type Needs = Readonly<{
  events: Pick<Events, 'place' | 'readStream'>
  log: Log
  /** Milliseconds between two polls while there are followers. Default 1,000. */
  poll_milliseconds?: number
  /** Called when the database has another past than the one that was read, as after a failover that lost events: all must leave. */
  onAnotherPast: () => void
}>

/** Events that one statement reads. */
const BATCH_EVENTS = 200
/** Events that are kept for followers that are a little behind: 5 MB at most, as details have 4 KB. */
const RECENT_EVENTS = 1000

/**
 * Ours – Polls the stream of events once for all followers of this instance, and not at all without one: the cost does not grow with their
 * number. A follower that is further behind than the events in memory reads for itself.
 */
export const createEventTail = (needs: Needs) => {
  const { events } = needs
  const waiters = createWaiters()
  let followers = 0
  let run: TailRun | null = null

  return {
    /** Counts a follower, which must leave. `last`: the last place of the stream as the caller has just read it. */
    join: (last: StreamPosition): void => {
      followers += 1
      run ??= startRun(needs, last, waiters.notifyAll)
    },
    leave: (): void => {
      followers -= 1
      if (followers > 0) return
      run?.stop()
      run = null
    },
    /** True where a follower at this place has everything that the last poll has found. */
    isAtTip: (after: number): boolean => run === null || after >= run.last(),
    /** Since when something is known that a follower at this place lacks, by `performance.now()`. Null: it lacks nothing. */
    lackingSince: (after: number): number | null => run?.lackingSince(after) ?? null,
    /** Resolves when a poll has found something, when the time is over, or at the signal. */
    news: waiters.wait,
    /** What follows a place. Null: it is of another past, or no longer kept. Rejects with Unavailable. */
    readAfter: async (after: StreamPosition): Promise<StreamPortion | null> =>
      run?.recall(after) ?? events.readStream(after, BATCH_EVENTS),
    /** Resolves when no poll is under way. */
    settled: async (): Promise<void> => run?.settled(),
  }
}

export type EventTail = ReturnType<typeof createEventTail>

/** Polls whose time is remembered: a follower that lacks something for longer was cut off before. */
const RECENT_STEPS = 200

/** How far a poll has read, and when. */
type Step = Readonly<{ last: number; at: number }>

/** The polling from the first follower to the departure of the last one. */
const startRun = (
  { events, log, poll_milliseconds = 1000, onAnotherPast }: Needs,
  first: StreamPosition,
  notify: () => void,
) => {
  /** The events behind `begin`, up to `last`. */
  let recent: readonly PlacedEvent[] = []
  let begin = first.number
  let last = first
  let steps: readonly Step[] = [{ last: last.number, at: performance.now() }]
  let isStopped = false
  let isAway = false
  let timer: NodeJS.Timeout | undefined
  let polling: Promise<void> = Promise.resolve()

  const take = (portion: StreamPortion) => {
    const all = [...recent, ...portion.events]
    const dropped = all.slice(0, Math.max(0, all.length - RECENT_EVENTS))
    recent = all.slice(dropped.length)
    begin = dropped.at(-1)?.number ?? begin
    last = portion.last
    steps = [...steps, { last: last.number, at: performance.now() }].slice(-RECENT_STEPS)
    notify()
  }
  const readOn = async (): Promise<void> => {
    // Events get their places here too: without webhooks, the janitor alone would give them, and seldom.
    await events.place()
    for (;;) {
      const portion = await events.readStream(last, BATCH_EVENTS)
      if (isStopped) return
      if (portion === null) return onAnotherPast()
      if (portion.last.number === last.number) return
      take(portion)
    }
  }
  const poll = async () => {
    try {
      await readOn()
      isAway = false
    } catch (error) {
      if (!isAway) log.warn({ error: String(error) }, 'stream of events: the database cannot be asked')
      isAway = true
    }
    schedule()
  }
  const schedule = () => {
    if (isStopped) return
    timer = setTimeout(() => {
      polling = poll()
    }, poll_milliseconds).unref()
  }
  schedule()

  return {
    last: () => last.number,
    lackingSince: (after: number): number | null => steps.find(step => step.last > after)?.at ?? null,
    recall: (after: StreamPosition): StreamPortion | null =>
      after.number < begin
        ? null
        : {
            events: recent.filter(({ number }) => number > after.number),
            last: after.number > last.number ? after : last,
          },
    stop: () => {
      isStopped = true
      clearTimeout(timer)
    },
    settled: () => polling,
  }
}

type TailRun = ReturnType<typeof startRun>
