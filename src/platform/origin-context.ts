import { AsyncLocalStorage } from 'node:async_hooks'
import { type EventOrigin, OWN_ORIGIN } from '../domain/events/event.ts'
import type { CurrentOrigin, OnBehalfOf } from '../ports/events.ts'

/**
 * Ours (docs/decisions/0057) – The origin of a request follows it through the process, so that no verb between the route and the statement
 * has to hand it down. It decides nothing: it is written into events and read nowhere else.
 */
const storage = new AsyncLocalStorage<EventOrigin>()

export const currentOrigin: CurrentOrigin = () => storage.getStore() ?? OWN_ORIGIN

/** Calls of `onBehalfOf` whose work has not ended. */
let underWay = 0

/**
 * On Node 20, the hooks of the storage run for every promise of the process, which costs a refresh 7% or more. The hooks are off while no
 * call is under way. Refreshes and tokens make no such call, because they hand their origin down.
 */
export const onBehalfOf: OnBehalfOf = async (origin, work) => {
  underWay++
  try {
    return await storage.run(origin, work)
  } finally {
    underWay--
    if (underWay === 0) storage.disable()
  }
}
