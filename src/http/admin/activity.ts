import { z } from 'zod'
import type { Clock } from '../../ports/effects.ts'
import type { ActivityCounts } from '../../ports/events.ts'
import { json, NO_STORE, type Route } from '../server/route.ts'
import type { Administrating } from './administrating.ts'
import { readQuery } from './fields.ts'

type Needs = Readonly<{ activity: Pick<ActivityCounts, 'read'>; clock: Clock }>

/** Ours (docs/events.md) – What was counted in a day or in thirty days, for plots. */
export const activityRoute = (route: Administrating, { activity, clock }: Needs): Route =>
  route('GET', '/activity', async call => {
    const { hours } = readQuery(call, QUERY)
    return json(200, await activity.read({ hours, now: clock() }), NO_STORE)
  })

const QUERY = z.strictObject({
  hours: z
    .enum(['24', '720'], 'must be 24 or 720')
    .default('24')
    .transform(hours => (hours === '24' ? 24 : 720)),
})
