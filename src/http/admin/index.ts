import { json, NO_STORE, type Route } from '../server/route.ts'
import { administeredAccountRoutes } from './accounts.ts'
import { createAdministrating, nameOfActor } from './administrating.ts'
import { eventRoutes } from './events.ts'
import { administeredSignInRoutes } from './sign-ins.ts'

type Needs = Parameters<typeof createAdministrating>[0] &
  Parameters<typeof administeredAccountRoutes>[1] &
  Parameters<typeof administeredSignInRoutes>[1] &
  Parameters<typeof eventRoutes>[1]

/** Ours (docs/administration.md) – The administration, on the internal listener alone. */
export const adminRoutes = (needs: Needs): readonly Route[] => {
  const route = createAdministrating(needs)
  return [
    route('GET', '/me', async (_, { role, actor }) =>
      json(200, { role, actor: nameOfActor(actor) }, NO_STORE),
    ),
    ...administeredAccountRoutes(route, needs),
    ...administeredSignInRoutes(route, needs),
    ...eventRoutes(route, needs),
  ]
}
