import type { Event } from './event.ts'

/** Ours (docs/events.md): what the administration shows of an event. `number` is its place in the stream, where the reader knows it. */
export const presentEvent = (event: Event & Readonly<{ number?: number }>) => ({
  id: event.id,
  number: event.number ?? null,
  at: event.at.toISOString(),
  kind: event.kind,
  outcome: event.outcome,
  reason: event.reason,
  actor: event.actor,
  sub: event.sub,
  client_id: event.client_id,
  sid: event.sid,
  jti: event.jti,
  ip: event.ip,
  request_id: event.request_id,
  count: event.count,
  details: event.details,
})
