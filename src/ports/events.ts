/** What happened, for operators. A comment states atomicity and failure. */
import type { Activity, ActivityHours, ActivityMeasure } from '../domain/events/activity.ts'
import type { Event, EventOrigin, EventOutcome, PlacedEvent } from '../domain/events/event.ts'
import type { EventKind } from '../domain/events/event-kinds.ts'
import type { StreamPosition } from '../domain/events/stream-position.ts'
import type { SignInResult } from '../domain/sign-in/sign-in-result.ts'

/** The request, or the command, in which the caller runs. Without one: this server itself. */
export type CurrentOrigin = () => EventOrigin

/** Runs work, with everything that it causes until it has ended, on behalf of an origin. */
export type OnBehalfOf = <T>(origin: EventOrigin, work: () => Promise<T>) => Promise<T>

/** Members that are null select nothing. `from` is included, `until` is not. */
export type EventFilter = Readonly<{
  kind: EventKind | null
  outcome: EventOutcome | null
  reason: string | null
  /** As `actorText` writes it. */
  actor: string | null
  sub: string | null
  client_id: string | null
  sid: string | null
  jti: string | null
  ip: string | null
  request_id: string | null
  from: Date | null
  until: Date | null
}>

export type EventPage = Readonly<{
  /** The newest first. Fewer than the limit, or none, when the filter has left most of what was examined. */
  events: readonly Event[]
  /** The id after which the next page goes on; null at the end. */
  next: string | null
}>

/** A part of the stream. `last` is the place up to which it was read: that of its last event, or a later one. */
export type StreamPortion = Readonly<{ events: readonly PlacedEvent[]; last: StreamPosition }>

/** `first` is the first place that is kept, the one behind `last` where none is. `last` is the last one that was given; 0: none. */
export type StreamBounds = Readonly<{
  first: number
  last: StreamPosition
  /** The tag of the place that was asked about. Null: no event is known to have had it. */
  tag: string | null
}>

/** An event that no other statement writes. What is left out is null. */
export type NewEvent = Readonly<{ kind: EventKind }> &
  Partial<Pick<Event, 'outcome' | 'reason' | 'sub' | 'client_id' | 'sid' | 'jti' | 'count' | 'details'>> &
  /** Where the caller is no longer in the request that caused the event. */
  Partial<Readonly<{ origin: EventOrigin }>>

/** A sign-in that was refused. */
export type RefusedSignIn = Readonly<{
  reason: SignInResult
  /** The reason as the log has it, where it says more. */
  cause: string | null
  /** Null: the account is not known. */
  sub: string | null
  client_id: string | null
}>

/** Records refused sign-ins, of the request that is under way. Costs microseconds and never fails; written within a second, or counted. */
export type SignInRefusals = {
  refused(refusal: RefusedSignIn): void
}

/** All reject with Unavailable when the database is away. */
export type Events = {
  /** `user_id`: the person of the event, or the nil UUID; null where the caller knows the id alone. */
  find(event: Readonly<{ id: string; user_id: string | null }>): Promise<Event | null>
  /** Examines a bounded number of rows of one index, whatever the filter. */
  read(page: { filter: EventFilter; after: string | null; limit: number }): Promise<EventPage>
  /** Atomic: all of them or none. For what changes no row: refusals, and changes of files. */
  write(events: readonly NewEvent[]): Promise<void>
  /**
   * The same events in the batches in which they are to be written: all of them in one, and on Citus those of each person by themselves, since
   * the node of another person may be away. In the order in which they were given.
   */
  batches(events: readonly NewEvent[]): readonly (readonly NewEvent[])[]
  /** Gives a place to every committed event that has none, unless another instance is doing so. True when any got one. */
  place(): Promise<boolean>
  /**
   * The events that follow a place in the stream, in order. One that was deleted meanwhile leaves its place behind. Null: the place is of
   * another past of the database, or is no longer kept. A position without a tag is not judged.
   */
  readStream(after: StreamPosition, limit: number): Promise<StreamPortion | null>
  /** Between which places the stream can be read, and what is at the place with this number. */
  readBounds(number: number | null): Promise<StreamBounds>
}

/** What an instance has counted in one minute. */
export type CountedActivity = Readonly<{
  /** The beginning of the minute, in seconds. */
  minute_seconds: number
  measure: ActivityMeasure
  label: string
  count: number
}>

/** All reject with Unavailable when the database is away. */
export type ActivityCounts = {
  /** Atomic: adds all of them, or none. Each label of a minute at most once in a call. */
  add(instance: string, counted: readonly CountedActivity[]): Promise<void>
  /** Reads a bounded number of rows: of minutes for a day, of hours for thirty days. */
  read(window: Readonly<{ hours: ActivityHours; now: Date }>): Promise<Activity>
}
