import type { EventKind } from './event-kinds.ts'

/**
 * The party that made a request: a person by their `sub`, a client by its `client_id`, an operator at the command line by the name of the
 * account on that machine, or this server itself.
 */
export type EventActor = Readonly<{ type: 'person' | 'client' | 'operator'; id: string } | { type: 'system' }>

/** The request, or the command, on whose behalf a statement runs. */
export type EventOrigin = Readonly<{
  /** Null: the person whom the event is about acts themselves. */
  actor: EventActor | null
  /** The client's address, behind the trusted proxies. Null outside a request. */
  ip: string | null
  /** The id that the log has for the request. Null outside a request. */
  request_id: string | null
}>

/** Of work that this server does by itself. */
export const OWN_ORIGIN: EventOrigin = { actor: { type: 'system' }, ip: null, request_id: null }

export const EVENT_OUTCOMES = ['succeeded', 'refused'] as const
export type EventOutcome = (typeof EVENT_OUTCOMES)[number]

/** What happened. A member that does not apply is null. Never has a secret, nor an e-mail: `sub` names the person. */
export type Event = Readonly<{
  /** RFC 9562 §5.7 – A UUIDv7, of the database's clock. Names the event, and orders lists. */
  id: string
  at: Date
  kind: EventKind
  outcome: EventOutcome
  /** Why it was refused, or ended. */
  reason: string | null
  /** Null: a stranger, whom only the address names. */
  actor: EventActor | null
  sub: string | null
  client_id: string | null
  sid: string | null
  jti: string | null
  ip: string | null
  request_id: string | null
  /** 1, or how often it happened within the minute when a flood of such events is counted. */
  count: number
  /** More, by kind: see docs/events.md. */
  details: Readonly<Record<string, unknown>>
}>

/** An event with its place in the stream. A place is given after the commit, so that an event never appears behind one that was read. */
export type PlacedEvent = Event & Readonly<{ number: number }>

/** The actor as a column has it. Null: the person whom the event is about. */
export const actorText = (actor: EventActor | null): string | null => {
  if (actor === null) return null
  return actor.type === 'system' ? actor.type : `${actor.type}:${actor.id}`
}

/** Reads `actorText`. Without a person either, the actor was a stranger, whom only the address names. */
export const parseActor = (text: string | null, sub: string | null): EventActor | null => {
  if (text === null) return sub === null ? null : { type: 'person', id: sub }
  const [type = '', ...id] = text.split(':')
  if (type === 'person' || type === 'client' || type === 'operator') return { type, id: id.join(':') }
  return { type: 'system' }
}
