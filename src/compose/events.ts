import { keepFlushing } from '../flows/events/keep-flushing.ts'
import { createSignInRefusals } from '../flows/events/record-refusals.ts'
import { currentOrigin } from '../platform/origin-context.ts'
import type { Clock, Log, Wait } from '../ports/effects.ts'
import { createEvents } from '../store/events/events.ts'
import type { OnClose, OpenParts } from './open.ts'

type Parts = Readonly<{ clock: Clock; log: Log; wait: Wait; onClose: OnClose }>

/** Between two flushes of refused sign-ins. */
const REFUSALS_MILLISECONDS = 1_000

/** Composes what is written about requests beside them. Closed before the database is, and after the last request. */
export const composeEvents = (
  { database }: Pick<OpenParts, 'database'>,
  { clock, log, wait, onClose }: Parts,
) => {
  const events = createEvents(database)
  const refusals = createSignInRefusals({ events, currentOrigin, clock, log })
  onClose(keepFlushing({ ...refusals, every_milliseconds: REFUSALS_MILLISECONDS, wait }))
  return { events, refusals }
}

export type ComposedEvents = ReturnType<typeof composeEvents>
