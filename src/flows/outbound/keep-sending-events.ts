import { Unavailable } from '../../domain/base/unavailable.ts'
import type { EventDeliveries } from '../../ports/deliveries.ts'
import type { Events } from '../../ports/events.ts'
import { keepDelivering } from './keep-delivering.ts'

type Needs = Omit<Parameters<typeof keepDelivering>[0], 'deliveries' | 'look_again_from'> &
  Readonly<{ events: Pick<Events, 'place'>; deliveries: EventDeliveries }>

/**
 * Ours – Sends the events to the webhook, for as long as the server runs. Before each claim the committed events get their places in the
 * stream, and those that follow become deliveries. Where the events without a place cannot be read, as while a worker of Citus is away, those
 * that have one are sent all the same. A single event that was taken is enough to look for more at once: the next one of its person can be
 * claimed now.
 */
export const keepSendingEvents = ({ events, deliveries, ...needs }: Needs) =>
  keepDelivering({
    ...needs,
    look_again_from: 1,
    deliveries: {
      ...deliveries,
      claim: async claim => {
        await events.place().catch(throwUnlessUnavailable)
        while (await deliveries.enqueue());
        return deliveries.claim(claim)
      },
    },
  })

const throwUnlessUnavailable = (error: unknown): void => {
  if (!(error instanceof Unavailable)) throw error
}
