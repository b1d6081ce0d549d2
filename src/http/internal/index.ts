import type { Clients } from '../../ports/clients.ts'
import type { Log, Metrics, Random } from '../../ports/effects.ts'
import type { Pages } from '../pages/layout.ts'
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
  isDraining: () => boolean
}>

/** Ours (docs/decisions/0034) – The internal listener: for the scraper and the operator, never for the public, and not counted itself. */
export const createInternalApp = ({ render, judgeHealth, ...around }: Needs): App =>
  createApp({
    ...around,
    routes: [metricsRoute(render), ...healthRoutes(judgeHealth)],
    cors: createCors({ origins: [], clients: nobody }),
    clientAddress: createClientAddress({ trusted: [], header: 'x-forwarded-for', log: unheard }),
    metrics: uncounted,
    isHttps: false,
  })

/** No browser has any business here. */
const nobody: Clients = {
  find: async () => null,
  all: async () => [],
  hasOrigin: () => false,
  hasFirstPartyOrigin: () => false,
}

/** What is said of the scraper's way here is of no use to anybody. */
const unheard = { warn: () => {} }

const uncounted: Pick<Metrics, 'answered'> = { answered: () => {} }
