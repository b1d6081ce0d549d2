import { type Config, clientPolicyOf } from '../config.ts'
import { StartFault } from '../domain/base/start-fault.ts'
import { Unavailable } from '../domain/base/unavailable.ts'
import type { RegistrationRefusal } from '../domain/clients/registration-refusals.ts'
import { keyEventsOf } from '../domain/keys/key-events.ts'
import { type Client, DEMO_APP } from '../domain/oauth/client.ts'
import { consoleClient } from '../domain/oauth/console-client.ts'
import { openRedis, type RedisConnection } from '../ephemeral/redis.ts'
import { createTimelineMemory } from '../ephemeral/timeline-memory.ts'
import { followClients } from '../flows/clients/follow-clients.ts'
import { createRegisteredClients } from '../flows/clients/registered-clients.ts'
import { createActivityMeter } from '../flows/events/activity-meter.ts'
import { openClientsFile } from '../platform/clients-file.ts'
import { openAssertionIssuers } from '../platform/config-files/assertion-issuers-file.ts'
import { openScopes } from '../platform/config-files/scopes-file.ts'
import { absentMetrics, openMetrics } from '../platform/metrics.ts'
import { currentOrigin } from '../platform/origin-context.ts'
import { createOutbound } from '../platform/outbound/outbound.ts'
import { openPasswords } from '../platform/passwords.ts'
import { systemRandom as random } from '../platform/random.ts'
import type { Clock, Log, StartPhase, Wait } from '../ports/effects.ts'
import { keepRotating } from '../signing/keep-rotating.ts'
import { judgeKeysDirectory } from '../signing/key-directory.ts'
import { openKeys } from '../signing/open-keys.ts'
import { createClientChanges } from '../store/clients/client-changes.ts'
import { judgeDataDir } from '../store/embedded/data-dir.ts'
import { openDemo, ownClientIdKeys, ownPeppers } from '../store/embedded/own-secrets.ts'
import { createEvents } from '../store/events/events.ts'
import { createFinishEndings } from '../store/families/unfinished-endings.ts'
import { createSweep, keepSweeping, type Sweep } from '../store/janitor.ts'
import { openStore } from '../store/open-store.ts'
import type { Database } from '../store/postgres/index.ts'

/** Registers a function that closes something at the end of the process. The last one registered runs first. */
export type OnClose = (closer: () => Promise<void> | void) => void

type Parts = Readonly<{
  clock: Clock
  log: Log
  wait: Wait
  /** A database that the caller has opened and closes. */
  database: Database | undefined
  /** PEM. Who may certify the servers of others; undefined: the authorities that this process trusts. */
  authorities: string | undefined
  onClose: OnClose
  onPhase: ((phase: StartPhase) => void) | undefined
}>

/**
 * Opens every part that has to be closed again. Parts that only read come first: a start that is refused leaves no directory and no key
 * behind. Rejects with a StartFault.
 */
export const openParts = async (config: Config, parts: Parts) => {
  const { clock, log, wait, onClose } = parts
  const key_seconds = config.KEY_ROTATION_DAYS * 86_400
  const isEmbedded = config.DATABASE_URL === null
  const policy = clientPolicyOf(config)
  const registered = createRegisteredClients({ log, clock, builtIn: builtInOf(config) })
  const { putListed, putStored } = registered
  const file = config.CLIENTS_FILE
  const listed = file === null ? null : await openClientsFile({ file, policy, onRead: putListed })
  const scopes = await openScopes(config.SCOPES_FILE)
  const assertionIssuers = await openAssertionIssuers(config.ASSERTION_ISSUERS_FILE, policy)
  refuseDirectories(config)
  // Before the database, because Redis knows the highest timeline, by which a former primary is refused.
  const redis = await openOwnRedis(config, parts)
  const openOwn = () => openOwnStore(config, parts, redis)
  const served = parts.database ?? (isEmbedded ? null : await openOwn())
  const keys = await openKeys({ directory: config.KEYS_DIR, clock, log })
  if ('faults' in keys) throw new StartFault(keys.faults)
  onClose(() => keys.close())
  const demo = isEmbedded && config.CLIENTS_FILE === null ? openDemo(config, policy.default_audience) : null
  if (demo !== null) putListed([demo.client, DEMO_APP, demo.web])
  const database = served ?? (await openOwn())
  onClose(keepKeysRotating(config, { database, clock, log }))
  const following = await followStored(config, { database, log, putStored })
  onClose(following.stop)
  const openedMetrics = config.INTERNAL_PORT === null ? null : openMetrics()
  const meter = createActivityMeter({ metrics: openedMetrics ?? absentMetrics, clock })
  const { metrics } = meter
  const sweep = createWholeSweep(config, database, log)
  onClose(keepSweeping({ sweep, metrics, log }))
  const outbound = createOutbound({
    allow: config.OUTBOUND_ALLOW,
    ...(parts.authorities === undefined ? {} : { authorities: parts.authorities }),
  })
  onClose(() => outbound.close())
  const passwords = openOwnPasswords(config, wait)
  onClose(() => passwords.close())
  const peppers = config.REFRESH_TOKEN_PEPPER ?? ownPeppers(config)
  return {
    assertionIssuers: assertionIssuers.current,
    clients: registered.clients,
    clientIdKeys: config.CLIENT_ID_KEYS ?? (isEmbedded ? ownClientIdKeys(config) : null),
    database,
    demo,
    findRegistration: registered.findRegistration,
    isWithheld: registered.isWithheld,
    keys,
    key_seconds,
    listedClients: registered.listed,
    lookForClients: following.lookNow,
    meter,
    metrics,
    openedMetrics,
    outbound,
    passwords,
    peppers,
    redis,
    refusedRegistrations: following.refusals,
    reloadFiles: () =>
      allOf([...(listed === null ? [] : [listed.reload()]), scopes.reload(), assertionIssuers.reload()]),
    scopes: scopes.current,
  }
}

