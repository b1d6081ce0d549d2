import type { Config } from '../config.ts'
import type { EventFollowers } from '../flows/admin/event-followers.ts'
import { createInternalApp } from '../http/internal/index.ts'
import { openConsolePages } from '../http/layout/layout.ts'
import { createJudgeHealth } from '../http/public/health.ts'
import { createRoutes } from '../http/routes.ts'
import { type App, createApp } from '../http/server/app.ts'
import { createClientAddress, type IgnoredHeader } from '../http/server/client-address.ts'
import { createCors } from '../http/server/cors.ts'
import { onBehalfOf } from '../platform/origin-context.ts'
import type { Tracer } from '../ports/traces.ts'
import { reportKeys } from '../signing/list-keys.ts'
import type { Heartbeat } from '../store/heartbeat.ts'
import type { ComposedAccounts } from './accounts.ts'
import type { ComposedAdmin } from './admin.ts'
import type { Base } from './base.ts'
import type { ComposedConsole } from './console.ts'
import type { ComposedDemo } from './demo.ts'
import type { Finding } from './findings/finding.ts'
import { createServerFindings } from './findings/server-findings.ts'
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
  console: ComposedConsole
  /** Null: no mail is sent. */
  mailsWaiting: ComposedMail['waiting']
  oldestDeliverySeconds: () => number | null
  followers: Pick<EventFollowers, 'size' | 'slowestSeconds'>
  logLinesDropped: () => number
  tracer: Tracer | null
  isDraining: () => boolean
  areConnectionsEnding: () => boolean
}>

/** Composes the public app and the internal one, which is null where INTERNAL_PORT is off, and what the server finds of itself. */
export const composeApps = (
  config: Config,
  parts: Parts,
): Readonly<{ app: App; internalApp: App | null; findings: () => Promise<readonly Finding[]> }> => {
  const { base, opened, pages, subjects, isDraining, areConnectionsEnding } = parts
  const { clients, heartbeat, issuer, keys, log, metrics, random, redis } = base
  const judgeHealth = createJudgeHealth({
    needs: { database: heartbeat.beat },
    helpers: {
      clock: heartbeat.isClockRight,
      former_primary: () => !opened.database.load().isFormerPrimarySeen,
      ...(redis ? { redis: redis.isHealthy, redis_eviction: redis.isKeeping } : {}),
    },
    isDraining,
  })
  const around = { random, log, pages, areConnectionsEnding, onBehalfOf }
  const ignored: IgnoredHeader[] = []
  const seen = { database: opened.database, ignoredHeaders: () => ignored }
  const findings = createServerFindings(config, { ...base, ...seen })
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
      onIgnored: each => ignored.push(each),
    }),
    metrics,
    proofNonce: () => base.proofNonces?.current(base.clock()) ?? null,
    isHttps: issuer.startsWith('https:'),
    tracing: parts.tracer && { tracer: parts.tracer, issuer },
    unknownPage: null,
  })
  const { openedMetrics } = opened
  if (openedMetrics === null) return { app, internalApp: null, findings }
  openedMetrics.watch({ ...watchedOf(parts), clockOffset: clockOffsetOf(heartbeat) })
  const internalApp = createInternalApp({
    ...around,
    pages: openConsolePages(pages.brand),
    render: openedMetrics.render,
    judgeHealth,
    admin: { ...parts.admin, findings },
    console: parts.console,
  })
  return { app, internalApp, findings }
}

/** The offset at a heartbeat of this moment; the last known one while Postgres is away. */
const clockOffsetOf =
  ({ beat, clockOffset }: Heartbeat) =>
  async (): Promise<number | null> => {
    await beat().catch(() => {})
    return clockOffset()
  }

/** The gauges that are read when the metrics are asked for. */
const watchedOf = (parts: Parts) => {
  const { base, opened, mailsWaiting, oldestDeliverySeconds, followers, logLinesDropped } = parts
  const { clock, keys, passwords, redis } = base
  return {
    database: opened.database.load,
    passwordsWaiting: passwords.waiting,
    mailsWaiting,
    oldestDeliverySeconds,
    eventFollowers: followers,
    logLinesDropped,
    isRedisHealthy: redis && redis.isHealthy,
    keys: () => reportKeys(keys, { now: clock(), every_seconds: opened.key_seconds }),
  }
}
