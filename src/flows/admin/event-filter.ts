import type { EventFilter } from '../../ports/events.ts'

/** Selects every event. */
const EVERY_EVENT: EventFilter = {
  kind: null,
  outcome: null,
  reason: null,
  actor: null,
  sub: null,
  client_id: null,
  sid: null,
  jti: null,
  ip: null,
  request_id: null,
  from: null,
  until: null,
}

/** Selects the events that have these members. */
export const filterBy = (members: Partial<EventFilter>): EventFilter => ({ ...EVERY_EVENT, ...members })