const openOwnPasswords = (config: Config, wait: Wait) =>
  openPasswords({
    cost: config.PASSWORD_COST,
    workers: config.PASSWORD_WORKERS,
    wait,
    import_pepper: config.PASSWORD_IMPORT_PEPPER,
  })

/** The client of the console, wherever its pages may lead people to. */
const builtInOf = ({ ISSUER: issuer, CONSOLE_URL: console_url }: Config): readonly Client[] =>
  console_url === null ? [] : [consoleClient({ issuer, console_url })]

const keepKeysRotating = (
  { KEYS_DIR: directory, KEY_ROTATION_DAYS }: Config,
  { database, clock, log }: Readonly<{ database: Database; clock: Clock; log: Log }>,
) =>
  keepRotating({
    directory,
    every_seconds: KEY_ROTATION_DAYS * 86_400,
    clock,
    log,
    onChange: (before, after) => createEvents(database).write(keyEventsOf(before, after)),
  })

type Following = Readonly<{ database: Database; log: Log }> &
  Pick<ReturnType<typeof createRegisteredClients>, 'putStored'>

/** Follows the clients of the database, and what is refused of those that have registered themselves. */
const followStored = async (config: Config, { database, log, putStored }: Following) => {
  let refusals: readonly RegistrationRefusal[] = []
  const following = await followClients({
    changes: createClientChanges(database),
    policy: clientPolicyOf(config),
    log,
    onChange: known => {
      putStored(known.stored)
      refusals = known.refusals
    },
  })
  return { ...following, refusals: () => refusals }
}

const openOwnStore = async (
  config: Config,
  { log, onClose, onPhase }: Parts,
  redis: RedisConnection | null,
): Promise<Database> => {
  const memory = redis && createTimelineMemory(redis)
  const own = await openStore(config, { onPhase, currentOrigin, memory, log })
  onClose(() => own.close())
  return own
}

/** Waits for all, and rejects with the faults of all that failed. */
export const allOf = async (reloads: readonly Promise<void>[]): Promise<void> => {
  const failed = (await Promise.allSettled(reloads)).filter(each => each.status === 'rejected')
  const reasons: readonly unknown[] = failed.map(({ reason }) => reason)
  if (reasons.length === 0) return
  throw reasons.length > 1 && reasons.every(each => each instanceof StartFault)
    ? new StartFault(reasons.flatMap(({ lines }) => lines))
    : reasons[0]
}

export type OpenParts = Awaited<ReturnType<typeof openParts>>

/** Finishes endings and sweeps dead rows: a failure of the one does not keep the other from its work. */
const createWholeSweep = (config: Config, database: Database, log: Log): Sweep => {
  const onFailure = (error: unknown) => {
    if (!(error instanceof Unavailable))
      log.error({ error: String(error) }, 'the rest of an ending could not be finished')
  }
  const finishEndings = createFinishEndings(database, {
    access_token_seconds: config.ACCESS_TOKEN_TTL_SECONDS,
    onFailure,
  })
  const sweepRows = createSweep(database, {
    holder: random.uuid(),
    event_retention_days: config.EVENT_RETENTION_DAYS,
  })
  return async () => {
    const finished = finishEndings().catch(onFailure)
    try {
      return await sweepRows()
    } finally {
      await finished
    }
  }
}

/** Throws a StartFault with every fault of the directories. Their content is judged when it is read. */
const refuseDirectories = ({ KEYS_DIR, DATABASE_URL, DATA_DIR }: Config) => {
  const faults = [
    ...(judgeKeysDirectory(KEYS_DIR)?.faults ?? []),
    ...(DATABASE_URL === null ? judgeDataDir(DATA_DIR) : []),
  ]
  if (faults.length > 0) throw new StartFault(faults)
}

/** Null without REDIS_URL. Rejects with a StartFault when Redis is not what that URL says; a Redis that is away is no fault. */
const openOwnRedis = async (
  { REDIS_URL, REDIS_PREFIX }: Config,
  { log, onClose }: Parts,
): Promise<RedisConnection | null> => {
  if (REDIS_URL === null) return null
  const redis = openRedis({ url: REDIS_URL, prefix: REDIS_PREFIX, log })
  onClose(() => redis.close())
  await redis.connect()
  if (redis.isMisnamed()) throw new StartFault([`REDIS_URL: ${redis.fault()}`])
  return redis
}
