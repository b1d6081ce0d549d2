import { Unavailable } from '../../domain/base/unavailable.ts'
import type { PlacedEvent } from '../../domain/events/event.ts'
import type { StreamPosition } from '../../domain/events/stream-position.ts'
import { Problem } from '../../domain/refusals/problem.ts'
import type { Log } from '../../ports/effects.ts'
import type { Events, StreamBounds, StreamPortion } from '../../ports/events.ts'
import { createEventTail, type EventTail } from './event-tail.ts'

type Needs = Readonly<{
  events: Pick<Events, 'place' | 'readStream' | 'readBounds'>
  log: Log
  /** Default 1,000. */
  poll_milliseconds?: number
  /** Milliseconds after which a follower is told that nothing has happened, and its caller is examined. Default 15,000. */
  heartbeat_milliseconds?: number
}>

/** What a caller wants of the stream. */
export type EventsFollowed = Readonly<{
  /** The place behind which to begin. Null: what happens from now on. */
  after: StreamPosition | null
  wants: (event: PlacedEvent) => boolean
  /** True for an event after which the caller may no longer be allowed to follow. */
  concerns: (event: PlacedEvent) => boolean
  /** Rejects where the caller may not follow any longer. */
  examine: () => Promise<unknown>
}>

export type EventFollower = Readonly<{
  /** The place behind which the follower begins. */
  begin: StreamPosition
  /** The next events that the follower wants; none at a heartbeat. Null at the end. */
  next: () => Promise<StreamPortion | null>
  leave: () => void
  /** Aborted when the follower has left, or this server lets all followers go. */
  signal: AbortSignal
}>

/** Followers of one instance at once. Each holds a connection, and is examined four times a minute by the database. */
const FOLLOWERS_MOST = 20
const RETRY_AFTER_SECONDS = 5

/**
 * Ours (docs/decisions/0056) – Lets callers follow the events, in the order of their places: none is skipped, and none comes twice. A
 * follower reads at its own pace, and holds nothing in memory but the portion under way.
 */
export const createEventFollowers = (needs: Needs) => {
  const { events } = needs
  const followers = new Set<Follower>()
  const letGo = () => {
    for (const { leave } of followers) leave()
  }
  const onAnotherPast = () => {
    needs.log.warn({}, 'stream of events: the database has another past; followers begin anew')
    letGo()
  }
  const tail = createEventTail({ ...needs, onAnotherPast })
  let opening = 0
  let isDraining = false

  const locate = async (after: StreamPosition | null) => {
    // What was committed before is not news: it gets its place first.
    await events.place()
    const bounds = await events.readBounds(after?.number ?? null)
    return { begin: beginIn(bounds, after), last: bounds.last }
  }
  const drain = () => {
    isDraining = true
    letGo()
  }

  return {
    /** Rejects with Unavailable when there are too many followers, with a Problem for a place that is no longer kept. */
    open: async (following: EventsFollowed): Promise<EventFollower> => {
      if (isDraining || followers.size + opening >= FOLLOWERS_MOST)
        throw new Unavailable('event_followers', RETRY_AFTER_SECONDS)
      opening += 1
      const { begin, last } = await locate(following.after).finally(() => {
        opening -= 1
      })
      if (isDraining) throw new Unavailable('event_followers', RETRY_AFTER_SECONDS)
      tail.join(last)
      const follower = createFollower({ ...needs, tail }, { ...following, begin }, () => {
        followers.delete(follower)
        tail.leave()
      })
      followers.add(follower)
      return follower
    },
    size: () => followers.size,
    /** Seconds for which the slowest follower has lacked an event that is known here. 0: no follower lacks one. */
    slowestSeconds: (): number => Math.max(0, ...[...followers].map(({ behindSeconds }) => behindSeconds())),
    /** Ends every stream, and opens none from now on: followers continue at another instance. */
    drain,
    close: async (): Promise<void> => {
      const settled = tail.settled()
      drain()
      await settled
    },
  }
}

export type EventFollowers = ReturnType<typeof createEventFollowers>

/**
 * Throws a Problem for a place behind which something is missing, and for one that this stream has never given: a higher one, one that
 * `signetd restored` has skipped, and one that another event had.
 */
const beginIn = ({ first, last, tag }: StreamBounds, after: StreamPosition | null): StreamPosition => {
  if (after === null) return last
  const isKept = after.number >= first
  if (after.number < first - 1 || (!isKept && after.tag !== null))
    throw new Problem('CURSOR_GONE', { reason: 'cursor_far_behind' })
  if (after.number > last.number || (isKept && (tag === null || tag !== (after.tag ?? tag))))
    throw new Problem('CURSOR_GONE', { reason: 'cursor_of_another_past' })
  return { number: after.number, tag }
}

type Around = Pick<Needs, 'log' | 'heartbeat_milliseconds'> & Readonly<{ tail: EventTail }>
type Begun = Omit<EventsFollowed, 'after'> & Readonly<{ begin: StreamPosition }>
type Follower = EventFollower & Readonly<{ behindSeconds: () => number }>

const createFollower = (
  { tail, log, heartbeat_milliseconds = 15_000 }: Around,
  { begin, wants, concerns, examine }: Begun,
  onLeave: () => void,
): Follower => {
  const leaving = new AbortController()
  const { signal } = leaving
  let after = begin
  let examined_at = performance.now()

  const leave = () => {
    if (signal.aborted) return
    leaving.abort()
    onLeave()
  }
  const wait = () => tail.news(Math.max(1, examined_at + heartbeat_milliseconds - performance.now()), signal)
  const read = async (): Promise<StreamPortion | null> => {
    for (;;) {
      if (tail.isAtTip(after.number)) await wait()
      if (signal.aborted) return null
      const found: StreamPortion | null = tail.isAtTip(after.number)
        ? { events: [], last: after }
        : await tail.readAfter(after)
      if (found === null) return null
      const isDue = performance.now() - examined_at >= heartbeat_milliseconds
      if (isDue || found.events.some(concerns)) {
        await examine()
        examined_at = performance.now()
      }
      if (signal.aborted) return null
      after = found.last
      const wanted = found.events.filter(wants)
      if (isDue || wanted.length > 0) return { events: wanted, last: after }
    }
  }

  return {
    begin,
    signal,
    leave,
    next: async () => {
      try {
        const portion = await read()
        if (portion !== null) return portion
      } catch (error) {
        // A caller that may not follow any longer learns why when it asks again.
        const isForeseen = error instanceof Problem || error instanceof Unavailable
        if (!isForeseen) log.error({ error: String(error) }, 'stream of events: a follower was let go')
      }
      leave()
      return null
    },
    behindSeconds: () => {
      const since = tail.lackingSince(after.number)
      return since === null ? 0 : (performance.now() - since) / 1000
    },
  }
}
