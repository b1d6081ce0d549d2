import type { Clients } from '../../ports/clients.ts'
import type { Log, Metrics, Random } from '../../ports/effects.ts'
import type { OnBehalfOf } from '../../ports/events.ts'
import { adminRoutes } from '../admin/index.ts'
import { type ConsoleNeeds, createConsole } from '../console/index.ts'
import { brandRoutes } from '../hosted/brand-files.ts'
import type { Pages } from '../layout/layout.ts'
import { healthRoutes, type JudgeHealth } from '../public/health.ts'
import { type App, createApp } from '../server/app.ts'
import { createClientAddress } from '../server/client-address.ts'
import { createCors } from '../server/cors.ts'
import { metricsRoute } from './metrics.ts'

type Needs = Readonly<{
  render: Parameters<typeof metricsRoute>[0]
  judgeHealth: JudgeHealth
  random: Random
  log: Log
  pages: Pages
  onBehalfOf: OnBehalfOf
  areConnectionsEnding: () => boolean
  admin: Omit<Parameters<typeof adminRoutes>[0], 'onBehalfOf'>
  /** Null where the console has no address. */
  console: ConsoleNeeds | null
}>

/** Ours (docs/decisions/0034) – The app of the internal listener, for the scraper and the operator. Its own requests are not counted. */
export const createInternalApp = ({ render, judgeHealth, admin, console: needs, ...around }: Needs): App => {
  const pages = needs && createConsole({ ...needs, app: () => app })
  const app: App = createApp({
    ...around,
    routes: [
      metricsRoute(render),
      ...healthRoutes(judgeHealth),
      ...adminRoutes({ ...admin, onBehalfOf: around.onBehalfOf }),
      ...(pages === null ? [] : [...pages.routes, ...brandRoutes(around.pages.brand)]),
    ],
    cors: createCors({ origins: [], clients: NO_CLIENTS }),
    clientAddress: createClientAddress({ trusted: [], header: 'x-forwarded-for', log: unheard }),
    metrics: uncounted,
    proofNonce: () => null,
    isHttps: false,
    tracing: null,
    unknownPage: pages?.unknownPage ?? null,
  })
  return app
}

/** No browser has any business here. */
const NO_CLIENTS: Pick<Clients, 'hasFirstPartyOrigin'> = { hasFirstPartyOrigin: () => false }

/** The internal listener trusts no proxy: a warning about a forwarded header would help no operator. */
const unheard = { warn: () => {} }

const uncounted: Pick<Metrics, 'answered'> = { answered: () => {} }
