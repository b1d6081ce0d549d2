import { audiencePolicyOf, type Config } from '../config.ts'
import { createRequireLength } from '../domain/oauth/access-token-length.ts'
import { authorizationServerMetadata } from '../domain/oauth/metadata.ts'
import type { Lifetimes } from '../domain/sign-in/refresh-family.ts'
import { absentBlocklist, createRedisBlocklist } from '../ephemeral/blocklist.ts'
import { createLimits } from '../ephemeral/limits.ts'
import { createSparingLimit } from '../ephemeral/sparing-limit.ts'
import { createAuthenticateAdmin } from '../flows/access/authenticate-admin.ts'
import { createAuthenticateBearer } from '../flows/access/authenticate-bearer.ts'
import { createIntrospect } from '../flows/oauth/introspect.ts'
import { createRevoke } from '../flows/oauth/revoke.ts'
import { createEndEverything } from '../flows/revocations/end-everything.ts'
import { createOpenSignIn } from '../flows/sign-in/open-sign-in.ts'
import { ASSERTION_ALGORITHMS } from '../grants/client-assertion.ts'
import { createAuthenticateClient } from '../grants/client-authentication.ts'
import { createExchange } from '../grants/exchange.ts'
import { createGrants } from '../grants/index.ts'
import { createIssue } from '../grants/issue.ts'
import { createRotate } from '../grants/rotate.ts'
import { createInternalApp } from '../http/internal/index.ts'
import { createJudgeHealth } from '../http/public/health.ts'
import { createRoutes } from '../http/routes.ts'
import { type App, createApp } from '../http/server/app.ts'
import { createClientAddress } from '../http/server/client-address.ts'
import { createCors } from '../http/server/cors.ts'
import { systemRandom as random } from '../platform/random.ts'
import { systemWait } from '../platform/wait.ts'
import type { Clock, Log, Wait } from '../ports/effects.ts'
import { reportKeys } from '../signing/schedule.ts'
import { createAccounts } from '../store/accounts/accounts.ts'
import { createAssertions } from '../store/clients/assertions.ts'
import { createRefreshFamilies } from '../store/families/refresh-families.ts'
import type { Database } from '../store/postgres/database.ts'
import { createEndings } from '../store/revocations/endings.ts'
import { createRevocations } from '../store/revocations/revocations.ts'
import { composeAccounts } from './accounts.ts'
import { composeMail } from './mail.ts'
import { type OnClose, openParts } from './open.ts'
import { composeRevocations } from './revocations.ts'

/** What the process around it is told and may do. */
export type Signet = Readonly<{
  app: App
  /** For the internal listener; null where that is off. */
  internalApp: App | null
  /** Made only on the embedded database without a CLIENTS_FILE, for the newcomer's first token. */
  demo: Readonly<{ client_id: string; client_secret: string }> | null
  /** Reads CLIENTS_FILE and KEYS_DIR again. Rejects with a StartFault and keeps the clients it had when the file has faults. */
  reload(): Promise<void>
  /** From now on not ready, and every answer asks its client to go elsewhere. */
  drain(): void
  close(): Promise<void>
}>

type Parts = Readonly<{
  log: Log
  clock?: Clock
  wait?: Wait
  /** Open already and closed by whoever opened it. Default: the one of DATABASE_URL or DATA_DIR, opened and closed here. */
  database?: Database
  /** Shows a mail to the developer, on the embedded database without SMTP_URL. Default: to nobody. */
  printMail?: (text: string) => void
  /** Lines that the log could not write. Default: none. */
  logLinesDropped?: () => number
}>

/** Puts every concrete part in its place. Rejects with a StartFault, or Unavailable when Postgres is away; nothing stays open then. */
export const compose = async (config: Config, parts: Parts): Promise<Signet> => {
  const closers: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  try {
    return await assemble(config, parts, { close, onClose: closer => closers.push(closer) })
  } catch (error) {
    await close()
    throw error
  }
}

type Closing = Readonly<{ close: () => Promise<void>; onClose: OnClose }>

