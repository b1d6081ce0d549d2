import { json, NO_STORE, type Route } from '../server/route.ts'
import { accountActionRoutes } from './account-actions.ts'
import { administeredAccountRoutes } from './accounts.ts'
import { activityRoute } from './activity.ts'
import { createAdministrating, nameOfActor } from './administrating.ts'
import { administeredClientRoutes } from './clients.ts'
import { eventRoutes } from './events.ts'
import { findRoutes } from './find.ts'
import { findingsRoute } from './findings.ts'
import { keyRoutes } from './keys.ts'
import { administeredSignInRoutes } from './sign-ins.ts'

type Needs = Parameters<typeof createAdministrating>[0] &
  Parameters<typeof findRoutes>[1] &
  Parameters<typeof administeredAccountRoutes>[1] &
  Parameters<typeof accountActionRoutes>[1] &
  Parameters<typeof activityRoute>[1] &
  Parameters<typeof administeredSignInRoutes>[1] &
  Parameters<typeof administeredClientRoutes>[1] &
  Parameters<typeof keyRoutes>[1] &
  Parameters<typeof eventRoutes>[1] &
  Parameters<typeof findingsRoute>[1]

/** Ours (docs/administration.md) – The administration, on the internal listener alone. */
export const adminRoutes = (needs: Needs): readonly Route[] => {
  const route = createAdministrating(needs)
  return [
    route('GET', '/me', async (_, { role, actor }) =>
      json(200, { role, actor: nameOfActor(actor) }, NO_STORE),
    ),
    ...findRoutes(route, needs),
    ...administeredAccountRoutes(route, needs),
    ...accountActionRoutes(route, needs),
    ...administeredSignInRoutes(route, needs),
    activityRoute(route, needs),
    ...administeredClientRoutes(route, needs),
    ...keyRoutes(route, needs),
    ...eventRoutes(route, needs),
    findingsRoute(route, needs),
  ]
}
