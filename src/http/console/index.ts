import { unknownAddressPage } from '../console-pages/refused.ts'
import type { Route } from '../server/route.ts'
import { accountConsoleRoutes } from './accounts.ts'
import { createAskApi, createRelayApi } from './api.ts'
import { clientConsoleRoutes } from './clients.ts'
import { type EntryLink, entryLinkRoute } from './entry-link.ts'
import { eventConsoleRoutes } from './events.ts'
import { findConsoleRoute } from './find.ts'
import { healthConsoleRoute } from './health.ts'
import { keyConsoleRoutes } from './keys.ts'
import { overviewConsoleRoute } from './overview.ts'
import { consoleSignInRoutes } from './sign-in.ts'
import { signInConsoleRoutes } from './sign-ins.ts'
import { createVisiting, type VisitingNeeds } from './visiting.ts'

export type ConsoleNeeds = Omit<VisitingNeeds, 'askApi' | 'relayApi'> &
  Readonly<{
    /** Null but on the embedded database. */
    link: EntryLink | null
  }>
type Needs = ConsoleNeeds & Readonly<{ app: Parameters<typeof createAskApi>[0] }>

/** Ours (docs/decisions/0058) – The console, on the internal listener alone. A test compares its routes with openapi.yaml. */
export const createConsole = ({ app, ...needs }: Needs) => {
  const given = {
    ...needs,
    askApi: createAskApi(app),
    relayApi: createRelayApi(app),
  }
  const visiting = createVisiting(given)
  const routes: readonly Route[] = [
    ...consoleSignInRoutes({ ...given, visiting }),
    entryLinkRoute(given, visiting),
    overviewConsoleRoute(visiting),
    findConsoleRoute(visiting),
    ...accountConsoleRoutes(visiting),
    ...signInConsoleRoutes(visiting),
    ...clientConsoleRoutes(visiting),
    ...keyConsoleRoutes(visiting),
    ...eventConsoleRoutes(visiting),
    healthConsoleRoute(visiting),
  ]
  return {
    routes,
    unknownPage: {
      under: '/console',
      handle: visiting.showing(async ({ frame, reply }) => reply(unknownAddressPage(frame), 404)),
    },
  }
}
