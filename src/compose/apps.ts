import type { Config } from '../config.ts'
import { createInternalApp } from '../http/internal/index.ts'
import { createJudgeHealth } from '../http/public/health.ts'
import { createRoutes } from '../http/routes.ts'
import { type App, createApp } from '../http/server/app.ts'
import { createClientAddress } from '../http/server/client-address.ts'
import { createCors } from '../http/server/cors.ts'
import { onBehalfOf } from '../platform/origin-context.ts'
import { reportKeys } from '../signing/list-keys.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { ComposedAdmin } from './admin.ts'
import type { Base } from './base.ts'
import type { ComposedDemo } from './demo.ts'
import type { ComposedHosted } from './hosted.ts'
import type { ComposedMail } from './mail.ts'
import type { ComposedOAuth } from './oauth.ts'
import type { OpenParts } from './open.ts'
import type { ComposedPages } from './pages.ts'
import type { ComposedRevocations } from './revocations.ts'
import type { ComposedUpstream } from './upstream.ts'

type Parts = Readonly<{
  base: Base
  opened: OpenParts
  pages: ComposedPages
  admin: ComposedAdmin
  subjects: ComposedRevocations &
    ComposedOAuth &
    ComposedAccounts &
    ComposedUpstream &
    ComposedHosted &
    Readonly<{ demo: ComposedDemo }>
  /** Null: no mail is sent. */
  mailsWaiting: ComposedMail['waiting']
  oldestDeliverySeconds: () => number | null
  logLinesDropped: () => number
  isDraining: () => boolean
}>

/** Composes the public app and the internal one; the latter is null where INTERNAL_PORT is off. */
export const composeApps = (
  config: Config,
  parts: Parts,
): Readonly<{ app: App; internalApp: App | null }> => {
  const { base, opened, pages, subjects, isDraining } = parts
  const { clients, issuer, keys, log, metrics, random, redis } = base
  const judgeHealth = createJudgeHealth({
    needs: { database: () => opened.database.ping() },
    helpers: redis ? { redis: redis.isHealthy, redis_eviction: redis.isKeeping } : {},
    isDraining,
  })
  const around = { random, log, pages, isDraining, onBehalfOf }
  const app = createApp({
    ...around,
    routes: createRoutes({
      ...subjects,
      judgeHealth,
      clients,
      issuer,
      assertions: base.assertions,
      clock: base.clock,
      scopes: base.scopes,
      keys,
      registration: base.registration,
      brand: pages.brand,
      min_characters: config.PASSWORD_MIN_CHARACTERS,
    }),
    cors: createCors({ origins: config.CORS_ORIGINS, clients }),
    clientAddress: createClientAddress({
      trusted: config.TRUSTED_PROXIES,
      header: config.TRUSTED_PROXY_HEADER,
      log,
    }),
    metrics,
    proofNonce: () => base.proofNonces?.current(base.clock()) ?? null,
    isHttps: issuer.startsWith('https:'),
  })
  const { openedMetrics } = opened
  if (openedMetrics === null) return { app, internalApp: null }
  openedMetrics.watch(watchedOf(parts))
  return {
    app,
    internalApp: createInternalApp({
      ...around,
      render: openedMetrics.render,
      judgeHealth,
      admin: parts.admin,
    }),
  }
}

/** The gauges that are read when the metrics are asked for. */
const watchedOf = ({ base, opened, mailsWaiting, oldestDeliverySeconds, logLinesDropped }: Parts) => {
  const { clock, keys, passwords, redis } = base
  return {
    database: opened.database.load,
    passwordsWaiting: passwords.waiting,
    mailsWaiting,
    oldestDeliverySeconds,
    logLinesDropped,
    isRedisHealthy: redis && redis.isHealthy,
    keys: () => reportKeys(keys, { now: clock(), every_seconds: opened.key_seconds }),
  }
}