const assemble = async (
  config: Config,
  {
    log,
    clock = () => new Date(),
    wait = systemWait,
    database: given,
    printMail = () => {},
    logLinesDropped = () => 0,
  }: Parts,
  { close, onClose }: Closing,
): Promise<Signet> => {
  const issuer = config.ISSUER
  const policy = audiencePolicyOf(config)
  const access_token_seconds = config.ACCESS_TOKEN_TTL_SECONDS
  const lifetimes: Lifetimes = {
    access_token_seconds,
    idle_seconds: config.REFRESH_TOKEN_IDLE_SECONDS,
    max_seconds: config.REFRESH_TOKEN_MAX_SECONDS,
  }

  const key_seconds = config.KEY_ROTATION_DAYS * 86_400
  const opened = await openParts(config, { clock, log, database: given, key_seconds, onClose })
  const { clients, database, demo, keys, metrics, passwords, peppers, redis } = opened

  // What is kept
  const accounts = createAccounts(database, lifetimes)
  const assertions = createAssertions(database)
  const refreshFamilies = createRefreshFamilies(database, lifetimes)
  const revocations = createRevocations(database, lifetimes)
  const endings = createEndings(database, lifetimes)
  const blocklist = redis ? createRedisBlocklist(redis) : absentBlocklist
  const limits = createLimits({ redis, metrics })

  // What is done with it
  const own = {
    accounts,
    blocklist,
    clock,
    database,
    issuer,
    keys,
    lifetimes,
    limits,
    log,
    metrics,
    passwords,
    peppers,
    policy,
    random,
    redis,
  }
  const published = composeRevocations({ ...own, clients, onClose })
  const mail = composeMail(config, { ...own, printMail, onClose })
  const second_factor_roles = config.SECOND_FACTOR_ROLES
  const { isBounded, requireLength } = createRequireLength(policy)
  const issue = createIssue({
    ...own,
    ttl_seconds: access_token_seconds,
    second_factor_roles,
    requireLength,
    reserveStatus: published.statusLists.reserve,
  })
  const rotate = createRotate({
    ...own,
    refreshFamilies,
    issue,
    isBounded,
    limit: createSparingLimit(limits('refresh', config.RATE_LIMIT_REFRESH), config.RATE_LIMIT_REFRESH),
    access_token_seconds,
    onReuse: mail.notices.refreshReused,
  })
  const authenticateClient = createAuthenticateClient({
    ...own,
    clients,
    assertions,
    failures: limits('token-failures', config.RATE_LIMIT_TOKEN_FAILURES),
  })
  const grants = createGrants({ issue, rotate, policy, peppers, ensureStore: database.ensure })
  const signInLimit = limits('sign-ins', config.RATE_LIMIT_ACCOUNTS)
  const openSignIn = createOpenSignIn({
    ...own,
    refreshFamilies,
    issue,
    limit: signInLimit,
  })
  const people = { clients, openSignIn, signInLimit, refreshFamilies, rotate, wait, mail }
  const tokens = { ...own, authenticateClient, clients, refreshFamilies, revocations }

  // What the world sees of it
  let isDraining = false
  const judgeHealth = createJudgeHealth({
    needs: { database: () => database.ping() },
    helpers: redis ? { redis: redis.isHealthy, redis_eviction: redis.isKeeping } : {},
    isDraining: () => isDraining,
  })
  const routes = createRoutes({
    exchange: createExchange({ authenticateClient, grants, metrics }),
    revoke: createRevoke({
      ...tokens,
      access_token_seconds,
      limit: limits('revoke', config.RATE_LIMIT_REVOKE),
    }),
    introspect: createIntrospect({ ...tokens, second_factor_roles }),
    ...composeAccounts(config, { ...own, ...people, issue }),
    ...published,
    authenticateAdmin: createAuthenticateAdmin(tokens),
    endEverything: createEndEverything({ accounts, endings, blocklist, issuer }),
    authenticateBearer: createAuthenticateBearer({ ...tokens, second_factor_roles }),
    metadata: authorizationServerMetadata({
      issuer,
      grant_types: grants.map(grant => grant.grant_type),
      assertion_algorithms: ASSERTION_ALGORITHMS,
    }),
    judgeHealth,
    clients,
    keys,
  })
  const around = { random, log, isDraining: () => isDraining }
  const app = createApp({
    ...around,
    routes,
    cors: createCors({ origins: config.CORS_ORIGINS, clients }),
    clientAddress: createClientAddress({
      trusted: config.TRUSTED_PROXIES,
      header: config.TRUSTED_PROXY_HEADER,
      log,
    }),
    metrics,
    isHttps: issuer.startsWith('https:'),
  })
  opened.openedMetrics?.watch({
    database: database.load,
    passwordsWaiting: passwords.waiting,
    mailsWaiting: mail.waiting,
    logLinesDropped,
    isRedisHealthy: redis && redis.isHealthy,
    keys: () => reportKeys(keys, { now: clock(), every_seconds: key_seconds }),
  })
  const internalApp =
    opened.openedMetrics && createInternalApp({ ...around, render: opened.openedMetrics.render, judgeHealth })
  return {
    app,
    internalApp,
    demo: demo && { client_id: demo.client.client_id, client_secret: demo.client_secret },
    reload: async () => {
      // Neither waits for the other, whose files may hang.
      await Promise.all([keys.reload(), opened.reloadClients()])
    },
    drain: () => {
      isDraining = true
      published.drain()
    },
    close,
  }
}
