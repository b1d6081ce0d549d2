import { AsyncLocalStorage } from 'node:async_hooks'
import { type EventOrigin, OWN_ORIGIN } from '../domain/events/event.ts'
import type { CurrentOrigin, OnBehalfOf } from '../ports/events.ts'

/**
 * Ours (docs/decisions/0057) – The origin of a request follows it through the process, so that no verb between the route and the statement
 * has to hand it down. It decides nothing: it is written into events and read nowhere else.
 */
const storage = new AsyncLocalStorage<EventOrigin>()

export const currentOrigin: CurrentOrigin = () => storage.getStore() ?? OWN_ORIGIN

export const onBehalfOf: OnBehalfOf = (origin, work) => storage.run(origin, work)
